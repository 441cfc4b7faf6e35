#include <catch2/catch.hpp>

#include "core/kinds/disabled_fields.hpp"
#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

TEST_CASE("Fields of features that are off are left out, unless the object has them already") {
  const auto set = builtin("apps/v1", "StatefulSet");
  const auto sent = json::parse(R"({"spec":{"updateStrategy":{"rollingUpdate":{"maxUnavailable":1,"partition":2}}}})");
  auto made = sent, kept = sent;
  drop_disabled_fields(*set, made, nullptr);
  CHECK(made == json::parse(R"({"spec":{"updateStrategy":{"rollingUpdate":{"partition":2}}}})"));
  const auto old = json::parse(R"({"spec":{"updateStrategy":{"rollingUpdate":{"maxUnavailable":3}}}})");
  drop_disabled_fields(*set, kept, &old);
  CHECK(kept == sent);

  auto pod = json::parse(R"({"spec":{"volumes":[{"name":"a"},{"projected":{"sources":[{"clusterTrustBundle":{"path":"x"}},{"podCertificate":{"keyType":"x"},"secret":{"name":"s"}}]}}]}})");
  drop_disabled_fields(*builtin("v1", "Pod"), pod, nullptr);
  CHECK(pod == json::parse(R"({"spec":{"volumes":[{"name":"a"},{"projected":{"sources":[{},{"secret":{"name":"s"}}]}}]}})"));

  auto slice = json::parse(R"({"endpoints":[{"addresses":["1.2.3.4"],"deprecatedTopology":{"a":"b"}}]})");
  drop_disabled_fields(*builtin("discovery.k8s.io/v1", "EndpointSlice"), slice, nullptr);
  CHECK(slice == json::parse(R"({"endpoints":[{"addresses":["1.2.3.4"]}]})"));
}

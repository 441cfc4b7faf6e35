// Request bodies in protobuf, encoded here by hand as Go's clients encode them.
#include <boost/json/parse.hpp>
#include <catch2/catch.hpp>

#include "core/kinds/protobuf/protobuf.hpp"

using namespace keelson;
using kinds::from_protobuf;

namespace {

std::string number(std::uint64_t value) {
  std::string out;
  for (; value >= 0x80; value >>= 7) out += static_cast<char>(value | 0x80);
  return out + static_cast<char>(value);
}
std::string text(unsigned field, const std::string& value) { return number(field << 3 | 2) + number(value.size()) + value; }
std::string integer(unsigned field, std::uint64_t value) { return number(field << 3) + number(value); }
std::string envelope(const std::string& api_version, const std::string& kind, const std::string& raw) {
  return std::string("k8s\0", 4) + text(1, text(1, api_version) + text(2, kind)) + text(2, raw) + text(3, "") + text(4, "");
}
std::string map_entry(unsigned field, const std::string& key, const std::string& value) { return text(field, text(1, key) + value); }

}  // namespace

TEST_CASE("a ConfigMap comes out as its JSON") {
  const auto meta = text(1, "name") + text(3, "ns") + text(8, "") + map_entry(11, "l", text(2, "v"));
  const auto body = envelope("v1", "ConfigMap", text(1, meta) + map_entry(2, "k", text(2, "1")) + map_entry(3, "b", text(2, std::string("\0\xff", 2))));
  CHECK(from_protobuf(body).value() ==
        boost::json::parse(R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"name":"name","namespace":"ns","labels":{"l":"v"}},"data":{"k":"1"},"binaryData":{"b":"AP8="}})"));
}

TEST_CASE("quantities, int-or-strings, times, repeated and inlined messages come out as their JSON") {
  const auto port = text(1, "http") + integer(3, 8080) + text(4, "TCP");
  const auto probe = text(1, text(2, text(1, "/") + text(2, integer(1, 1) + integer(2, 0) + text(3, "http")))) + integer(2, 3);
  const auto resources = map_entry(1, "cpu", text(2, text(1, "100m")));
  const auto container = text(1, "c") + text(2, "image") + text(3, "sh") + text(3, "-c") + text(6, port) + text(8, resources) + text(10, probe);
  const auto meta = text(1, "p") + text(8, integer(1, 1'600'000'000) + integer(2, 0));
  const auto pod = from_protobuf(envelope("v1", "Pod", text(1, meta) + text(2, text(2, container) + integer(4, 0)))).value();
  const auto expected = boost::json::parse(R"({"kind":"Pod","apiVersion":"v1","metadata":{"name":"p","creationTimestamp":"2020-09-13T12:26:40Z"},
    "spec":{"containers":[{"name":"c","image":"image","command":["sh","-c"],"ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}],
    "resources":{"limits":{"cpu":"100m"}},"livenessProbe":{"httpGet":{"path":"/","port":"http"},"initialDelaySeconds":3}}],"terminationGracePeriodSeconds":0}})");
  CHECK(pod == expected);
}

TEST_CASE("options of any group's version are found") {
  const auto options = from_protobuf(envelope("apps/v1", "DeleteOptions", integer(1, 0) + text(4, "Foreground"))).value();
  CHECK(options.at("gracePeriodSeconds") == 0);
  CHECK(options.at("propagationPolicy") == "Foreground");
}

TEST_CASE("broken protobuf is refused, never trusted") {
  const auto whole = envelope("v1", "ConfigMap", text(1, text(1, "name")) + map_entry(2, "k", text(2, "1")));
  CHECK(from_protobuf("{}").error().code == 400);
  CHECK(from_protobuf(envelope("v9", "Nothing", "")).error().message.find("no kind \"Nothing\"") == 0);
  for (std::size_t size = 4; size < whole.size(); ++size)
    if (auto cut = from_protobuf(std::string_view(whole).substr(0, size)); !cut) CHECK(cut.error().code == 400);
  CHECK(from_protobuf(envelope("v1", "ConfigMap", integer(1, 5))).error().code == 400);
  CHECK(from_protobuf(envelope("v1", "ConfigMap", number(1 << 3 | 2) + number(1ull << 60))).error().code == 400);
  CHECK(from_protobuf(envelope("v1", "ConfigMap", std::string(11, '\xff'))).error().code == 400);
}

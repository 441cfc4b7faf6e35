#include "core/plugins/rights.hpp"

#include <catch2/catch.hpp>

using namespace keelson;
using namespace keelson::plugins;

namespace {

std::string rules_of(const std::string& declaration, const std::vector<base::Atom>& own = {}) {
  const auto parsed = parse_declaration(declaration);
  REQUIRE(parsed.has_value());
  return rules_json(rights_of(*parsed, own));
}

const std::string kEvents = R"({"verbs":["create","patch","update"],"apiGroups":[""],"resources":["events"]})";
const std::string kNewEvents = R"({"verbs":["create","patch","update"],"apiGroups":["events.k8s.io"],"resources":["events"]})";

}  // namespace

TEST_CASE("a plugin that declares nothing may tell events") { CHECK(rules_of("{}") == "[" + kEvents + "," + kNewEvents + "]"); }

TEST_CASE("what a plugin may do follows from its kinds, its controllers and its observers") {
  const std::string site = R"({"group":"demo.io","version":"v1","resource":"websites","kind":"Website"})", app = R"({"group":"apps","version":"v1","resource":"deployments","kind":"Deployment"})",
                    secret = R"({"group":"","version":"v1","resource":"secrets","kind":"Secret"})", node = R"({"group":"","version":"v1","resource":"nodes","kind":"Node"})";
  const auto rules = rules_of(R"({"controllers":[{"name":"c","kind":)" + site + R"(,"sources":[{"kind":)" + site + R"(,"via":"self"},{"kind":)" + app + R"(,"via":"owner"},{"kind":)" + secret +
                                  R"(,"via":"map"}]}],"observers":[{"kind":)" + node + R"(}],"rules":[{"verbs":["delete"],"apiGroups":[""],"resources":["pods"],"resourceNames":["one"]}]})",
                              {base::Atom("websites.demo.io")});
  CHECK(rules == R"([{"verbs":["delete"],"apiGroups":[""],"resources":["pods"],"resourceNames":["one"]},)" + kEvents +
                     R"(,{"verbs":["get","list","watch"],"apiGroups":[""],"resources":["nodes","secrets"]},)"
                     R"({"verbs":["create","delete","get","list","patch","update","watch"],"apiGroups":["apps"],"resources":["deployments"]},)"
                     R"({"verbs":["*"],"apiGroups":["demo.io"],"resources":["websites","websites/finalizers","websites/scale","websites/status"]},)" + kNewEvents + "]");
}

TEST_CASE("who reconciles another's kind changes it and its status, who observes everything reads everything") {
  const std::string set = R"({"group":"apps","version":"v1","resource":"replicasets","kind":"ReplicaSet"})";
  CHECK(rules_of(R"({"controllers":[{"name":"c","kind":)" + set + R"(,"sources":[{"kind":)" + set + R"(,"via":"self"}]}]})").find(
            R"({"verbs":["get","list","patch","update","watch"],"apiGroups":["apps"],"resources":["replicasets"]},{"verbs":["get","patch","update"],"apiGroups":["apps"],"resources":["replicasets/status"]},{"verbs":["update"],"apiGroups":["apps"],"resources":["replicasets/finalizers"]})") != std::string::npos);
  CHECK(rules_of(R"({"observers":[{"kind":null}]})").find(R"({"verbs":["get","list","watch"],"apiGroups":["*"],"resources":["*"]})") != std::string::npos);
}

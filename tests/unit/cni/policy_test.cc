#include <catch2/catch.hpp>

#include <algorithm>
#include <keelson/codec.hpp>
#include <set>
#include <sstream>
#include <unistd.h>

#include "execute.hpp"
#include "intervals.hpp"
#include "policy_rules.hpp"

using namespace keelson;
using namespace keelson::cni;

namespace {

const LabelMap kNoLabels;

networking_v1::NetworkPolicy policy(const std::string& name, const std::string& spec, const std::string& ns = "shop") {
  return decode<networking_v1::NetworkPolicy>(R"({"metadata":{"name":")" + name + R"(","namespace":")" + ns + R"(","uid":")" + name + R"("},"spec":)" + spec + "}");
}

core_v1::Pod stored(const std::string& name, const std::string& address, const std::string& labels, const std::string& more = "") {
  return decode<core_v1::Pod>(R"({"metadata":{"name":")" + name + R"(","namespace":"shop","labels":)" + labels +
                              R"(},"spec":{"nodeName":"here","containers":[{"name":"c","ports":[{"name":"http","containerPort":8080,"protocol":"TCP"}]}])" + more +
                              R"(},"status":{"phase":"Running","podIP":")" + address + R"("}})");
}

PodFacts pod(const std::string& name, const std::string& address, const std::string& labels, const std::string& node = "here", const std::string& ns = "shop") {
  auto facts = facts_of(stored(name, address, labels), node);
  REQUIRE(facts);
  facts->key.ns = ns;
  return *facts;
}

std::vector<std::string> chain(const PolicyRules& rules, const std::string& name) {
  const auto found = rules.rules().chains.find(name);
  return found == rules.rules().chains.end() ? std::vector<std::string>{"none"} : found->second;
}

std::vector<std::string> elements(const PolicyRules& rules, const std::string& name) {
  std::vector<std::string> out;
  if (const auto found = rules.rules().sets.find(name); found != rules.rules().sets.end())
    for (const auto& [element, holders] : found->second.elements) out.push_back(element);
  return out;
}

using Lines = std::vector<std::string>;

/// The rules of a policy's ingress, with no pod shown.
Lines ingress(const std::string& rules) {
  PolicyRules all("br0");
  all.put(policy("p", R"({"podSelector":{},"policyTypes":["Ingress"],"ingress":)" + rules + "}"));
  return chain(all, "p-p-in");
}

/// What the kernel has after these scripts, in a network namespace of its own: the sets and chains, in any order.
std::set<std::string> listed(const std::string& table, const Lines& scripts) {
  std::string all;
  for (const auto& script : scripts) all += "nft -f - <<'END' || exit 1\n" + script + "END\n";
  const auto done = execute({"unshare", "-n", "sh", "-c", all + "nft list table inet " + table}, {}, {});
  INFO((done ? "" : done.error().message) << "\n" << all);
  REQUIRE(done.has_value());
  std::set<std::string> blocks;
  std::string block;
  std::istringstream lines(*done);
  for (std::string line; std::getline(lines, line);) {
    if (line == "table inet " + table + " {" || line == "}" || line.empty()) continue;
    block += line + "\n";
    if (line == "\t}") blocks.insert(std::exchange(block, {}));
  }
  return blocks;
}

bool may_use_nft() { return ::geteuid() == 0 && execute({"unshare", "-n", "nft", "list", "ruleset"}, {}, {}).has_value(); }

}  // namespace

TEST_CASE("intervals are united, and what is excepted is cut out of them") {
  CHECK(addresses_text(united({{5, 9}, {1, 3}, {4, 4}, {20, 20}})) == "{ 0.0.0.1-0.0.0.9, 0.0.0.20 }");
  CHECK(difference({0, 10}, {{3, 4}, {9, 12}}) == Intervals{{0, 2}, {5, 8}});
  CHECK(difference({5, 6}, {{0, 10}}).empty());
  CHECK(difference({0, ~0u}, {{1, ~0u}}) == Intervals{{0, 0}});
  CHECK(difference({0, ~0u}, {}) == Intervals{{0, ~0u}});
  CHECK(numbers_text({{80, 80}, {8000, 8010}}) == "{ 80, 8000-8010 }");
}

TEST_CASE("a rule allows peers and ports, each pair of them; without peers everybody, without ports all") {
  CHECK(ingress("[{}]") == Lines{"accept"});
  CHECK(ingress("[]").empty());
  CHECK(ingress(R"([{"ports":[{"port":80},{"port":8000,"endPort":8010,"protocol":"TCP"},{"port":8005,"protocol":"TCP"},{"protocol":"UDP"}]}])") ==
        Lines{"tcp dport { 80, 8000-8010 } accept", "meta l4proto udp accept"});
  CHECK(ingress(R"([{"from":[{"podSelector":{}},{"ipBlock":{"cidr":"10.0.0.0/24","except":["10.0.0.0/25","10.0.0.255/32"]}}],"ports":[{"port":9,"protocol":"SCTP"}]}])") ==
        Lines{"ip saddr @p-p-in0-pods sctp dport { 9 } accept", "ip saddr { 10.0.0.128-10.0.0.254 } sctp dport { 9 } accept"});
  CHECK(ingress(R"([{"ports":[{"port":"http"}],"from":[{"podSelector":{}}]},{"ports":[{"port":"http"}]}])") ==
        Lines{"ip saddr @p-p-in0-pods ip daddr . meta l4proto . th dport @p-p-in0-ports accept", "ip daddr . meta l4proto . th dport @p-p-in1-ports accept"});
  CHECK(ingress(R"([{"from":[{"ipBlock":{"cidr":"2001:db8::/32"}}]}])").empty());   // pods have IPv4 addresses
}

TEST_CASE("a pod that a policy selects is isolated in the directions of the policy, others are left alone") {
  PolicyRules rules("br0");
  rules.put(policy("deny", R"({"podSelector":{"matchLabels":{"app":"db"}},"policyTypes":["Ingress"]})"));
  rules.show(pod("db", "10.42.0.2", R"({"app":"db"})"), kNoLabels);
  rules.show(pod("web", "10.42.0.3", R"({"app":"web"})"), kNoLabels);
  rules.show(pod("far", "10.42.1.2", R"({"app":"db"})", "elsewhere"), kNoLabels);
  rules.show(pod("foreign", "10.42.0.4", R"({"app":"db"})", "here", "other"), kNoLabels);
  CHECK(elements(rules, "ingress") == Lines{"10.42.0.2 : goto in-10.42.0.2"});
  CHECK(elements(rules, "egress").empty());
  CHECK(elements(rules, "self") == Lines{"10.42.0.2 . 10.42.0.2"});
  CHECK(chain(rules, "in-10.42.0.2") == Lines{"jump p-deny-in comment \"shop/deny\"", "drop"});
  CHECK(chain(rules, "p-deny-in").empty());
  CHECK(chain(rules, "out-10.42.0.2") == Lines{"none"});
  rules.show(pod("db", "10.42.0.2", R"({"app":"web"})"), kNoLabels);
  CHECK_FALSE(rules.isolates());
  CHECK(chain(rules, "in-10.42.0.2") == Lines{"none"});
}

TEST_CASE("policyTypes that are not said are Ingress, and Egress when there are egress rules") {
  PolicyRules rules("br0");
  rules.put(policy("a", R"({"podSelector":{}})"));
  CHECK((chain(rules, "p-a-in").empty() && chain(rules, "p-a-out") == Lines{"none"}));
  rules.put(policy("a", R"({"podSelector":{},"egress":[{"to":[{"podSelector":{}}]}]})"));
  CHECK((chain(rules, "p-a-in").empty() && chain(rules, "p-a-out") == Lines{"ip daddr @p-a-out0-pods goto to"}));
  rules.put(policy("a", R"({"podSelector":{},"policyTypes":["Egress"],"ingress":[{}]})"));
  CHECK((chain(rules, "p-a-in") == Lines{"none"} && chain(rules, "p-a-out").empty()));
}

TEST_CASE("peers are pods of the own namespace, of namespaces by label, or both at once") {
  PolicyRules rules("br0");
  rules.put(policy("p", R"({"podSelector":{},"policyTypes":["Ingress"],"ingress":[
    {"from":[{"podSelector":{"matchExpressions":[{"key":"app","operator":"In","values":["web","cron"]}]}}]},
    {"from":[{"namespaceSelector":{"matchLabels":{"team":"a"}}}]},
    {"from":[{"namespaceSelector":{"matchLabels":{"team":"a"}},"podSelector":{"matchLabels":{"app":"web"}}}]}]})"));
  CHECK(rules.looks_elsewhere({"shop", "p"}));
  const LabelMap team{{"team", "a"}};
  rules.show(pod("web", "10.42.0.2", R"({"app":"web"})"), kNoLabels);
  rules.show(pod("db", "10.42.0.3", R"({"app":"db"})"), kNoLabels);
  rules.show(pod("web", "10.42.0.4", R"({"app":"web"})", "elsewhere", "a"), team);
  rules.show(pod("db", "10.42.0.5", R"({"app":"db"})", "here", "a"), team);
  CHECK(elements(rules, "p-p-in0-pods") == Lines{"10.42.0.2"});
  CHECK(elements(rules, "p-p-in1-pods") == Lines{"10.42.0.4", "10.42.0.5"});
  CHECK(elements(rules, "p-p-in2-pods") == Lines{"10.42.0.4"});
  rules.show(pod("web", "10.42.0.4", R"({"app":"web"})", "elsewhere", "a"), kNoLabels);   // the namespace has lost its label
  CHECK(elements(rules, "p-p-in1-pods") == Lines{"10.42.0.5"});
  CHECK(elements(rules, "p-p-in2-pods").empty());
}

TEST_CASE("named ports are those of the target: the isolated pod's for ingress, the peer's for egress") {
  PolicyRules rules("br0");
  rules.put(policy("p", R"({"podSelector":{"matchLabels":{"app":"db"}},"policyTypes":["Ingress","Egress"],"ingress":[{"ports":[{"port":"http"}]}],
    "egress":[{"to":[{"podSelector":{"matchLabels":{"app":"web"}}}],"ports":[{"port":"http"},{"port":"none"}]}]})"));
  rules.show(pod("db", "10.42.0.2", R"({"app":"db"})"), kNoLabels);
  rules.show(pod("web", "10.42.1.3", R"({"app":"web"})", "elsewhere"), kNoLabels);
  CHECK(elements(rules, "p-p-in0-ports") == Lines{"10.42.0.2 . tcp . 8080"});
  CHECK(elements(rules, "p-p-out0-ports") == Lines{"10.42.1.3 . tcp . 8080"});
}

TEST_CASE("policies are not about pods of the node's network, pods that have ended and pods without an address") {
  CHECK_FALSE(facts_of(stored("host", "10.0.0.1", "{}", R"(,"hostNetwork":true)"), "here"));
  CHECK_FALSE(facts_of(stored("new", "", "{}"), "here"));
  CHECK(facts_of(stored("new", "", "{}"), "here", "10.42.0.9")->address == "10.42.0.9");
  CHECK_FALSE(facts_of(stored("bad", "10.42.0.9 : accept", "{}"), "here"));   // nothing of it gets into a rule
  auto ended = stored("ended", "10.42.0.2", "{}");
  ended.status.phase = "Succeeded";
  CHECK_FALSE(facts_of(ended, "here"));
}

TEST_CASE("an address that another pod got before the first was forgotten keeps what the second one asks for") {
  PolicyRules rules("br0");
  rules.put(policy("p", R"({"podSelector":{},"policyTypes":["Ingress"],"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"web"}}}]}]})"));
  rules.show(pod("old", "10.42.0.2", R"({"app":"web"})"), kNoLabels);
  rules.show(pod("new", "10.42.0.2", R"({"app":"web"})"), kNoLabels);
  rules.forget({"shop", "old"});
  CHECK(elements(rules, "p-p-in0-pods") == Lines{"10.42.0.2"});
  CHECK(rules.isolates("10.42.0.2"));
  rules.forget({"shop", "new"});
  CHECK(elements(rules, "p-p-in0-pods").empty());
  CHECK_FALSE(rules.isolates());
}

TEST_CASE("a policy that is gone leaves nothing, and one that is replaced only what it says now") {
  PolicyRules rules("br0");
  const auto empty = script_of_all("t", rules.rules());
  const auto web = pod("web", "10.42.0.2", R"({"app":"web"})");
  rules.put(policy("p", R"({"podSelector":{},"ingress":[{"from":[{"podSelector":{}}],"ports":[{"port":"http"}]}],"egress":[{"ports":[{"port":"http"}]}]})"));
  rules.show(web, kNoLabels);
  CHECK(rules.asks_for_namespaces());   // any pod's port may be called so
  rules.put(policy("p", R"({"podSelector":{},"policyTypes":["Ingress"]})"));
  rules.show(web, kNoLabels);
  CHECK(rules.rules().sets.size() == 3);
  CHECK_FALSE(rules.asks_for_namespaces());
  rules.remove({"shop", "p"});
  CHECK(script_of_all("t", rules.rules()) == empty);
  CHECK((rules.empty() && !rules.isolates()));
}

TEST_CASE("only what changed is said to the kernel") {
  PolicyRules rules("br0");
  rules.put(policy("p", R"({"podSelector":{"matchLabels":{"app":"db"}},"policyTypes":["Ingress"],"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"web"}}}]}]})"));
  rules.show(pod("db", "10.42.0.2", R"({"app":"db"})"), kNoLabels);
  auto held = rules.rules();
  rules.take_changed();
  rules.show(pod("db", "10.42.0.2", R"({"app":"db"})"), kNoLabels);
  CHECK(rules.take_changed().empty());
  rules.show(pod("web", "10.42.0.3", R"({"app":"web"})"), kNoLabels);
  CHECK(script_of_changes("t", held, rules.rules(), rules.take_changed()) == "add element inet t p-p-in0-pods { 10.42.0.3 }\n");
  held = rules.rules();
  rules.forget({"shop", "db"});
  CHECK(script_of_changes("t", held, rules.rules(), rules.take_changed()) ==
        "delete element inet t ingress { 10.42.0.2 : goto in-10.42.0.2 }\ndelete element inet t self { 10.42.0.2 . 10.42.0.2 }\nflush chain inet t in-10.42.0.2\ndelete chain inet t in-10.42.0.2\n");
}

TEST_CASE("nft takes every script, and changes end where replacing everything does") {
  if (!may_use_nft()) {
    WARN("network namespaces and nft need root");
    return;
  }
  const std::string table = table_name("kl-1");
  CHECK(table == "keelson_kl_1");
  PolicyRules rules("br0");
  PacketRules held;
  Lines changes;
  const auto note = [&] {
    const auto names = rules.take_changed();
    changes.push_back(changes.empty() ? script_of_all(table, rules.rules()) : script_of_changes(table, held, rules.rules(), names));
    held.adopt(rules.rules(), names);
    if (changes.size() == 1) held = rules.rules();
    CHECK(listed(table, changes) == listed(table, {script_of_all(table, rules.rules())}));
  };
  const std::string wide = R"({"podSelector":{},"policyTypes":["Ingress","Egress"],
    "ingress":[{"from":[{"podSelector":{}},{"ipBlock":{"cidr":"0.0.0.0/0"}}],"ports":[{"port":80},{"port":"http"},{"port":5,"endPort":7,"protocol":"SCTP"}]}],
    "egress":[{"to":[{"namespaceSelector":{}},{"ipBlock":{"cidr":"10.0.0.0/8","except":["10.1.0.0/16"]}}],"ports":[{"protocol":"UDP"},{"port":"http"}]},{}]})";
  rules.put(policy("deny", R"({"podSelector":{},"policyTypes":["Ingress"]})"));
  rules.show(pod("a", "10.42.0.2", "{}"), kNoLabels);
  note();
  rules.put(policy("wide", wide));
  for (const char* name : {"a", "b"}) rules.show(pod(name, name[0] == 'a' ? "10.42.0.2" : "10.42.0.3", "{}"), kNoLabels);
  note();
  rules.forget({"shop", "a"});
  rules.remove({"shop", "deny"});
  note();
  rules.put(policy("wide", R"({"podSelector":{},"policyTypes":["Egress"]})"));
  rules.show(pod("b", "10.42.0.3", "{}"), kNoLabels);
  note();
  rules.remove({"shop", "wide"});
  note();
}

#include <boost/json.hpp>
#include <catch2/catch.hpp>
#include <random>

#include <keelson/kinds/core_v1.hpp>
#include <keelson/state.hpp>

namespace json = boost::json;

namespace {

json::value random_value(std::mt19937& random, int depth) {
  const auto pick = [&](unsigned n) { return random() % n; };
  switch (pick(depth > 0 ? 8 : 5)) {
    case 0: return nullptr;
    case 1: return pick(2) == 0;
    case 2: return static_cast<std::int64_t>(pick(3));
    case 3: return json::string("text " + std::to_string(pick(3)));
    case 4: return json::string(pick(4) == 0 ? "a \"quote\", a \\ and a \n" : "b{]}[");
    case 5: {
      json::array items;
      for (unsigned i = pick(3); i > 0; --i) items.push_back(random_value(random, depth - 1));
      return items;
    }
    default: {
      json::object members;
      for (unsigned i = pick(5); i > 0; --i) members[std::string(1, static_cast<char>('a' + pick(6)))] = random_value(random, depth - 1);
      return members;
    }
  }
}

json::object random_object(std::mt19937& random) {
  auto value = random_value(random, 4);
  auto object = value.is_object() ? value.get_object() : json::object{{"spec", value}};
  auto metadata = random_value(random, 2);
  auto& held = object["metadata"] = metadata.is_object() ? metadata : json::value(json::object());
  if (random() % 3 != 0) held.get_object()["resourceVersion"] = std::to_string(random() % 100);
  return object;
}

}  // namespace

TEST_CASE("what differs is found in texts as it is in values") {
  std::mt19937 random(7);
  int different = 0;
  for (int i = 0; i < 5'000; ++i) {
    const auto from = random_object(random);
    auto to = random() % 4 == 0 ? random_object(random) : from;
    if (random() % 2 == 0) to[std::string(1, static_cast<char>('a' + random() % 6))] = random_value(random, 2);
    const auto a = json::serialize(from), b = json::serialize(to);
    const auto patch = keelson::detail::modification(a, b), expected = keelson::detail::modification_of_values(a, b);
    INFO(a << "\n" << b << "\n" << patch << "\n" << expected);
    REQUIRE(patch.empty() == expected.empty());
    if (expected.empty()) continue;
    ++different;
    auto got = json::parse(patch), wanted = json::parse(expected);
    if (!got.get_object().contains("metadata") && wanted.at("metadata").get_object().empty()) wanted.get_object().erase("metadata");
    REQUIRE(got == wanted);
  }
  CHECK(different > 1'000);
}

TEST_CASE("a status is compared with what is stored and keeps what its type does not know") {
  const std::string stored = R"({"metadata":{"name":"p","namespace":"n","resourceVersion":"7"},"status":{"phase":"Pending","unknown":{"a":1}}})";
  const auto pod = keelson::decode<keelson::Pod>(stored);
  const auto& table = keelson::codec::CodecFor<keelson::Pod>::value;
  auto status = pod.status;
  const auto change = [&] { return keelson::detail::status_change(table, &pod, &pod.status, &status); };
  CHECK(change().key == keelson::Key{"n", "p"});
  CHECK(change().revision == "7");
  CHECK(keelson::detail::status_modification(stored, change()).empty());
  status.phase = "Running";
  CHECK(json::parse(keelson::detail::status_modification(stored, change())) == json::parse(R"({"metadata":{"resourceVersion":"7"},"status":{"phase":"Running"}})"));
  status = {};
  CHECK(change().to.empty());
  CHECK(json::parse(keelson::detail::status_modification(stored, change())) == json::parse(R"({"metadata":{"resourceVersion":"7"},"status":{"phase":null}})"));
  const keelson::detail::StatusChange defaults{{}, "", R"({"runs":0})", R"({"runs":0})"};
  CHECK(keelson::detail::status_patch("", defaults) == R"({"status":{"runs":0}})");
  CHECK(keelson::detail::status_patch(R"({"runs":0,"more":1})", defaults).empty());
}

TEST_CASE("conditions that somebody else wrote since a status was read stay as they are") {
  const auto conditions = [](const std::string& some) { return R"({"conditions":[)" + some + "]}"; };
  const auto one = [](const std::string& type, const std::string& status) { return R"({"type":")" + type + R"(","status":")" + status + "\"}"; };
  const auto patched = [&](const std::string& stored, const std::string& from, const std::string& to) {
    const auto patch = keelson::detail::status_patch(conditions(stored), {{}, "", conditions(from), conditions(to)});
    return patch.empty() ? "" : json::serialize(json::parse(patch).at("status").at("conditions"));
  };
  const auto ready = one("Ready", "True"), unready = one("Ready", "False"), seen = one("Seen", "True"), gate = one("Gate", "True"), shut = one("Gate", "False");
  CHECK(patched(unready + "," + seen, unready, ready) == "[" + ready + "," + seen + "]");
  CHECK(patched(unready + "," + shut, unready + "," + gate, ready + "," + gate) == "[" + ready + "," + shut + "]");
  CHECK(patched(unready, unready + "," + gate, ready + "," + gate) == "[" + ready + "]");
  CHECK(patched(ready + "," + seen, ready, one("New", "True")) == "[" + seen + "," + one("New", "True") + "]");
  CHECK(patched(ready + "," + seen, "", ready).empty());
}

TEST_CASE("an encoded object's key is read without the rest") {
  const std::string text = R"({"kind":"X","spec":{"metadata":{"name":"no"}},"metadata":{"name":"a-\u0062","labels":{"name":"no"},"resourceVersion":"7","namespace":"n"}})";
  CHECK(keelson::detail::key_of(text) == keelson::Key{"n", "a-b"});
  CHECK(keelson::detail::key_of(R"({"spec":1})") == keelson::Key{});
  CHECK_THROWS(keelson::detail::key_of("[]"));
}

namespace {

/// Of two objects, at each member one, the other or none.
json::value mixed(std::mt19937& random, const json::value& a, const json::value& b) {
  if (!a.is_object() || !b.is_object()) return random() % 4 == 0 ? b : a;
  json::object out;
  for (const auto* from : {&a, &b})
    for (const auto& [name, value] : from->get_object()) {
      if (out.contains(name) || random() % 8 == 0) continue;
      const auto* other = (from == &a ? b : a).get_object().if_contains(name);
      out[name] = other != nullptr ? mixed(random, value, *other) : value;
    }
  return out;
}

constexpr const char* kWeb = R"({"metadata":{"name":"web","namespace":"default","uid":"1","resourceVersion":"7","creationTimestamp":"2026-01-02T03:04:05Z",
  "labels":{"app":"web","tier":"front"},"annotations":{"a":"say \"hi\"\n","b":""},"finalizers":["x/y"],
  "ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"web-1","uid":"2","controller":true}],
  "managedFields":[{"manager":"m","operation":"Update","apiVersion":"v1","time":"2026-01-02T03:04:05Z","fieldsType":"FieldsV1","fieldsV1":{"f:data":{"f:n":{}}}}]},
  "spec":{"containers":[{"name":"c","image":"i:1","ports":[{"containerPort":80}],"resources":{"limits":{"cpu":"100m"},"requests":{"memory":"1Gi"}},
    "livenessProbe":{"httpGet":{"path":"/","port":"http"},"periodSeconds":5}}],"nodeSelector":{"a":"b","c":"d"},"terminationGracePeriodSeconds":30,"hostNetwork":true,
    "securityContext":{"runAsUser":1000},"volumes":[{"name":"v","emptyDir":{}}]},
  "status":{"phase":"Running","podIP":"10.0.0.1","conditions":[{"type":"Ready","status":"True"}],"startTime":"2026-01-02T03:04:06Z"}})";
constexpr const char* kOther = R"({"metadata":{"name":"web","namespace":"default","uid":"1","resourceVersion":"8","labels":{"app":"web2","new":"one"},"annotations":{"b":"c"},"generation":3},
  "spec":{"containers":[{"name":"c","image":"i:2"}],"nodeSelector":{"c":"e"},"nodeName":"n1","securityContext":{"runAsGroup":0,"fsGroup":5},"affinity":{"nodeAffinity":{}},
    "overhead":{"cpu":"1"},"dnsConfig":{"nameservers":["1.1.1.1"]}},
  "status":{"phase":"Failed","message":"a \\ b","conditions":[]}})";

keelson::core_v1::Pod random_pod(std::mt19937& random) {
  auto object = mixed(random, json::parse(kWeb), json::parse(kOther));
  if (!object.get_object().contains("metadata")) object.get_object()["metadata"] = json::object{{"name", "web"}};
  return keelson::decode<keelson::core_v1::Pod>(json::serialize(object));
}

}  // namespace

TEST_CASE("what differs between two structs is what differs between their texts") {
  std::mt19937 random(11);
  int different = 0;
  for (int i = 0; i < 3'000; ++i) {
    const auto from = random_pod(random);
    auto to = random_pod(random);
    if (to.meta.name.empty()) to.meta.name = "web";
    if (random() % 8 == 0) to = from;
    const auto a = keelson::encode(from), b = keelson::encode(to);
    const auto& table = keelson::codec::CodecFor<keelson::core_v1::Pod>::value;
    const auto patch = keelson::detail::modification(table, &from, &to), expected = keelson::detail::modification(a, b);
    INFO(a << "\n" << b << "\n" << patch << "\n" << expected);
    REQUIRE(keelson::detail::key_of(table, &from) == keelson::detail::key_of(a));
    REQUIRE(patch.empty() == expected.empty());
    if (expected.empty()) continue;
    ++different;
    auto got = json::parse(patch), wanted = json::parse(expected);
    if (!got.get_object().contains("metadata") && wanted.at("metadata").get_object().empty()) wanted.get_object().erase("metadata");
    REQUIRE(got == wanted);
  }
  CHECK(different > 2'000);
}

TEST_CASE("what differs in what is kept as text is found in it") {
  const auto patch_of = [](const char* from, const char* to) {
    std::string out;
    return keelson::detail::raw_modification(out, from, to) ? out : "same";
  };
  CHECK(patch_of(R"({"a":1,"b":{"c":2,"d":3}})", R"({"a":1,"b":{"c":4}})") == R"({"b":{"c":4,"d":null}})");
  CHECK(patch_of(R"({"a":"\\"})", R"({"a":"\\","b":1})") == R"({"b":1})");
  CHECK(patch_of(R"({"a":1,"b":2})", R"({"b":2, "a":1})") == "same");
  CHECK(patch_of("[1]", "[2]") == "[2]");
  CHECK(patch_of("", "") == "same");
  CHECK(patch_of("1", "") == "null");
}

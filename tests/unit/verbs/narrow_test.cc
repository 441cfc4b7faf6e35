// Narrow writes: what is worked out on one member of the stored text is what the whole object gives, whoever looks at it.
#include <deque>
#include <map>
#include <random>
#include <set>

#include "core/kinds/protobuf/protobuf.hpp"
#include "core/verbs/narrow_write.hpp"
#include "tests/unit/seeds.hpp"
#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

/// Looks at every object that is updated, as a webhook does: then the whole way is taken.
class Onlooker final : public auth::AdmissionUnit {
 public:
  std::string_view name() const override { return "Onlooker"; }
  bool handles(auth::AdmissionRequest::Operation operation, const kinds::Kind&, std::string_view) const override { return operation == auth::AdmissionRequest::Operation::update; }
};

struct Thing {
  std::string what, ns, name, subresource, made;
  std::vector<std::pair<std::string, std::vector<std::string>>> members;   ///< of the patched part: a name and values that it may be set to
};

const std::vector<std::string> kTimes = {R"("2026-01-02T03:04:05Z")", R"("2026-01-02T03:04:05.123456Z")", R"("2026-01-02T05:04:05+02:00")", R"("soon")", "null", "7"};
const std::vector<std::string> kTexts = {R"("a")", R"("b/c d")", R"("a\"\\b\u00e9<")", R"("")", "null", "3"};
const std::vector<std::string> kNumbers = {"1", "2", "40", "0", "-1", "null", R"("x")", "2147483648"};
const std::vector<std::string> kAddresses = {R"([{"ip":"10.0.0.3"},{"ip":"fd00::1"}])", R"([{"ip":"10.0.0.1"}])", "[]", R"([{"ip":"10.0.0.3"},{"ip":"10.0.0.4"}])", R"([{"ip":"none"}])", R"([{}])", "null"};
const std::vector<std::string> kConditions = {
    R"([{"type":"Ready","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z"}])", R"([{"type":"Ready","status":"False","reason":"r","message":"m\n"},{"type":"PodScheduled","status":"True"}])",
    R"([{"status":"True","type":"Ready"},{"type":"Ready","status":"Unknown"}])", "[]", "null", R"([{"type":"Q\"uoted","status":"True","unknown":1}])", R"("none")"};

Thing lease() {
  return {"coordination.k8s.io/v1/leases", "default", "l", "", R"({"metadata":{"name":"l","labels":{"a":"b"}},"spec":{"holderIdentity":"l","leaseDurationSeconds":40,"renewTime":"2026-01-01T00:00:00.000001Z"}})",
          {{"renewTime", kTimes}, {"renewTime", kTimes}, {"acquireTime", kTimes}, {"holderIdentity", kTexts}, {"leaseDurationSeconds", kNumbers}, {"leaseTransitions", kNumbers}, {"strategy", kTexts}, {"unknown", kNumbers}}};
}
Thing pod() {
  return {"v1/pods", "default", "p", "status", R"({"metadata":{"name":"p","annotations":{"x":"}],\"spec\":{\\"}},"spec":{"nodeName":"n1","restartPolicy":"Never","containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"0.1"}}}]}})",
          {{"phase", {R"("Running")", R"("Failed")", R"("")", "null"}}, {"conditions", kConditions}, {"podIP", {R"("10.0.0.1")", R"("10.0.0.2")", "null"}}, {"podIPs", kAddresses}, {"hostIPs", kAddresses}, {"hostIP", {R"("10.0.0.3")", R"("10.0.0.1")", "null"}},
           {"conditions", {R"([{"type":"Ready","status":"True","observedGeneration":1},{"type":"x.io/gate","status":"True"}])", R"([{"type":"x.io/gate","status":"False","observedGeneration":2}])", R"([{"type":"no name","status":"True"}])", R"([{"type":"Ready","status":"True","observedGeneration":-1}])"}},
           {"initContainerStatuses", {R"([{"name":"i","image":"i","imageID":"","ready":false,"restartCount":0,"state":{"terminated":{"exitCode":0}}}])", R"([{"name":"i","image":"i","imageID":"","ready":false,"restartCount":0,"state":{"running":{}}}])", "null"}},
           {"resourceClaimStatuses", {R"([{"name":"none"}])", "null"}},
           {"message", kTexts}, {"startTime", kTimes}, {"qosClass", {R"("Burstable")", R"("Guaranteed")", "null"}}, {"observedGeneration", kNumbers}, {"nominatedNodeName", kTexts},
           {"containerStatuses", {R"([{"name":"c","image":"i","imageID":"","ready":true,"restartCount":0,"state":{"running":{"startedAt":"2026-01-02T03:04:05Z"}}}])",
                                  R"([{"name":"c","image":"i","imageID":"","ready":false,"restartCount":1,"state":{"terminated":{"exitCode":1}},"allocatedResources":{"cpu":"0.10"}}])", "null"}},
           {"unknown", kNumbers}}};
}
Thing node() {
  return {"v1/nodes", "", "n", "status", R"({"metadata":{"name":"n"},"spec":{"podCIDR":"10.0.0.0/24","taints":[{"key":"k","effect":"NoSchedule"}]},"status":{"capacity":{"cpu":"4"}}})",
          {{"conditions", kConditions}, {"capacity", {R"({"cpu":"8","memory":"1024Mi"})", R"({"cpu":null})", R"({"cpu":"0.0001"})", "null"}}, {"allocatable", {R"({"cpu":"8"})", "null", "{}"}},
           {"addresses", {R"([{"type":"InternalIP","address":"10.0.0.1"}])", R"([{"type":"InternalIP","address":"10.0.0.1"},{"type":"InternalIP","address":"10.0.0.1"}])", "null"}},
           {"nodeInfo", {R"({"kubeletVersion":"v1"})", R"({"kubeletVersion":""})"}}, {"phase", kTexts}, {"images", {R"([{"names":["a"],"sizeBytes":1}])", "[{}]"}}}};
}
Thing deployment() {
  return {"apps/v1/deployments", "default", "d", "status", R"({"metadata":{"name":"d"},"spec":{"replicas":2,"selector":{"matchLabels":{"app":"web"}},"template":{"metadata":{"labels":{"app":"web"}},"spec":{"containers":[{"name":"c","image":"i"}]}}}})",
          {{"replicas", kNumbers}, {"readyReplicas", kNumbers}, {"availableReplicas", kNumbers}, {"observedGeneration", kNumbers}, {"conditions", kConditions}, {"collisionCount", kNumbers}}};
}

/// As other encoders print it: with spaces.
std::string spaced(const std::string& text) {
  std::string out;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    out += c;
    if (quoted && c == '\\') out += text[++i];
    else if (c == '"') quoted = !quoted;
    else if (!quoted && (c == ',' || c == ':' || c == '{')) out += c == ',' ? "\n  " : " ";
  }
  return out + "\n";
}

/// As those that have no struct of it print it: names in their order.
json::value sorted(const json::value& value) {
  if (!value.is_object()) return value;
  std::map<std::string, json::value> members;
  for (const auto& [name, member] : value.get_object()) members.emplace(name, member);
  json::object out;
  for (const auto& [name, member] : members) out.emplace(name, sorted(member));
  return out;
}

class Both {
 public:
  Both(Thing thing, std::uint64_t seed) : thing_(std::move(thing)), random_(seed) {
    watched.chains->add(1, std::make_shared<Onlooker>());
    for (auto* cluster : {&alone, &watched}) Cluster::must(cluster->create(thing_.what, thing_.ns, thing_.made));
  }

  /// One write to each of the two clusters, which have to answer and to store the same.
  void step() {
    const auto patch = below(8) == 0 ? other_patch() : own_patch();
    const auto type = below(2) == 0 ? kinds::PatchType::merge : kinds::PatchType::strategic;
    const auto sub = patch.starts_with(R"({"metadata":{"labels)") && below(2) == 0 ? std::string() : thing_.subresource;
    constexpr const char* kManagers[] = {"test", "test", "test", "another", "zone", "other\"s"};
    const std::string manager = kManagers[below(std::size(kManagers))];
    const WriteOptions options{below(10) == 0, static_cast<kinds::FieldValidation>(below(3)), false};
    const auto seconds = static_cast<std::int64_t>(below(3));
    std::vector<std::string> told;
    for (auto* cluster : {&alone, &watched}) {
      cluster->sleep_s(seconds);
      cluster->admin.field_manager = manager;
      auto body = patch;
      if (const auto uid = body.find("$UID"); uid != std::string::npos) body.replace(uid, 4, cluster->stored(thing_.what, thing_.ns, thing_.name)->columns().uid);
      told.push_back(tell(*cluster, cluster->patch(thing_.what + (sub.empty() ? "" : "/" + sub), thing_.ns, thing_.name, body, type, options)));
    }
    INFO(patch);
    CHECK(told[0] == told[1]);
    CHECK(stored(alone) == stored(watched));
  }

  /// The same by sending the whole object: as it is stored, or as somebody would write it, with something set in its part or elsewhere.
  void update() {
    constexpr const char* kManagers[] = {"test", "test", "another"};
    const std::string manager = kManagers[below(std::size(kManagers))];
    const WriteOptions options{below(10) == 0, static_cast<kinds::FieldValidation>(below(3)), false};
    const auto seconds = static_cast<std::int64_t>(below(3));
    const auto draw = random_;
    std::vector<std::string> told;
    for (auto* cluster : {&alone, &watched}) {
      random_ = draw;
      cluster->sleep_s(seconds);
      cluster->admin.field_manager = manager;
      const auto object = whole(parsed(cluster->stored(thing_.what, thing_.ns, thing_.name)));
      auto sent = json::serialize(below(4) == 0 ? sorted(object) : object);
      if (below(4) == 0) sent = spaced(sent);
      if (below(20) == 0) sent.insert(below(sent.size()), 1, "0,}\"x"[below(5)]);
      UNSCOPED_INFO(sent);
      told.push_back(tell(*cluster, cluster->update(thing_.what + (thing_.subresource.empty() ? "" : "/" + thing_.subresource), thing_.ns, thing_.name, sent, options)));
    }
    CHECK(told[0] == told[1]);
    CHECK(stored(alone) == stored(watched));
  }

  /// Sent whole by `manager`, with these members of its part; and that of all of it only renewTime is somebody's.
  void renew(const std::string& manager, const std::map<std::string, std::string>& values, bool forgets) {
    for (auto* cluster : {&alone, &watched}) {
      auto object = parsed(cluster->stored(thing_.what, thing_.ns, thing_.name));
      if (forgets) object.at("metadata").as_object()["managedFields"] = json::parse(R"([{"manager":"test","operation":"Update","apiVersion":"coordination.k8s.io/v1","time":"2026-01-01T00:00:00Z","fieldsType":"FieldsV1","fieldsV1":{"f:spec":{"f:renewTime":{}}}}])");
      for (const auto& [name, value] : values) object.at("spec").as_object()[name] = value;
      cluster->admin.field_manager = manager;
      Cluster::must(cluster->update(thing_.what, thing_.ns, thing_.name, json::serialize(object)));
    }
    CHECK(stored(alone) == stored(watched));
  }
  void sleep_s(std::int64_t seconds) {
    for (auto* cluster : {&alone, &watched}) cluster->sleep_s(seconds);
  }

  Cluster alone, watched;

 private:
  json::value whole(json::value object) {
    for (const std::string_view name : {"managedFields", "resourceVersion", "creationTimestamp", "uid", "generation", "namespace"})
      if (below(4) == 0) object.at("metadata").as_object().erase(name);
    auto& part = auth::object_at(object, {thing_.subresource.empty() ? "spec" : "status"});
    for (auto count = below(4); count > 0; --count) {
      const auto& [name, values] = thing_.members[below(thing_.members.size())];
      part[name] = json::parse(values[below(below(3) == 0 ? values.size() : 2)]);
    }
    if (below(8) == 0 && !part.empty()) part.erase(part.begin());
    if (below(3) == 0) unlike(object);
    return object;
  }
  void unlike(json::value& object) {
    const auto set = [&](const char* name, const char* text) { object.at("metadata").as_object()[name] = json::parse(text); };
    switch (below(18)) {
      case 16: return set("creationTimestamp", "null");
      case 17: return set("uid", "null");
      case 0: return set("labels", R"({"l":"1"})");
      case 1: return set("labels", R"({"a":"b"})");
      case 2: return set("labels", "{}");
      case 3: return set("annotations", R"({"z":"1","y":"\u00e9<"})");
      case 4: return set("finalizers", R"(["x.io/f"])");
      case 5: return set("ownerReferences", R"([{"apiVersion":"v1","kind":"Node","name":"n","uid":"u","controller":false}])");
      case 6: return set("managedFields", "[]");
      case 7: return set("managedFields", R"([{"manager":"m","operation":"Update","apiVersion":"v1","fieldsType":"FieldsV1","fieldsV1":{"f:metadata":{}}}])");
      case 8: return set("resourceVersion", R"("1")");
      case 9: return set("resourceVersion", R"("0")");
      case 10: return set("uid", R"("other")");
      case 11: return set("creationTimestamp", R"("2020-01-01T00:00:00Z")");
      case 12: return set("generation", R"("seven")");
      case 13: return set("unknown", "1");
      case 14: return void(object.as_object()["more"] = 1);
      default: return void(object.as_object().erase("kind"));
    }
  }

  std::size_t below(std::size_t count) { return random_() % count; }

  std::string own_patch() {
    std::string set;
    for (auto count = 1 + below(3); count > 0; --count) {
      const auto& [name, values] = thing_.members[below(thing_.members.size())];
      set += (set.empty() ? "" : ",") + ("\"" + name + "\":") + values[below(below(3) == 0 ? values.size() : 2)];
    }
    constexpr std::string_view kMore[] = {"", "", "", R"("metadata":{"uid":"$UID"},)", R"("metadata":{"uid":"other"},)", R"("metadata":{"labels":{"x":"y"}},)", R"("kind":"None",)", R"("unknown":1,)"};
    return "{" + std::string(kMore[below(std::size(kMore))]) + "\"" + (thing_.subresource.empty() ? "spec" : "status") + "\":{" + set + "}}";
  }
  std::string other_patch() {
    constexpr std::string_view kOthers[] = {R"({"metadata":{"labels":{"l":"1"}}})", R"({"metadata":{"labels":{"l":"2"},"finalizers":["x.io/f"]}})", R"({"metadata":{"labels":null,"managedFields":[]}})", R"({"spec":null})", R"({"status":null})",
                                            R"([])", R"({"status":{)", R"({"spec":{"unknown":1},"status":{"phase":"x"}})", R"({"metadata":{"resourceVersion":"1"},"status":{"phase":"x"}})"};
    return std::string(kOthers[below(std::size(kOthers))]);
  }

  std::string masked(Cluster& cluster, std::string text) const {
    const auto& uid = cluster.stored(thing_.what, thing_.ns, thing_.name)->columns().uid;
    for (auto at = text.find(uid); at != std::string::npos; at = text.find(uid, at)) text.replace(at, uid.size(), "UID");
    return text;
  }
  std::string stored(Cluster& cluster) const {
    const auto object = cluster.stored(thing_.what, thing_.ns, thing_.name);
    const auto& columns = object->columns();
    std::string out = masked(cluster, std::string(object->body())) + " " + std::to_string(object->revision() - cluster.revision()) + " " + std::to_string(object->revision_offset()) + " " + std::to_string(columns.generation);
    for (const auto& field : columns.fields) out.append(" ").append(field);
    for (const auto& [key, value] : columns.labels) out.append(" ").append(key.text()).append("=").append(value);
    for (const auto& finalizer : columns.finalizers) out.append(" ").append(finalizer);
    return out;
  }
  std::string tell(Cluster& cluster, const base::Outcome<Written>& written) const {
    std::string out;
    if (written) {
      out = std::string(written->object->body());
      for (const auto& warning : written->warnings) out += " " + warning;
    } else {
      out = std::to_string(written.error().code) + " " + written.error().reason + " " + written.error().message;
      for (const auto& cause : written.error().causes) out += " " + cause.field + ":" + cause.message;
    }
    return masked(cluster, out);
  }

  const Thing thing_;
  std::mt19937_64 random_;
};

/// Patches of several objects, sent together to one cluster and one after the other to another.
class Together {
 public:
  Together(Thing thing, std::uint64_t seed) : thing_(std::move(thing)), random_(seed) {
    for (auto* cluster : {&apart_, &together_})
      for (int i = 0; i < kThings; ++i) {
        auto made = thing_.made;
        const auto name = made.find(R"("name":")") + 8;
        made.insert(name + thing_.name.size(), std::to_string(i));
        Cluster::must(cluster->create(thing_.what, thing_.ns, made));
      }
  }

  void round() {
    std::vector<verbs::Verbs::Each> patches;
    for (auto count = 1 + below(6); count > 0; --count) {
      const auto name = thing_.name + std::to_string(below(10) == 0 ? kThings : below(kThings));   // sometimes one that is not there
      patches.push_back({below(12) == 0 ? "other" : thing_.ns, name, patch()});
    }
    const auto type = below(2) == 0 ? kinds::PatchType::merge : kinds::PatchType::strategic;
    const WriteOptions options{below(10) == 0, static_cast<kinds::FieldValidation>(below(3)), false};
    const auto now_ns = std::max(apart_.runtime->unix_ns(), together_.runtime->unix_ns());
    const auto at_ns = (now_ns / base::kNanosPerSecond + 1 + static_cast<std::int64_t>(below(2))) * base::kNanosPerSecond;
    for (auto* cluster : {&apart_, &together_}) cluster->runtime->advance(at_ns - cluster->runtime->unix_ns());
    std::vector<std::string> one_by_one, at_once(patches.size());
    for (const auto& patch : patches) one_by_one.push_back(tell(apart_.patch(what(), patch.ns, patch.name, patch.body, type, options)));
    std::size_t left = patches.size();
    together_.verbs->write_each(together_.admin, {.op = verbs::Verbs::Step::Op::patch, .target = together_.target(what(), ""), .patch_type = type, .options = options}, patches, [&](std::size_t place, base::Outcome<Written> written) {
      CHECK(at_once[place].empty());
      at_once[place] = tell(written);
      --left;
    });
    for (int i = 0; left > 0 && i < 9; ++i) together_.runtime->advance(100 * base::kNanosPerMs);
    REQUIRE(left == 0);
    for (const auto& patch : patches) UNSCOPED_INFO(patch.name << " " << patch.body);
    CHECK(one_by_one == at_once);
    for (int i = 0; i < kThings; ++i) CHECK(stored(apart_, i) == stored(together_, i));
  }

 private:
  static constexpr int kThings = 4;
  std::size_t below(std::size_t count) { return random_() % count; }
  std::string what() const { return thing_.what + (thing_.subresource.empty() ? "" : "/" + thing_.subresource); }
  std::string patch() {
    const auto& [name, values] = thing_.members[below(thing_.members.size())];
    return "{\"" + std::string(thing_.subresource.empty() ? "spec" : "status") + "\":{\"" + name + "\":" + values[below(below(3) == 0 ? values.size() : 2)] + "}}";
  }
  /// What differs between two clusters anyway.
  static std::string masked(const store::Object& object) {
    std::string text(object.body());
    const auto& uid = object.columns().uid;
    for (auto at = text.find(uid); at != std::string::npos; at = text.find(uid, at)) text.replace(at, uid.size(), "UID");
    text.replace(text.find(R"("resourceVersion":")") + 19, store::kRevisionSlotBytes, "");
    return text;
  }
  static std::string tell(const base::Outcome<Written>& written) {
    if (written) return masked(*written->object);
    // A patch that does not fit is told with the object that it would make, uid and revision included.
    const auto without_object = [](const std::string& text) { return text.substr(0, text.find('{')); };
    std::string out = std::to_string(written.error().code) + " " + without_object(written.error().message);
    for (const auto& cause : written.error().causes) out += " " + cause.field + ":" + without_object(cause.message);
    return out;
  }
  std::string stored(Cluster& cluster, int i) const {
    const auto object = cluster.stored(thing_.what, thing_.ns, thing_.name + std::to_string(i));
    std::string out = masked(*object) + " " + std::to_string(object->revision_offset()) + " " +
                      cluster.store->history(object->key().resource, object->revision() - 1, 1)->changes.at(0).cause->actor;
    for (const auto& field : object->columns().fields) out.append(" ").append(field);
    return out;
  }

  const Thing thing_;
  std::mt19937_64 random_;
  Cluster apart_, together_;
};

constexpr int kObjects = test::seeds(12), kSteps = 60;

}  // namespace

TEST_CASE("what is worked out on one member is what the whole object gives: bytes, columns, answers and errors") {
  for (const auto& thing : {lease(), pod(), node(), deployment()})
    for (int seed = 1; seed <= kObjects; ++seed) {
      Both both(thing, static_cast<std::uint64_t>(seed));
      for (int i = 0; i < kSteps; ++i) {
        INFO(thing.what << " seed " << seed << " step " << i);
        both.step();
      }
    }
}

TEST_CASE("an object that is sent whole is written alike, whether one member of it or all is looked at") {
  for (const auto& thing : {lease(), pod()})
    for (int seed = 1; seed <= kObjects; ++seed) {
      Both both(thing, static_cast<std::uint64_t>(seed));
      for (int i = 0; i < kSteps; ++i) {
        INFO(thing.what << " seed " << seed << " step " << i);
        both.update();
      }
    }
}

TEST_CASE("renewals of several leases in turn are each what the whole object gives, whoever and whatever came before") {
  constexpr int kLeases = 4, kRenewals = 600;
  std::deque<Both> leases;
  for (int i = 0; i < kLeases; ++i) leases.emplace_back(lease(), 1);
  std::mt19937_64 random(7);
  const auto below = [&](std::size_t count) { return random() % count; };
  const std::vector<std::set<std::string>> kChanged = {{"renewTime"}, {"renewTime"}, {"holderIdentity"}, {"renewTime", "holderIdentity"}};
  for (int i = 0; i < kRenewals; ++i) {
    std::map<std::string, std::string> values;
    for (const auto& name : kChanged[below(kChanged.size())]) values[name] = name == "renewTime" ? "2026-01-01T00:00:00." + std::to_string(100'000 + i) + "Z" : "holder " + std::to_string(i);
    INFO("renewal " << i);
    leases[below(kLeases)].renew(below(8) == 0 ? "another" : "test", values, below(20) == 0);
    if (below(3) == 0)
      for (auto& each : leases) each.sleep_s(1);
  }
}

TEST_CASE("a lease that comes back as it is stored but for its times and texts is not read") {
  Cluster cluster;
  using Values = std::vector<std::pair<std::string, std::string>>;
  const auto thing = lease();
  const auto stored = Cluster::must(cluster.create(thing.what, "default", thing.made));
  const std::string revision = std::to_string(stored->revision());
  const auto kind = cluster.target(thing.what, "").kind;
  const auto memory = json::storage_ptr();
  const auto write = verbs::narrow_write(*kind, "", *stored, {"test", "", 1});
  const auto taken = [&](const json::value& object) { return kinds::sent_back(write, json::serialize(object), revision, memory); };
  auto object = parsed(stored);
  object.at("metadata").as_object()["resourceVersion"] = revision;
  REQUIRE(taken(object));
  CHECK_FALSE(taken(object)->changes);
  auto& spec = object.at("spec").as_object();
  spec["renewTime"] = "2026-01-01T00:00:09.000002Z";
  spec["holderIdentity"] = "another, which is longer";
  const auto renewed = taken(object);
  REQUIRE(renewed);
  CHECK(renewed->changes);
  auto parsed_again = json::parse(renewed->body);
  CHECK(parsed_again.at("spec") == object.at("spec"));
  CHECK(taken(sorted(object)));
  for (const char* name : {"uid", "managedFields", "creationTimestamp", "namespace"}) {
    auto less = object;
    less.at("metadata").as_object().erase(name);
    INFO(name);
    REQUIRE(taken(less));
    CHECK(taken(less)->body == renewed->body);
  }
  auto bare = object;
  for (const char* name : {"managedFields", "labels"}) bare.at("metadata").as_object().erase(name);
  CHECK_FALSE(taken(bare));   // the labels are to go
  auto spread = object;
  spread.at("metadata").as_object().erase("managedFields");
  spread.at("metadata").as_object()["creationTimestamp"] = nullptr;
  CHECK(taken(spread));
  for (const auto& [name, value] : Values{{"leaseDurationSeconds", "41"}, {"renewTime", R"("2026-01-01T00:00:09Z")"}, {"renewTime", "null"}, {"holderIdentity", R"("")"}, {"holderIdentity", R"("<")"}, {"acquireTime", R"("2026-01-01T00:00:09.000002Z")"}, {"unknown", R"("x")"}}) {
    auto other = object;
    other.at("spec").as_object()[name] = json::parse(value);
    INFO(name << " " << value);
    CHECK_FALSE(taken(other));
  }
  for (const auto& [name, value] : Values{{"name", R"("m")"}, {"uid", R"("u")"}, {"resourceVersion", R"("0")"}, {"resourceVersion", "\"" + revision + "0\""}, {"labels", R"({"a":"c"})"}, {"finalizers", R"(["x.io/f"])"}}) {
    auto other = object;
    other.at("metadata").as_object()[name] = json::parse(value);
    INFO(name << " " << value);
    CHECK_FALSE(taken(other));
  }
  const auto whole = json::serialize(object);
  for (const std::string& text : {whole + "}", whole + "{}", whole.substr(0, whole.size() - 1), "[" + whole + "]", std::string(), std::string("{}"), "{" + whole.substr(whole.find("\"spec\"")), whole.substr(0, whole.size() - 1) + R"(,"kind":"Lease"})"}) {
    INFO(text);
    CHECK_FALSE(kinds::sent_back(write, text, revision, memory));
  }
}

TEST_CASE("a lease that a typed client sends back in protobuf is not read either") {
  Cluster cluster;
  const auto thing = lease();
  const auto stored = Cluster::must(cluster.create(thing.what, "default", thing.made));
  const std::string revision = std::to_string(stored->revision());
  auto object = parsed(stored);
  object.at("metadata").as_object()["resourceVersion"] = revision;
  object.at("spec").as_object()["renewTime"] = "2026-01-01T00:00:09.000002Z";
  const auto kind = cluster.target(thing.what, "").kind;
  const auto sent = json::serialize(kinds::from_protobuf(kinds::to_protobuf(object)->bytes).value());
  INFO(sent);
  const auto renewed = kinds::sent_back(verbs::narrow_write(*kind, "", *stored, {"test", "", 1}), sent, revision, {});
  REQUIRE(renewed);
  CHECK(json::parse(renewed->body).at("spec") == object.at("spec"));
}

TEST_CASE("patches that are sent together are each what they are alone, in their order, and so are their answers") {
  for (const auto& thing : {lease(), pod(), node()})
    for (int seed = 1; seed <= kObjects; ++seed) {
      Together both(thing, static_cast<std::uint64_t>(seed));
      for (int i = 0; i < kSteps / 2; ++i) {
        INFO(thing.what << " seed " << seed << " round " << i);
        both.round();
      }
    }
}

TEST_CASE("of patches of one object that are sent together each finds what the one before has made") {
  Cluster cluster;
  const auto thing = lease();
  Cluster::must(cluster.create(thing.what, "default", thing.made));
  const auto renewal = [](int second) { return verbs::Verbs::Each{"default", "l", R"({"spec":{"renewTime":"2026-01-01T00:00:0)" + std::to_string(second) + ".000001Z\"}}"}; };
  std::vector<store::Revision> revisions;
  cluster.verbs->write_each(cluster.admin, {.op = verbs::Verbs::Step::Op::patch, .target = cluster.target(thing.what, ""), .patch_type = kinds::PatchType::merge}, {renewal(1), renewal(2), renewal(2), renewal(1)},
                            [&](std::size_t place, base::Outcome<Written> written) {
                              CHECK(place == revisions.size());
                              revisions.push_back(Cluster::must(std::move(written))->revision());
                            });
  for (int i = 0; revisions.size() < 4 && i < 9; ++i) cluster.runtime->advance(100 * base::kNanosPerMs);
  REQUIRE(revisions.size() == 4);
  CHECK(revisions[0] < revisions[1]);
  CHECK(revisions[1] == revisions[2]);
  CHECK(revisions[2] < revisions[3]);
  CHECK(cluster.stored(thing.what, "default", "l")->body().find("00:00:01.000001Z") != std::string::npos);
}

TEST_CASE("very many patches of one object that are all refused at once take no more stack than one") {
  Cluster cluster;
  auto context = cluster.admin;
  context.user = auth::anonymous();
  constexpr std::size_t kMany = test::seeds(100'000);
  std::size_t refused = 0;
  cluster.verbs->write_each(context, {.op = verbs::Verbs::Step::Op::patch, .target = cluster.target(lease().what, ""), .patch_type = kinds::PatchType::merge}, std::vector<verbs::Verbs::Each>(kMany, {"default", "l", "{}"}),
                            [&](std::size_t place, base::Outcome<Written> written) { refused += place == refused && error_of(written).code == 403 ? 1 : 0; });
  CHECK(refused == kMany);
}

TEST_CASE("of patches that are sent together each is refused to who may not") {
  Cluster cluster;
  const auto thing = lease();
  Cluster::must(cluster.create(thing.what, "default", thing.made));
  auto context = cluster.admin;
  context.user = auth::anonymous();
  std::vector<int> codes;
  const verbs::Verbs::Each renewal{"default", "l", R"({"spec":{"renewTime":"2026-01-01T00:00:09.000001Z"}})"};
  cluster.verbs->write_each(context, {.op = verbs::Verbs::Step::Op::patch, .target = cluster.target(thing.what, ""), .patch_type = kinds::PatchType::merge}, {renewal, renewal}, [&](std::size_t, base::Outcome<Written> written) { codes.push_back(error_of(written).code); });
  CHECK(codes == std::vector<int>{403, 403});
}

/// Refuses each update: `looks`, of an object that it is shown.
class RefusesUpdates final : public auth::AdmissionUnit {
 public:
  explicit RefusesUpdates(bool looks) : looks_(looks) {}
  std::string_view name() const override { return "RefusesUpdates"; }
  bool handles(auth::AdmissionRequest::Operation operation, const kinds::Kind&, std::string_view) const override { return operation == auth::AdmissionRequest::Operation::update; }
  bool reads_objects(const auth::AdmissionRequest&) override { return looks_; }
  void validate(auth::AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override { done(looks_ && !request.object ? base::Outcome<void>() : base::bad_request("no")); }

 private:
  const bool looks_;
};

TEST_CASE("what looks at objects is shown those of patches that are sent together") {
  Cluster cluster;
  const auto thing = lease();
  Cluster::must(cluster.create(thing.what, "default", thing.made));
  cluster.chains->add(1, std::make_shared<RefusesUpdates>(true));
  std::vector<int> codes;
  const verbs::Verbs::Each renewal{"default", "l", R"({"spec":{"renewTime":"2026-01-01T00:00:09.000001Z"}})"};
  cluster.verbs->write_each(cluster.admin, {.op = verbs::Verbs::Step::Op::patch, .target = cluster.target(thing.what, ""), .patch_type = kinds::PatchType::merge}, {renewal, renewal}, [&](std::size_t, base::Outcome<Written> written) { codes.push_back(error_of(written).code); });
  CHECK(codes == std::vector<int>{400, 400});
}

TEST_CASE("what refuses without a look at the object is asked of a renewal, too") {
  Cluster cluster;
  const auto thing = lease();
  Cluster::must(cluster.create(thing.what, "default", thing.made));
  cluster.chains->add(1, std::make_shared<RefusesUpdates>(false));
  CHECK(error_of(cluster.patch(thing.what, "default", "l", R"({"spec":{"renewTime":"2026-01-01T00:00:09.000001Z"}})")).code == 400);
  auto object = parsed(cluster.stored(thing.what, "default", "l"));
  object.at("spec").as_object()["renewTime"] = "2026-01-01T00:00:09.000001Z";
  CHECK(error_of(cluster.update(thing.what, "default", "l", json::serialize(object))).code == 400);
}

TEST_CASE("a renewal moves the time of its manager's entry, and one that says nothing new writes nothing") {
  Cluster cluster;
  const auto thing = lease();
  const auto made = Cluster::must(cluster.create(thing.what, "default", thing.made));
  cluster.sleep_s(100);
  const auto renewed = Cluster::must(cluster.patch(thing.what, "default", "l", R"({"spec":{"renewTime":"2026-01-01T00:00:09.000001Z"}})"));
  CHECK(renewed->revision() > made->revision());
  CHECK(at(renewed, {"spec", "renewTime"}) == "2026-01-01T00:00:09.000001Z");
  const auto entry = [](const store::ObjectRef& object) { return parsed(object).at("metadata").at("managedFields").at(0); };
  CHECK(entry(renewed).at("time") != entry(made).at("time"));
  CHECK(entry(renewed).at("fieldsV1") == entry(made).at("fieldsV1"));
  cluster.sleep_s(100);
  CHECK(Cluster::must(cluster.patch(thing.what, "default", "l", R"({"spec":{"renewTime":"2026-01-01T00:00:09.000001Z"}})"))->revision() == renewed->revision());
}

TEST_CASE("what says nothing new writes nothing where somebody else wrote last: whoever looks") {
  const std::pair<Thing, std::vector<std::string>> cases[] = {
      {node(), {R"({"status":{"conditions":[{"type":"Ready","status":"True","lastTransitionTime":"2026-01-02T03:04:05Z"}],"capacity":{"cpu":"8"},"images":[{"names":["a"],"sizeBytes":1}]}})",
                R"({"status":{"images":[{}]}})", R"({"status":{"phase":"Running"}})"}},
      {pod(), {R"({"status":{"phase":"Failed","podIP":"10.0.0.1","hostIP":"10.0.0.1","containerStatuses":[{"name":"c","image":"i","imageID":"","ready":false,"restartCount":1,"state":{"terminated":{"exitCode":1}},"allocatedResources":{"cpu":"0.10"}}]}})",
               R"({"status":{"podIPs":[{"ip":"10.0.0.3"},{"ip":"fd00::1"}]}})"}}};
  for (const auto& [thing, firsts] : cases)
    for (const auto& first : firsts) {
      Both both(thing, 1);
      for (auto* cluster : {&both.alone, &both.watched}) {
        cluster->admin.field_manager = "test";
        Cluster::must(cluster->patch(thing.what + "/status", thing.ns, thing.name, first));
        cluster->sleep_s(2);
        Cluster::must(cluster->patch(thing.what, thing.ns, thing.name, R"({"metadata":{"labels":{"l":"1"}}})"));
        const auto before = cluster->stored(thing.what, thing.ns, thing.name)->revision();
        for (const std::string& again : {first, std::string(R"({"status":{"addresses":null,"conditions":null}})")}) {
          if (again != first && first.find("conditions") != std::string::npos) continue;
          cluster->sleep_s(2);
          Cluster::must(cluster->patch(thing.what + "/status", thing.ns, thing.name, again));
          CAPTURE(thing.what, first, again, cluster == &both.watched);
          CHECK(cluster->stored(thing.what, thing.ns, thing.name)->revision() == before);
        }
      }
    }
}

// Known patches: statuses of many pods that are alike but for times, addresses and names are each what the whole object gives, whatever
// came before.
#include "core/kinds/known_patches.hpp"

#include <algorithm>
#include <random>

#include "core/kinds/patch/patch_reading.hpp"
#include "core/verbs/narrow_write.hpp"
#include "tests/unit/seeds.hpp"
#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

constexpr int kPods = 5, kUnbound = 3;

std::string pod_name(int i) { return "p" + std::to_string(i); }
std::string pod(int i, const std::string& node) {
  const std::string labels = i == kPods - 1 ? R"("a":"b","managedFields":"x","status":"y")" : "";
  return R"({"metadata":{"name":")" + pod_name(i) + R"(","labels":{)" + labels + R"(},"annotations":{"x":",\"managedFields\":[],\"status\":{"}},"spec":{"nodeName":")" + node + R"(","containers":[{"name":"a","image":"i"},{"name":"b","image":"i"}]}})";
}

/// What nodes might send: texts in which values are named, and values for them.
class Statuses {
 public:
  explicit Statuses(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t count) { return random_() % count; }

  std::string shape() {
    std::string members = R"("phase":"Running")";
    const auto add = [&](const std::string& member) { members += "," + member; };
    if (below(3) != 0) add(R"("conditions":[)" + condition("PodScheduled") + "," + condition("Ready") + (below(9) == 0 ? "," + condition("x.io/gate") : "") + "]");
    if (below(3) != 0) add(R"("startTime":")" + time() + "\"");
    if (below(3) != 0) add(R"("hostIP":"127.0.0.1","podIP":")" + address() + R"(","podIPs":[{"ip":")" + address() + "\"}" + (below(3) == 0 ? R"(,{"ip":"2001:db8::1"})" : "") + "]");
    if (below(6) == 0) add(R"("hostIPs":[{"ip":")" + address() + "\"}]");
    if (below(3) != 0) add(R"("containerStatuses":[)" + container("a") + (below(3) == 0 ? "," + container("b") : "") + "]");
    if (below(6) == 0) add(R"("nominatedNodeName":"n")");
    return std::string("{") + (below(2) == 0 ? R"("metadata":{"uid":"$U"},)" : "") + R"("status":{)" + members + "}}";
  }
  /// The same value for the same name; now and then one that has no slot, or for two names.
  std::string filled(std::string shape, const std::string& uid) {
    fill(shape, "$U", uid);
    const auto first = below(4);
    for (std::size_t i = 0; i < kNames; ++i) {
      const auto number = below(12) == 0 ? below(kNames) : i;
      const auto digit = std::to_string((number + first) % 10);
      fill(shape, "$T" + std::to_string(i), rarely({"0001-01-01T00:00:00Z", "2026-01-02T05:04:05+02:00", "soon", "2026-02-31T03:04:05Z"}, "2026-01-02T03:04:0" + digit + "Z"));
      fill(shape, "$A" + std::to_string(i), rarely({"fd00::1", "9.9.9.9", "10.0.0.01", "none", "127.0.0.1"}, (first % 2 == 0 ? "10" : "90") + std::string(".0.0.") + digit));
      fill(shape, "$C" + std::to_string(i), rarely({"a<b", "", "10.0.0.1", "n1"}, "hollow://" + uid + "/" + digit));
    }
    return shape;
  }

 private:
  static constexpr std::size_t kNames = 3;

  static void fill(std::string& text, const std::string& name, const std::string& value) {
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size())) text.replace(at, name.size(), value);
  }
  std::string rarely(const std::vector<std::string>& odd, const std::string& plain) { return below(40) == 0 ? odd[below(odd.size())] : plain; }
  std::string one(const std::string& of) { return "$" + of + std::to_string(below(kNames)); }
  std::string time() { return one("T"); }
  std::string address() { return one("A"); }
  std::string condition(const std::string& type) { return R"({"type":")" + type + R"(","status":"True","lastTransitionTime":")" + time() + "\"}"; }
  std::string container(const std::string& name) {
    return R"({"name":")" + name + R"(","image":"i","imageID":"","ready":true,"restartCount":0,"containerID":")" + one("C") + R"(","state":{"running":{"startedAt":")" + time() + "\"}}}";
  }

  std::mt19937_64 random_;
};

/// Works out statuses of pods as they are stored.
class Pods {
 public:
  explicit Pods(int count = 2) {
    Cluster cluster;
    kind_ = cluster.target("v1/pods", "").kind;
    for (int i = 0; i < count; ++i) {
      const auto object = Cluster::must(cluster.create("v1/pods", "default", pod(i, i == 2 ? "10.0.0.1" : "n" + std::to_string(i))));
      pods_.push_back({std::string(object->body()), copy_of(object->columns().fields), std::string(object->columns().uid), pod_name(i), {}});
      if (i == kUnbound) std::replace(pods_.back().fields.begin(), pods_.back().fields.end(), "n" + std::to_string(i), std::string());   // beside the status a narrow write looks at nothing else
    }
  }
  std::optional<kinds::Narrowed> narrow(std::size_t pod, const std::string& patch) {
    auto read = kinds::read_patch(kinds::Media::json, type, patch, {});
    return read && read->complaints.empty() ? kinds::narrow_patch(write(pod), type, read->value, kinds::FieldValidation::warn, {}) : std::nullopt;
  }
  bool remember(std::size_t pod, const std::string& patch) {
    const auto made = narrow(pod, patch);
    if (made) known->remember(write(pod), type, patch, kinds::FieldValidation::warn, *made, {});
    return made.has_value();
  }
  std::optional<kinds::Narrowed> find(std::size_t pod, const std::string& patch) { return known->find(write(pod), type, patch, kinds::FieldValidation::warn); }
  void store(std::size_t pod, const kinds::Narrowed& made) { pods_[pod].body = made.body, pods_[pod].fields = made.fields.value_or(pods_[pod].fields); }
  const std::string& uid(std::size_t pod) const { return pods_[pod].uid; }

  std::optional<kinds::KnownPatches> known{std::in_place};
  kinds::PatchType type = kinds::PatchType::strategic;
  std::string manager = "m";
  std::int64_t now_unix_s = 2'000'000'000;

 private:
  struct Pod {
    std::string body;
    std::vector<std::string> fields;
    std::string uid, name;
    mutable std::vector<std::string_view> shown;   // fields, for a write
  };
  kinds::NarrowWrite write(std::size_t pod) const {
    const auto& of = pods_[pod];
    of.shown.assign(of.fields.begin(), of.fields.end());
    return {*kind_, "status", of.body, of.shown, "default", of.name, of.uid, {manager, "status", now_unix_s}};
  }
  kinds::KindRef kind_;
  std::vector<Pod> pods_;
};

std::string running(const std::string& ip, const std::string& id, const std::string& time) {
  return R"({"status":{"phase":"Running","podIP":")" + ip + R"(","podIPs":[{"ip":")" + ip + R"("}],"startTime":")" + time + R"(","containerStatuses":[{"name":"a","image":"i","imageID":"","ready":true,"restartCount":0,"containerID":")" + id + "\"}]}}";
}

/// How many of them are not read, all of one shape.
int meet_each(Pods& pods, Statuses& statuses, int count) {
  int met = 0;
  pods.known.emplace();
  const auto shape = statuses.shape();
  for (int i = 0; i < count; ++i) {
    const auto pod = statuses.below(kPods);
    const auto patch = statuses.filled(shape, pods.uid(pod));
    pods.manager = statuses.below(9) == 0 ? "another" : "m";
    pods.now_unix_s += static_cast<std::int64_t>(statuses.below(2));
    INFO(patch);
    const auto made = pods.narrow(pod, patch), found = pods.find(pod, patch);
    if (found) {
      REQUIRE(made);
      CHECK(found->changes == made->changes);
      CHECK(found->body == made->body);
      CHECK(found->fields == made->fields);
    } else {
      pods.remember(pod, patch);
    }
    met += found ? 1 : 0;
    if (made && made->changes && statuses.below(4) == 0) pods.store(pod, *made);
  }
  return met;
}

constexpr auto kTime = "2026-01-02T03:04:05Z", kLater = "2026-01-02T03:04:06Z";

}  // namespace

TEST_CASE("statuses of pods that are alike are each what reading them gives, whatever came before") {
  constexpr std::uint64_t kSeeds = test::seeds(400);
  constexpr int kShapes = 4, kEach = 12;
  int met = 0;
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Statuses statuses(seed);
    Pods pods(kPods);
    pods.type = seed % 2 == 0 ? kinds::PatchType::merge : kinds::PatchType::strategic;
    for (int i = 0; i < kShapes; ++i) met += meet_each(pods, statuses, kEach);
  }
  CHECK(met > static_cast<int>(kSeeds) * kShapes);
}

TEST_CASE("a status that says the same of another pod is not read") {
  Pods pods;
  const auto first = running("10.0.0.1", "c://1", kTime), second = running("10.1.0.20", "hollow://some other", kLater);
  CHECK_FALSE(pods.find(0, first));
  REQUIRE(pods.remember(0, first));
  for (const auto& patch : {first, second})
    for (const std::size_t pod : {0, 1}) {
      const auto found = pods.find(pod, patch), made = pods.narrow(pod, patch);
      REQUIRE(found);
      CHECK(found->changes);
      CHECK(found->body == made->body);
      CHECK(found->fields == made->fields);
    }
}

TEST_CASE("what is not the same is read: another form, another manager, another order of times") {
  Pods pods;
  REQUIRE(pods.remember(0, running("10.0.0.1", "c://1", kTime)));
  for (const std::string ip : {"fd00::1", "10.0.0.256", "10.0.0.01", "10.0.0", "10.0.0.1.1", "1000.0.0.1", "none", ""}) {
    INFO(ip);
    CHECK_FALSE(pods.find(1, running(ip, "c://1", kTime)));
  }
  for (const std::string id : {"", "a\\\"b", "a<b", "\\u00e9"}) {
    INFO(id);
    CHECK_FALSE(pods.find(1, running("10.0.0.1", id, kTime)));
  }
  for (const std::string time : {"", "soon", "2026-02-31T03:04:05Z", "2026-01-02T03:04:05.000001Z", "2026-01-02T05:04:05+02:00"}) {
    INFO(time);
    CHECK_FALSE(pods.find(1, running("10.0.0.1", "c://1", time)));
  }
  const auto again = running("10.0.0.1", "c://1", kTime);
  CHECK(pods.find(1, again));
  CHECK_FALSE(pods.find(1, again + " "));
  auto apart = again;
  apart.replace(apart.rfind("10.0.0.1"), 8, "10.0.0.2");   // another than podIP
  CHECK_FALSE(pods.find(1, apart));
  pods.now_unix_s = 1;   // before the pod was made
  CHECK_FALSE(pods.find(1, again));
  pods.now_unix_s = 2'000'000'001;
  CHECK(pods.find(1, again));
  pods.manager = "another";
  CHECK_FALSE(pods.find(1, again));
  pods.manager = "m";
  pods.type = kinds::PatchType::merge;
  CHECK_FALSE(pods.find(1, again));
}

TEST_CASE("what stands beside the status decides, too") {
  Pods pods(kPods);
  const std::string nominated = R"({"status":{"nominatedNodeName":"n"}})";
  REQUIRE(pods.remember(kUnbound, nominated));
  CHECK(pods.find(kUnbound, nominated));
  CHECK_FALSE(pods.narrow(0, nominated));
  CHECK_FALSE(pods.find(0, nominated));
}

TEST_CASE("what is never met again is soon not remembered") {
  Pods pods;
  const auto patch = [](int i) {
    auto out = running("10.0.0.1", "c://1", kTime);
    out.insert(out.find(R"("podIP")"), R"("message":")" + std::to_string(i) + "\",");
    return out;
  };
  constexpr int kPatches = 200, kLast = 100;
  for (int i = 0; i < kPatches; ++i) pods.remember(0, patch(i));
  int met = 0;
  for (int i = kPatches - kLast; i < kPatches; ++i) met += pods.find(1, patch(i)) ? 1 : 0;
  CHECK(met <= 2);
  pods.remember(0, patch(0));   // that was worth it
  CHECK(pods.find(1, patch(0)));
}

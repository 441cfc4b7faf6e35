#include "core/kinds/known_specs.hpp"

#include <random>

#include "core/kinds/edit.hpp"

#include "tests/unit/seeds.hpp"
#include "tests/unit/verbs/known_support.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

constexpr int kTimes = 5;   // read whole, read and kept, settled, and twice from what is kept

/// Specs as they may be sent: good ones, such as admission changes, and such as are refused or warned of.
const std::vector<std::string>& specs() {
  static const std::vector<std::string> all{
      R"({"containers":[{"name":"c","image":"i"}]})",
      R"({"containers":[{"name":"c","image":"i"}],"automountServiceAccountToken":false,"nodeSelector":{},"tolerations":[]})",
      R"({ "containers" : [ {"name":"c","image":"i:latest","env":[{"name":"A","value":"}\\\"{"},{"name":"B","value":""}],"ports":[{"containerPort":80,"hostPort":0}],"args":[]} ], "hostNetwork":true })",
      R"({"containers":[{"name":"c","image":"i","resources":{"limits":{"cpu":"1000m","memory":"128Mi"}},"readinessProbe":{"httpGet":{"path":"/","port":80}}}],"serviceAccount":"default","terminationGracePeriodSeconds":-3})",
      R"({"containers":[{"name":"c","image":"i","volumeMounts":[{"name":"v","mountPath":"/v"}]}],"volumes":[{"name":"v","emptyDir":{}},{"name":"w","configMap":{"name":"x","items":[]}}],"schedulingGates":[{"name":"example.com/gate"}]})",
      R"({"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i"}],"volumes":[{"name":"data","ephemeral":{"volumeClaimTemplate":{"spec":{"accessModes":["ReadWriteOnce"],"resources":{"requests":{"storage":"1Gi"}}}}}}]})",
      R"({"containers":[{"name":"c","image":"i"}],"securityContext":{"runAsNonRoot":true},"affinity":{"podAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":[{"topologyKey":"zone"}]}}})",
      R"({"containers":[{"name":"c","image":"i","unknown":1}],"other":{}})",
      R"({"containers":[{"name":"c","name":"d","image":"i"}]})",
      R"({"containers":[{"name":"c","image":"i"}],"nodeSelector":{"beta.kubernetes.io/os":"linux"}})",
      R"({"containers":[{"name":"C!","image":""}]})",
      R"({"containers":[{"name":"c","image":7}]})",
      R"({"containers":[{"name":"c","image":"i"}],"ephemeralContainers":[{"name":"d","image":"i"}]})",
      R"({"containers":[{"name":"c","image":"i"}],"serviceAccountName":"nobody"})",
      R"({})",
  };
  return all;
}

/// `body` with "SPEC" and "NAME" filled in.
std::string filled(std::string body, std::string_view spec, std::string_view name) {
  for (auto at = body.find("NAME"); at != body.npos; at = body.find("NAME")) body.replace(at, 4, name);
  for (auto at = body.find("SPEC"); at != body.npos; at = body.find("SPEC")) body.replace(at, 4, spec);
  return body;
}

/// Pods of few specs while all that admission rests on changes at random, in two clusters: one of them looks at every pod whole.
class BothWays {
 public:
  explicit BothWays(std::uint64_t seed) : random_(seed) {
    watched_.chains->add(1, std::make_shared<Onlooker>());
    alone_.chains->add(1000, counter_);
    specs_ = {pick(kSpecs), pick(kSpecs), pick(kSpecs)};
  }
  void step() { below(8) == 0 ? change() : make(); }
  int recalled() const { return counter_->recalled; }
  int met() const { return counter_->met; }

 private:
  using Texts = std::vector<std::string>;
  using Change = std::function<base::Outcome<Written>(Cluster&)>;
  static inline const Texts kSpecs = {
      R"({"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i"}]})",
      R"({"containers":[{"name":"c","image":"i","volumeMounts":[{"name":"v","mountPath":"/v"}]}],"volumes":[{"name":"v","emptyDir":{}}]})",
      R"({"automountServiceAccountToken":false,"serviceAccountName":"robot","containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":"1"}}}]})",
      R"({"automountServiceAccountToken":false,"priorityClassName":"high","containers":[{"name":"c","image":"i"}],"schedulingGates":[{"name":"example.com/gate"}]})",
      R"({"automountServiceAccountToken":false,"runtimeClassName":"small","containers":[{"name":"c","image":"i"}]})",
      R"({"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i"}],"hostNetwork":true})",
      R"({"automountServiceAccountToken":false,"nodeName":"n1","containers":[{"name":"c","image":"i"}],"securityContext":{"runAsNonRoot":true}})",
      R"({"automountServiceAccountToken":false,"serviceAccount":"robot","hostname":"h","terminationGracePeriodSeconds":0,"containers":[{"name":"c","image":"i"}],"tolerations":[{"operator":"Exists"}]})",
  };
  static inline const Texts kMetadata = {"", "", "", R"(,"labels":{"a":"b"})", R"(,"annotations":{"x":"y"})", R"(,"annotations":{"container.apparmor.security.beta.kubernetes.io/c":"unconfined"})",
                                         R"(,"annotations":{"kubernetes.io/config.mirror":"m"})", R"(,"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n","uid":"u"}],"finalizers":["a.io/b"])", R"(,"labels":{"a b":""})"};
  static inline const Texts kLevels = {"privileged", "baseline", "restricted"};
  static inline const Texts kNamespaces = {"default", "other"};

  std::size_t below(std::size_t count) { return random_() % count; }
  const std::string& pick(const Texts& texts) { return texts[below(texts.size())]; }

  void make() {
    const auto ns = pick(kNamespaces), generated = std::string(below(6) == 0 ? R"("generateName":"g-")" : R"("name":"NAME")");
    const auto body = filled(R"({"metadata":{)" + generated + pick(kMetadata) + R"(},"spec":SPEC,"status":{"phase":"Failed"}})", pick(specs_), "p" + std::to_string(++made_));
    WriteOptions options;
    options.dry_run = below(8) == 0;
    INFO(ns << " " << body);
    same([&](Cluster& cluster) { return told(cluster, "v1/pods", ns, body, options); });
  }

  void change() {
    const auto ns = pick(kNamespaces);
    const auto some = std::to_string(below(3));
    const auto said = [&](std::string_view what, const std::string& in, const std::string& name, const std::string& body) {
      const bool goes = below(3) == 0;
      same([&](Cluster& cluster) {
        if (goes) return outcome(cluster.remove(what, in, name));
        if (cluster.stored(what, in, name)) return outcome(cluster.patch(what, in, name, body));
        return outcome(cluster.create(what, in, "{\"metadata\":{\"name\":\"" + name + "\"}," + body.substr(1)));
      });
    };
    switch (below(6)) {
      case 0: return said("v1/serviceaccounts", ns, below(2) ? "robot" : "default", R"({"imagePullSecrets":[{"name":"s)" + some + R"("}],"automountServiceAccountToken":)" + (below(2) ? "true" : "false") + "}");
      case 1: return said("scheduling.k8s.io/v1/priorityclasses", "", "high", R"({"value":7,"globalDefault":)" + std::string(below(2) ? "true" : "false") + "}");
      case 2: return said("scheduling.k8s.io/v1/priorityclasses", "", "low", R"({"value":3,"globalDefault":true,"preemptionPolicy":"Never"})");
      case 3: return said("node.k8s.io/v1/runtimeclasses", "", "small", R"({"handler":"h)" + some + R"(","overhead":{"podFixed":{"cpu":"1m"}},"scheduling":{"nodeSelector":{"a":"b"}}})");
      case 4: return said("v1/limitranges", ns, "l", R"({"spec":{"limits":[{"type":"Container","default":{"cpu":")" + some + R"("}}]}})");
      default: break;
    }
    const auto label = "pod-security.kubernetes.io/" + pick({"enforce", "audit", "warn"});
    const auto body = R"({"metadata":{"labels":{")" + label + "\":" + (below(2) ? "\"" + pick(kLevels) + "\"" : "null") + "}}}";
    same([&](Cluster& cluster) { return outcome(cluster.patch("v1/namespaces", "", ns, body)); });
  }

  static std::string outcome(const base::Outcome<Written>& written) { return written ? "done" : written.error().message; }

  void same(const std::function<std::string(Cluster&)>& act) { REQUIRE(act(alone_) == act(watched_)); }

  Cluster alone_, watched_;
  const std::shared_ptr<Meddler> counter_ = std::make_shared<Meddler>();
  std::mt19937_64 random_;
  Texts specs_;
  int made_ = 0;
};

}  // namespace

TEST_CASE("a spec that comes again makes what it made the first time: the same objects, refusals and warnings") {
  const std::vector<std::string> bodies{
      R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":"NAME","labels":{"a":"b"}},"spec":SPEC})",
      R"( { "metadata" : { "name" : "NAME", "annotations" : { "x" : "{\"spec\":{}}" , "scheduler.alpha.kubernetes.io/critical-pod" : "" } } , "spec" : SPEC , "status" : { "phase" : "Running" } } )",
      R"({"spec":SPEC,"kind":"Pod","metadata":{"name":"NAME","spec":{"a":1},"managedFields":[]}})",
      R"({"spec":SPEC,"metadata":{"name":"NAME"},"spec":{"containers":[]}})",
      R"({"spec":{"containers":[]},"metadata":{"name":"NAME"},"sp\u0065c":SPEC})",
      R"({"metadata":{"name":"NAME"},"spec":SPEC,})",
      R"({"metadata":{"name":"NAME"},"spec":SPEC)",
      R"({"metadata":{"name":"-NAME"},"spec":SPEC})",
      R"({"metadata":{"name":"NAME"},"spec":null})",
      R"(["spec":SPEC])",
  };
  using Mode = kinds::FieldValidation;
  for (const auto mode : {Mode::warn, Mode::strict, Mode::ignore})
    for (const auto& body : bodies)
      for (const auto& spec : specs()) {
        // Each time under the same name: what is told of one does not stay.
        Cluster cluster;
        WriteOptions options;
        options.validation = mode;
        options.dry_run = true;
        const auto sent = filled(body, spec, "p");
        INFO(sent);
        const auto first = told(cluster, "v1/pods", "default", sent, options);
        for (int i = 1; i < kTimes; ++i) REQUIRE(told(cluster, "v1/pods", "default", sent, options) == first);
      }
}

TEST_CASE("what is known of a spec by one body is not believed of another") {
  Cluster cluster;
  const auto& spec = specs().front();
  const auto make = [&](const std::string& body, const std::string& name) { return Cluster::must(cluster.create("v1/pods", "default", filled(body, spec, name))); };
  const std::string plain = R"({"metadata":{"name":"NAME"},"spec":SPEC})";
  for (int i = 0; i < kTimes; ++i) make(plain, "a" + std::to_string(i));
  const auto other = make(R"({"metadata":{"name":"NAME","labels":{"a":"b"},"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n","uid":"u"}]},"spec":SPEC})", "b");
  CHECK(has(other, {"metadata", "ownerReferences"}));
  const auto fields = json::serialize(*auth::find(auth::list_at(parsed(other), {"metadata", "managedFields"})->front(), {"fieldsV1"}));
  CHECK(fields.find("f:ownerReferences") != fields.npos);
  CHECK(fields.find("f:containers") != fields.npos);
  // Another namespace has another account, which brings what its pods pull images with.
  Cluster::must(cluster.patch("v1/serviceaccounts", "other", "default", R"({"imagePullSecrets":[{"name":"registry"}]})"));
  const auto elsewhere = Cluster::must(cluster.create("v1/pods", "other", filled(plain, spec, "a")));
  CHECK(auth::text_at(auth::list_at(parsed(elsewhere), {"spec", "imagePullSecrets"})->front(), {"name"}) == "registry");
  CHECK_FALSE(has(make(plain, "c"), {"spec", "imagePullSecrets"}));
}

TEST_CASE("whatever admission rests on changes: pods of a spec that has come before become what they become where all is looked at") {
  int recalled = 0, met = 0;
  constexpr std::uint64_t kSeeds = test::seeds(12);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    BothWays both(seed);
    for (int i = 0; i < 250; ++i) both.step();
    recalled += both.recalled();
    met += both.met();
  }
  CHECK(recalled > static_cast<int>(15 * kSeeds));
  CHECK(met > static_cast<int>(5 * kSeeds));
}

TEST_CASE("an account that changes while its pod is made of a known spec changes the pod") {
  Cluster cluster;
  const auto meddler = std::make_shared<Meddler>();
  cluster.chains->add(1000, meddler);
  const auto make = [&](const std::string& name) { return Cluster::must(cluster.create("v1/pods", "default", filled(R"({"metadata":{"name":"NAME"},"spec":SPEC})", specs()[1], name))); };
  for (int i = 0; i < kTimes; ++i) CHECK_FALSE(has(make("a" + std::to_string(i)), {"spec", "imagePullSecrets"}));
  REQUIRE(meddler->recalled > 0);
  meddler->then = [&] { Cluster::must(cluster.patch("v1/serviceaccounts", "default", "default", R"({"imagePullSecrets":[{"name":"registry"}]})")); };
  CHECK(has(make("b"), {"spec", "imagePullSecrets"}));
}

TEST_CASE("what admission notes for the audit log is noted of each pod, and who is warned once is warned each time") {
  Cluster cluster;
  const auto counter = std::make_shared<Meddler>();
  cluster.chains->add(1000, counter);
  Cluster::must(cluster.patch("v1/namespaces", "", "default", R"({"metadata":{"labels":{"pod-security.kubernetes.io/enforce":"baseline"}}})"));
  const auto make = [&](const std::string& ns, const std::string& spec, int i) {
    auto made = cluster.create("v1/pods", ns, filled(R"({"metadata":{"name":"NAME"},"spec":SPEC})", spec, "p" + std::to_string(i)));
    REQUIRE(made.has_value());
    return std::pair(made->annotations.size(), made->warnings.size());
  };
  for (int i = 0; i < kTimes; ++i) CHECK(make("default", specs()[1], i) == std::pair<std::size_t, std::size_t>(1, 0));
  CHECK(counter->recalled > 0);
  const std::string host = R"({"hostNetwork":true,"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i"}]})";
  for (int i = 0; i < kTimes; ++i) CHECK(make("other", host, i) == std::pair<std::size_t, std::size_t>(0, 1));
}

TEST_CASE("claims of a pod's own volumes are named after it, so that each pod's name is judged with them") {
  Cluster cluster;
  const auto& spec = specs()[5];
  const auto create = [&](const std::string& name) { return cluster.create("v1/pods", "default", filled(R"({"metadata":{"name":"NAME"},"spec":SPEC})", spec, name)); };
  for (int i = 0; i < kTimes; ++i) Cluster::must(create("a" + std::to_string(i)));
  CHECK(error_of(create(std::string(250, 'a'))).code == 422);
}

TEST_CASE("a spec is kept from the second time on, and only where nothing is to be said of it") {
  const auto pods = kinds::make_registry()->current()->find("", "v1", "pods");
  kinds::KnownSpecs known;
  const auto read = [&](const std::string& spec) {
    std::shared_ptr<kinds::KnownSpec> found;
    const bool decoded = known.decode(*pods, filled(R"({"metadata":{"name":"NAME"},"spec":SPEC})", spec, "a"), kinds::FieldValidation::ignore, {}, found).has_value();
    CHECK(decoded == (found != nullptr));
    return found;
  };
  const auto &good = specs()[0], &unknown = specs()[7], &twice = specs()[8], &wrong = specs()[11];
  CHECK_FALSE(read(good));
  const auto kept = read(good);
  REQUIRE(kept);
  CHECK(read(good) == kept);
  for (const auto& spec : {unknown, twice, wrong})
    for (int i = 0; i < kTimes; ++i) CHECK_FALSE(read(spec));
  const std::string large = R"({"containers":[],"hostname":")" + std::string(kinds::kSpecBytesMax, 'a') + "\"}";
  for (int i = 0; i < kTimes; ++i) CHECK_FALSE(read(large));
  CHECK(read(good) == kept);
}

TEST_CASE("what became of a spec is believed where admission leaves the same, and not looked for where it never does") {
  const auto pods = kinds::make_registry()->current()->find("", "v1", "pods");
  const auto spec = kinds::KnownSpec::read(*pods, specs()[0], 1);
  REQUIRE(spec);
  auto changed = spec->value();
  changed.as_object()["priority"] = 7;
  const auto settle = [&](const json::value& left, const json::value& stored) {
    spec->settle(*pods, left, json::object({{"spec", stored}, {"status", {{"phase", "Pending"}}}}));
  };
  CHECK_FALSE(spec->settled(spec->value()));
  settle(spec->value(), changed);   // the rules changed it: it is not what admission left
  CHECK_FALSE(spec->settled(spec->value()));
  spec->settle(*pods, changed, json::object({{"spec", changed}}));   // of which nothing says what the status is
  CHECK_FALSE(spec->settled(changed));
  settle(changed, changed);
  REQUIRE(spec->settled(changed));
  CHECK(spec->settled(changed)->spec.find(R"("priority":7)") != std::string::npos);
  CHECK(spec->settled(changed)->status == R"({"phase":"Pending"})");
  CHECK_FALSE(spec->settled(spec->value()));
  for (int i = 0; i < kinds::kSpecChangesMax && spec->may_settle(); ++i) {
    changed.as_object()["priority"] = i;
    settle(changed, changed);
  }
  CHECK_FALSE(spec->may_settle());
  CHECK(spec->settled(changed));
  CHECK(spec->may_settle());
}

TEST_CASE("what became of a spec on some grounds is told on these alone, and only so much is kept") {
  const auto pods = kinds::make_registry()->current()->find("", "v1", "pods");
  const auto spec = kinds::KnownSpec::read(*pods, specs()[0], 1);
  const auto settled = std::make_shared<const kinds::SettledSpec>();
  CHECK_FALSE(spec->admitted("a"));
  spec->admit({"a", settled, {{"note", "text"}}});
  REQUIRE(spec->admitted("a"));
  CHECK(spec->admitted("a")->annotations.size() == 1);
  CHECK_FALSE(spec->admitted("b"));
  std::size_t kept = 0;
  for (std::size_t i = 0; i < 4 * kinds::kGroundsKeptMax; ++i) spec->admit({"a" + std::to_string(i), settled, {}});
  for (std::size_t i = 0; i < 4 * kinds::kGroundsKeptMax; ++i) kept += spec->admitted("a" + std::to_string(i)) ? 1 : 0;
  CHECK((kept > 0 && kept <= kinds::kGroundsKeptMax));
}

TEST_CASE("where a member of what was sent stands is found behind any white space, and not said where it is not plain") {
  const auto found = [](std::string_view object) { return kinds::sent_member(object, "spec"); };
  CHECK(found(R"({"spec":{"a":"}"}})") == R"({"a":"}"})");
  CHECK(found(" \n{ \"a\" : [ {\"spec\":1} , \"\\\"spec\\\":{\" ] ,\t\"b\":1\n, \"spec\" : {\"c\":[{}]} , \"d\":null } ") == R"({"c":[{}]})");
  for (const std::string_view none : {"", "{", "{}", "[]", "{\"", "{\"spec", "{\"spec\"", "{\"spec\":", "{\"spec\":{}", "{\"spec\":{},", R"({"spec":1})", R"({"spec":"{}"})", R"({"specs":{}})",
                                      R"({"a":{"spec":{}}})", R"({"spec":{},"spec":{}})", R"({"spec":{},"sp\u0065c":{}})", R"({"spec" {}})", R"({"spec":{} "a":1})"})
    CHECK(found(none).empty());
  // What is likely is only where it stands so, whole.
  const auto with = [](std::string_view object, std::string_view likely) { return kinds::sent_member(object, "spec", likely); };
  CHECK(with(R"({"a":1,"spec" : {"b":2},"d":3})", R"({"b":2})") == R"({"b":2})");
  CHECK(with(R"({"spec":{"b":2}})", R"({"b":3})") == R"({"b":2})");
  for (const std::string_view none : {R"({"spec":{"b":2})", R"({"spec":{"b":2},"spec":{"b":2}})", R"({"a":{"spec":{"b":2}}})", R"({"spec":{"b":2} "a":1})"}) CHECK(with(none, R"({"b":2})").empty());
  const std::string whole = R"({"a":"\\","spec":{"b":[1,{"c":"]"}]},"d":2})";
  for (std::size_t length = 0; length < whole.size(); ++length) CHECK(found(std::string_view(whole).substr(0, length)).empty());
}

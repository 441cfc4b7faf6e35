// Known creates: pods and events that are alike but for names and texts each become what they become where all of them are read.
#include "core/verbs/known_creates.hpp"

#include <random>
#include <set>

#include "core/auth/event_rate.hpp"
#include "tests/unit/seeds.hpp"
#include "tests/unit/verbs/known_support.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

/// Bodies as they may be sent: of one form, in which values are named, and with values for these.
class Bodies {
 public:
  explicit Bodies(std::uint64_t seed) : random_(seed) {}
  std::size_t below(std::size_t count) { return random_() % count; }
  bool rarely() { return below(12) == 0; }

  std::string event() {
    std::string out = R"({"apiVersion":"v1","kind":"Event","metadata":)" + metadata() + R"(,"involvedObject":{"kind":"Pod","name":"$N1","uid":"$X0")" + maybe(R"(,"namespace":"default")") + maybe(R"(,"resourceVersion":"$X1")") +
                      maybe(R"(,"fieldPath":"spec")") + R"(},"reason":"Scheduled","message":"$X)" + std::to_string(2 + below(2)) + R"(","source":{"component":"c")" + maybe(R"(,"host":"h")") + "}" + maybe(R"(,"firstTimestamp":"$T0","lastTimestamp":"$T)" + std::to_string(below(2)) + "\"") +
                      R"(,"count":1,"type":"Normal")" + maybe(R"(,"reportingComponent":"c","reportingInstance":"")");
    if (rarely()) out += R"(,"eventTime":"2026-01-02T03:04:05.000006Z","action":"a")";
    return odd(out + "}");
  }
  std::string pod() {
    return odd(R"({"apiVersion":"v1","kind":"Pod","metadata":)" + metadata() + R"(,"spec":{"automountServiceAccountToken":)" + (below(2) ? "false" : "true") + R"(,"containers":[{"name":"c","image":"i"}])" + (rarely() ? R"(,"hostNetwork":true)" : "") + "}" +
               maybe(R"(,"status":{})") + "}");
  }
  /// The same value for the same name; now and then one that has no slot, or for two names.
  std::string filled(std::string form) {
    const auto first = below(1'000'000);
    for (std::size_t i = 0; i < kNames; ++i) {
      const auto text = "v" + std::to_string(first) + "-" + std::to_string(below(20) == 0 ? below(kNames) : i);
      fill(form, "$N" + std::to_string(i), either(text, {"", "a.b", "x." + text, "-" + text, text + "-", "a..b", "A", "a_b", "a/b", "a%b", "a<b", "\\u0061", "kept-value-02", std::string(64, 'n'), std::string(254, 'n')}));
      fill(form, "$X" + std::to_string(i), either(text + " is so", {"", "a<b>&c", "a\\\"b", "\\u00e9", "\xc3\xa9", text, "kept://value-03", std::string(1025, 'm'), "2026-01-02T03:04:05Z"}));
      fill(form, "$T" + std::to_string(i), either("2026-01-02T03:04:1" + std::to_string((first + i) % 10) + "Z", {"", "0001-01-01T00:00:00Z", "2026-01-02T05:04:05+02:00", "2026-01-02T03:04:05.5Z", "soon", "2026-02-31T03:04:05Z", "2026-01-02T03:04:60Z", "1997-01-02T03:04:03Z"}));
    }
    return form;
  }

 private:
  static constexpr std::size_t kNames = 4;

  static void fill(std::string& text, const std::string& name, const std::string& value) {
    for (auto at = text.find(name); at != std::string::npos; at = text.find(name, at + value.size())) text.replace(at, name.size(), value);
  }
  std::string either(const std::string& plain, const std::vector<std::string>& odd) { return below(25) == 0 ? odd[below(odd.size())] : plain; }
  std::string maybe(const std::string& text) { return below(2) ? text : std::string(); }
  std::string metadata() {
    return R"({"name":"$N0")" + maybe(R"(,"namespace":"default")") + maybe(R"(,"labels":{"a":"b","name":"$N3","index":"$X3","c.io/of":"$N)" + std::to_string(below(kNames)) + "\"}") + (rarely() ? R"(,"generateName":"g-")" : "") + (rarely() ? R"(,"creationTimestamp":null,"uid":"u","generation":7)" : "") +
           maybe(R"(,"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r","uid":"u-1","controller":true}])") + (rarely() ? R"(,"finalizers":["a.io/b"],"annotations":{"name":"x","metadata":"{\"name\":\"y\"}"})" : "") + "}";
  }
  /// With white space, a member twice, in other letters or of no kind, or broken.
  std::string odd(std::string body) {
    const std::string name = R"("name":"$N0")";
    switch (below(12)) {
      case 0: return " \n" + spaced(body) + "\n";
      case 1: return body.replace(body.find(name), name.size(), R"("name":"z","name":"$N0")");
      case 2: return body.replace(body.find(name), name.size(), R"("name":"$N0","n\u0061me":"$N2")");
      case 3: return body.replace(body.find(name), name.size(), R"("name":"$N2","name":"$N0")");
      case 4: return body.replace(body.find(name), name.size(), R"("generateName":"g-")");
      case 5: return body.replace(body.size() - 1, 1, R"(,"metadata":{"name":"$N2"}})");
      case 6: return body.replace(body.size() - 1, 1, R"(,"unknown":"$X3"})");
      case 7: return below(2) ? body + "}" : body.substr(0, body.size() - 1);
      default: return body;
    }
  }
  static std::string spaced(const std::string& body) {
    std::string out;
    for (const char c : body) out += c == ':' || c == ',' || c == '{' ? std::string(1, c) + " \t" : std::string(1, c);
    return out;
  }

  std::mt19937_64 random_;
};

/// Two clusters; in one of them somebody looks at all that is made.
struct Both {
  Both() {
    watched.chains->add(1, std::make_shared<Onlooker>());
    alone.chains->add(1000, counter);
  }
  void same(const std::function<std::string(Cluster&)>& act) { REQUIRE(act(alone) == act(watched)); }
  Cluster alone, watched;
  const std::shared_ptr<Meddler> counter = std::make_shared<Meddler>();
};

std::string plain_event(int i) {
  const auto name = "pod-" + std::to_string(i);
  return R"({"metadata":{"name":")" + name + R"(.1"},"involvedObject":{"namespace":"default","name":")" + name + R"("},"message":"about )" + name + R"("})";
}

}  // namespace

TEST_CASE("creates that are alike make what they make where each is read whole: the same objects, refusals and warnings") {
  using Mode = kinds::FieldValidation;
  int met = 0;
  constexpr std::uint64_t kSeeds = test::seeds(40);
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    Both both;
    Bodies bodies(seed);
    const std::string what = seed % 2 == 0 ? "v1/pods" : "v1/events";
    std::vector<std::string> forms;
    for (int i = 0; i < 3; ++i) forms.push_back(seed % 2 == 0 ? bodies.pod() : bodies.event());
    for (int i = 0; i < 150; ++i) {
      const auto body = bodies.filled(forms[bodies.below(forms.size())]);
      WriteOptions options;
      options.validation = bodies.rarely() ? Mode::strict : bodies.rarely() ? Mode::ignore : Mode::warn;
      options.dry_run = bodies.rarely();
      both.alone.admin.field_manager = both.watched.admin.field_manager = bodies.rarely() ? "another" : "test";
      const std::string ns = bodies.rarely() ? "other" : "default";
      INFO(body);
      both.same([&](Cluster& cluster) { return told(cluster, what, ns, body, options); });
      if (bodies.rarely()) both.alone.sleep_s(1), both.watched.sleep_s(1);
    }
    met += both.counter->met;
  }
  CHECK(met > static_cast<int>(6 * kSeeds));
}

TEST_CASE("whatever stands where names, texts and times differ: it is judged as where all is read") {
  const std::vector<std::string> odd{"", "a.b", "-a", "a-", "a..b", "a.-b", ".a", "A", "a_b", "a/b", "a%b", "a<b", "a&b", "\\u0061", "a\\\"b", "\xc3\xa9", "kept-value-02", "kept://value-02", std::string(63, 'n'), std::string(64, 'n'), std::string(254, 'n'), "n." + std::string(252, 'n'),
                                     std::string(1024, 'm'), std::string(1025, 'm'), "0001-01-01T00:00:00Z", "2026-01-02T03:04:05Z", "2026-01-02T05:04:05+02:00", "soon"};
  const std::string times = R"("firstTimestamp":"$3","lastTimestamp":"$4")", timed = R"("eventTime":"2026-01-02T03:04:05.000006Z","action":"a","reason":"r","type":"Normal","reportingComponent":"c","reportingInstance":"i")";
  const std::string about = R"({"metadata":{"name":"$0"},"involvedObject":{"namespace":"default","kind":"Pod","name":"$1","uid":"$5"},"message":"$2",)";
  const std::string pod = R"({"metadata":{"name":"$0","labels":{"a":"$1"}},"spec":{"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i"}]}})";
  for (const auto& form : {about + times + "}", about + timed + "}", pod}) {
    Both both;
    const std::string what = form == pod ? "v1/pods" : "v1/events";
    int next = 0;
    const auto make = [&](char place, const std::string& text, const std::string& behind = "") {
      auto body = form;
      const auto fresh = std::to_string(next++);
      for (const char each : {'0', '1', '2', '3', '4', '5'}) {
        const auto at = body.find("$" + std::string(1, each));
        if (at == body.npos) continue;
        const bool is_time = each == '3' || each == '4';
        body.replace(at, 2, each == place ? text : is_time ? "2026-01-02T03:0" + std::string(1, each) + ":05Z" : "v" + fresh + "-" + each);
      }
      body += behind;
      INFO(body);
      both.same([&](Cluster& cluster) { return told(cluster, what, "default", body, {}); });
    };
    for (int i = 0; i < 6; ++i) make(' ', "");
    REQUIRE(both.counter->met > 0);
    for (const char place : {'0', '1', '2', '3', '4', '5'})
      for (const auto& text : odd) make(place, text), make(' ', "");
    CHECK(both.counter->met > 120);
    for (const std::string behind : {"x", "}", " {}", "\n"}) make(' ', "", behind);
  }
}

TEST_CASE("a body that is known of one kind is not believed of another") {
  Cluster cluster;
  WriteOptions options;
  options.validation = kinds::FieldValidation::ignore;
  const auto body = [](int i) { return R"({"metadata":{"name":"n)" + std::to_string(i) + R"("},"spec":{"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i"}]}})"; };
  for (int i = 0; i < 8; ++i) CHECK(at(Cluster::must(cluster.create("v1/pods", "default", body(i), options)), {"kind"}) == "Pod");
  for (int i = 0; i < 8; ++i) CHECK(at(Cluster::must(cluster.create("v1/events", "default", body(i), options)), {"kind"}) == "Event");
  CHECK(at(Cluster::must(cluster.create("v1/pods", "default", body(9), options)), {"kind"}) == "Pod");
  CHECK(error_of(cluster.create("events.k8s.io/v1/events", "default", body(10), options)).code == 422);
}

TEST_CASE("admission sees the labels of each pod") {
  class NoRed final : public auth::AdmissionUnit {
   public:
    std::string_view name() const override { return "NoRed"; }
    bool handles(auth::AdmissionRequest::Operation, const kinds::Kind& kind, std::string_view) const override { return kind.kind == "Pod"; }
    bool reads_managers(const auth::AdmissionRequest&) override { return false; }
    bool rests_on(const auth::AdmissionRequest& request, auth::Grounds&) override { return !is_red(request); }
    void validate(auth::AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
      if (is_red(request)) return done(base::forbidden("", "pods", "p", "not red"));
      done({});
    }
    static bool is_red(const auth::AdmissionRequest& request) { return auth::text_at(*request.object, {"metadata", "labels", "color"}) == "red"; }
  };
  Cluster cluster;
  const auto counter = std::make_shared<Meddler>();
  cluster.chains->add(1000, counter);
  cluster.chains->add(50, std::make_shared<NoRed>());
  const auto make = [&](int i, const std::string& color) {
    return cluster.create("v1/pods", "default", R"({"metadata":{"name":"p)" + std::to_string(i) + R"(","labels":{"color":")" + color + R"("}},"spec":{"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i"}]}})");
  };
  for (int i = 0; i < 8; ++i) {
    const auto made = Cluster::must(make(i, "blue-" + std::to_string(i)));
    CHECK(at(made, {"metadata", "labels", "color"}) == "blue-" + std::to_string(i));
    CHECK(made->columns().labels.front().value == "blue-" + std::to_string(i));
  }
  CHECK(counter->met > 2);
  CHECK(error_of(make(8, "red")).code == 403);
}

TEST_CASE("pods of one owner are alike where their account's token is mounted, too") {
  Cluster cluster;
  const auto counter = std::make_shared<Meddler>();
  cluster.chains->add(1000, counter);
  for (int i = 0; i < 8; ++i)
    Cluster::must(cluster.create("v1/pods", "default", R"({"metadata":{"generateName":"r-","name":"r-)" + std::to_string(i) + R"(","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"r","uid":"u","controller":true}]},"spec":{"containers":[{"name":"c","image":"i"}]}})"));
  CHECK(counter->met > 2);
}

TEST_CASE("an object that is made without being read has a uid and times of its own") {
  Cluster cluster;
  const auto counter = std::make_shared<Meddler>();
  cluster.chains->add(1000, counter);
  std::set<std::string> uids;
  for (int i = 0; i < 5; ++i) {
    const auto now = base::rfc3339(cluster.runtime->unix_s());
    const auto made = Cluster::must(cluster.create("v1/events", "default", plain_event(i)));
    uids.emplace(made->columns().uid);
    CHECK(at(made, {"metadata", "uid"}) == made->columns().uid);
    CHECK(at(made, {"metadata", "creationTimestamp"}) == now);
    CHECK(base::rfc3339(made->columns().creation_unix_s) == now);
    CHECK(auth::text_at(auth::list_at(parsed(made), {"metadata", "managedFields"})->front(), {"time"}) == now);
    CHECK(at(made, {"metadata", "resourceVersion"}) == std::to_string(made->revision()));
    CHECK(cluster.stored("v1/events", "default", "pod-" + std::to_string(i) + ".1") == made);
    cluster.sleep_s(1);
  }
  CHECK(uids.size() == 5);
  CHECK(counter->met >= 3);
}

TEST_CASE("events that go unread are counted: who tells of too many is refused") {
  Cluster cluster;
  const auto counter = std::make_shared<Meddler>();
  cluster.chains->add(1000, counter);
  const auto standing_still = base::simulated_runtime(2);
  cluster.chains->add(50, auth::event_rate_limit(*standing_still));
  const auto burst = static_cast<int>(auth::kEventsBurst);
  int made = 0;
  for (int i = 0; i < 2 * burst && cluster.create("v1/events", "default", plain_event(i)); ++i) ++made;
  CHECK(made == burst);
  CHECK(counter->met > burst / 2);
  CHECK(error_of(cluster.create("v1/events", "default", plain_event(2 * burst))).code == 429);
}

TEST_CASE("what is known of creates is not believed where admission has something to say by now") {
  Cluster cluster;
  int next = 0;
  const auto make = [&] { return cluster.create("v1/events", "default", plain_event(next++)); };
  for (int i = 0; i < 5; ++i) Cluster::must(make());
  class Refuses final : public auth::AdmissionUnit {
   public:
    std::string_view name() const override { return "Refuses"; }
    bool handles(auth::AdmissionRequest::Operation, const kinds::Kind& kind, std::string_view) const override { return kind.kind == "Event"; }
    void validate(auth::AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
      if (auth::text_at(*request.object, {"message"}) == "about pod-5") return done(base::forbidden("", "events", "e", "not about that"));
      done({});
    }
  };
  const auto unit = std::make_shared<Refuses>();
  cluster.chains->add(50, unit);
  CHECK(error_of(make()).code == 403);
  Cluster::must(make());
  cluster.chains->remove(unit.get());
  Cluster::must(make());
}

TEST_CASE("who goes without being read is refused as ever: a name that is taken, a namespace that ends or is absent") {
  Both both;
  const auto create = [&](const std::string& ns, int i) {
    both.same([&](Cluster& cluster) {
      auto body = plain_event(i);
      if (ns != "default") body.replace(body.find("default"), 7, ns);
      return told(cluster, "v1/events", ns, body, {});
    });
  };
  for (int i = 0; i < 5; ++i) create("default", i), create("other", i);
  create("default", 3);
  both.same([&](Cluster& cluster) { return Cluster::must(cluster.patch("v1/namespaces", "", "other", R"({"metadata":{"finalizers":["a.io/b"]}})"))->key().name; });
  both.same([&](Cluster& cluster) { return std::to_string(cluster.remove("v1/namespaces", "", "other").has_value()); });
  create("other", 6);
  create("nowhere", 1);
  create("default", 6);
  CHECK(both.counter->met > 5);
}

TEST_CASE("creates that nothing is like cost little: they are soon remembered now and then only, and no more than so many") {
  Cluster cluster;
  verbs::KnownCreates known;
  int worth = 0;
  for (int i = 0; i < 640; ++i) worth += known.is_worth_it() ? 1 : 0;
  CHECK(worth < 30);
  const auto kind = cluster.target("v1/events", "").kind;
  CHECK(verbs::KnownCreates::may_know(*kind));
  CHECK_FALSE(verbs::KnownCreates::may_know(*cluster.target("v1/secrets", "").kind));
}

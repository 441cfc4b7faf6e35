// Bindings at random: what is put into the stored text is what the whole pod gives, whoever looks at it and however it is sent.
#include <array>
#include <random>

#include "core/auth/admission.hpp"
#include "core/kinds/body_kinds.hpp"
#include "core/verbs/plain_binding.hpp"
#include "tests/unit/seeds.hpp"
#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

/// Looks at every binding, as a webhook does: then it is read as a document.
class Onlooker final : public auth::AdmissionUnit {
 public:
  std::string_view name() const override { return "Onlooker"; }
  bool handles(auth::AdmissionRequest::Operation, const kinds::Kind&, std::string_view subresource) const override { return subresource == "binding"; }
};

class AllWays {
 public:
  explicit AllWays(std::uint64_t seed) : random_(seed) { watched.chains->add(1, std::make_shared<Onlooker>()); }

  /// A pod in all clusters, with a past of its own, bound once or more.
  void step() {
    const auto seconds = static_cast<std::int64_t>(below(2));
    for (auto* cluster : clusters()) cluster->sleep_s(seconds);
    const auto name = "p" + std::to_string(++made_);
    const auto pod = R"({"metadata":{"name":")" + name + "\"" + pick(kMetadata) + R"(},"spec":{"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i")" + pick(kContainer) + "}]" + pick(kSpec) + pick(kSpec) + "}}";
    same([&](Cluster& cluster) { return cluster.create("v1/pods", "default", pod); }, name);
    if (below(2) == 0) {
      const auto status = R"({"status":{)" + pick(kStatus) + "}}";
      same([&](Cluster& cluster) { return cluster.patch("v1/pods/status", "default", name, status); }, name);
    }
    if (below(12) == 0) same([&](Cluster& cluster) { return cluster.remove("v1/pods", "default", name); }, name);
    for (auto count = 1 + below(2); count > 0; --count) bind(name);
  }

  int bound = 0;

 private:
  using Texts = std::vector<std::string>;
  static inline const Texts kMetadata = {"", R"(,"labels":{"a":"b"})", R"(,"annotations":{"x":"}],\"spec\":{\\","y":"[{"})", R"(,"finalizers":["x.io/f"])", R"(,"ownerReferences":[{"apiVersion":"v1","kind":"Node","name":"n","uid":"u"}])"};
  static inline const Texts kContainer = {"", R"(,"env":[{"name":"E","value":"\"status\":{"}])", R"(,"args":["}","\\","\"nodeName\":\"x\""])", R"(,"resources":{"requests":{"cpu":"100m"}})"};
  static inline const Texts kSpec = {"", "", R"(,"hostname":"h")", R"(,"nodeName":"taken")", R"(,"schedulingGates":[{"name":"wait.example.com/x"}])", R"(,"hostNetwork":true)", R"(,"nodeSelector":{"nodeName":"}"})",
                                     R"(,"tolerations":[{"operator":"Exists"}])", R"(,"restartPolicy":"Never")", R"(,"schedulerName":"other")", R"(,"schedulingGates":[])"};
  static inline const Texts kStatus = {R"("phase":"Pending")", R"("message":"\"conditions\":[")", R"("conditions":[{"type":"PodScheduled","status":"False","reason":"Unschedulable","message":"0/0 \"nodes\"","lastTransitionTime":"2026-01-01T00:00:00Z"}])",
                                       R"("conditions":[{"type":"Ready","status":"False"},{"type":"PodScheduled","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"}],"qosClass":"BestEffort")",
                                       R"("conditions":[{"type":"Q\"}","status":"True"}],"nominatedNodeName":"n7")"};
  static inline const Texts kTarget = {R"({"kind":"Node","name":"n1"})", R"({"kind":"Node","name":"n1"})", R"({"apiVersion":"v1","kind":"Node","name":"n-2"})", R"({"name":"n3"})", R"({"kind":"Node"})", R"({"kind":"Pod","name":"n1"})",
                                      R"({"kind":"Node","name":"n\"\\\u00e9<"})", R"({"kind":"Node","name":"n1","namespace":"x"})", "null", "7"};
  static inline const Texts kMore = {"", "", "", R"(,"uid":"$UID")", R"(,"uid":"other")", R"(,"labels":{"l":"1"})", R"(,"annotations":{"z":"\"1"})", R"(,"labels":null)", R"(,"annotations":{})", R"(,"resourceVersion":"1")", R"(,"unknown":1)"};

  std::size_t below(std::size_t count) { return random_() % count; }
  const std::string& pick(const Texts& texts) { return texts[below(texts.size())]; }

  void bind(const std::string& name) {
    const auto body = R"({"metadata":{"name":")" + (below(12) == 0 ? "another" : name) + "\"" + pick(kMore) + R"(},"target":)" + kTarget[below(below(3) == 0 ? kTarget.size() : 3)] + "}";
    const WriteOptions options{below(8) == 0, static_cast<kinds::FieldValidation>(below(3)), false};
    INFO(body);
    same([&](Cluster& cluster) {
      auto sent = body;
      const auto pod = cluster.stored("v1/pods", "default", name);
      if (const auto uid = sent.find("$UID"); uid != std::string::npos && pod) sent.replace(uid, 4, pod->columns().uid);
      auto written = &cluster == &together ? sent_together(name, sent, options) : cluster.create_at(cluster.target("v1/pods/binding", "default", name), sent, options);
      if (&cluster == &alone && written && !options.dry_run) ++bound;
      return written;
    }, name);
  }

  /// Between bindings of other pods, which are not there.
  base::Outcome<Written> sent_together(const std::string& name, const std::string& body, const WriteOptions& options) {
    std::vector<verbs::Verbs::Each> bindings{{"default", "none", body}, {"default", name, body}, {"elsewhere", name, body}};
    std::optional<base::Outcome<Written>> answer;
    int left = 3;
    together.verbs->write_each(together.admin, {.op = verbs::Verbs::Step::Op::create, .target = together.target("v1/pods/binding", ""), .options = options}, std::move(bindings), [&](std::size_t place, base::Outcome<Written> written) {
      if (place == 1) answer = std::move(written);
      else CHECK_FALSE(written.has_value());
      --left;
    });
    for (int i = 0; left > 0 && i < 9; ++i) together.runtime->advance(100 * base::kNanosPerMs);
    REQUIRE(left == 0);
    return *std::move(answer);
  }

  std::array<Cluster*, 3> clusters() { return {&alone, &watched, &together}; }
  void same(const std::function<base::Outcome<Written>(Cluster&)>& write, const std::string& name) {
    std::vector<std::string> told;
    for (auto* cluster : clusters()) {
      const auto before = cluster->stored("v1/pods", "default", name);
      const auto written = write(*cluster);
      told.push_back(masked(*cluster, name, before, tell(written)) + "\n" + masked(*cluster, name, before, stored(*cluster, name)));
    }
    CHECK(told[0] == told[1]);
    CHECK(told[0] == told[2]);
  }

  static std::string tell(const base::Outcome<Written>& written) {
    std::string out;
    if (!written) {
      out = std::to_string(written.error().code) + " " + written.error().reason + " " + written.error().message;
      for (const auto& cause : written.error().causes) out += " " + cause.field + ":" + cause.message;
      return out;
    }
    if (written->object) out = std::string(written->object->body());
    for (const auto& warning : written->warnings) out += " " + warning;
    return out + (written->created ? " created" : "");
  }
  static std::string stored(Cluster& cluster, const std::string& name) {
    const auto object = cluster.stored("v1/pods", "default", name);
    if (!object) return "none";
    const auto& columns = object->columns();
    std::string out = std::string(object->body()) + " " + std::to_string(object->revision() - cluster.revision()) + " " + std::to_string(object->revision_offset()) + " " + std::to_string(columns.generation);
    for (const auto& field : columns.fields) out.append(" ").append(field);
    for (const auto& [key, value] : columns.labels) out.append(" ").append(key.text()).append("=").append(value);
    return out;
  }
  static std::string masked(Cluster& cluster, const std::string& name, store::ObjectRef object, std::string text) {
    if (!object) object = cluster.stored("v1/pods", "default", name);
    if (!object) return text;
    const auto& uid = object->columns().uid;
    for (auto at = text.find(uid); at != std::string::npos; at = text.find(uid, at)) text.replace(at, uid.size(), "UID");
    return text;
  }

  Cluster alone, watched, together;
  std::mt19937_64 random_;
  int made_ = 0;
};

}  // namespace

TEST_CASE("a pod that is bound is the same whether its text is edited or all of it is read, alone or among others: bytes, columns, answers and errors") {
  constexpr int kSeeds = test::seeds(8), kPods = 100;
  for (int seed = 1; seed <= kSeeds; ++seed) {
    AllWays all(static_cast<std::uint64_t>(seed));
    for (int i = 0; i < kPods; ++i) {
      INFO("seed " << seed << " pod " << i);
      all.step();
    }
    CHECK(all.bound > kPods / 5);
  }
}

TEST_CASE("a binding as schedulers send it is read without a document, and says what the document says") {
  const std::string plain = R"({"apiVersion":"v1","kind":"Binding","metadata":{"name":"p","namespace":"default","uid":"u-1"},"target":{"apiVersion":"v1","kind":"Node","name":"n1"}})";
  const auto read = verbs::read_plain_binding(plain);
  REQUIRE(read.has_value());
  CHECK(read->name == "p");
  CHECK(read->ns == "default");
  CHECK(read->uid == "u-1");
  CHECK(read->target_kind == "Node");
  CHECK(read->target_name == "n1");
  for (const std::string other : {"", "{}", R"({"metadata":{},"target":{"name":"n"}})", R"({ "target":{"name":"n"}})", R"({"target":{"name":"n"},"target":{"name":"m"}})", R"({"target":{"name":"n","name":"m"}})", R"({"target":{"name":"\u006e"}})",
                                  R"({"target":{"name":"n"},"metadata":{"labels":{}}})", R"({"target":{"name":7}})", R"({"target":{"name":"n"}} )", R"({"target":{"name":"n"},})", R"({"apiVersion":"v2","target":{"name":"n"}})", R"({"Target":{"name":"n"}})"})
    CHECK_FALSE(verbs::read_plain_binding(other).has_value());
  std::mt19937_64 random(7);
  int read_plainly = 0;
  constexpr int kTexts = 20'000;
  constexpr std::string_view kBytes = R"({}[]",:\ anv1)";
  for (int i = 0; i < kTexts; ++i) {
    auto text = plain;
    for (auto edits = random() % 3; edits > 0; --edits) {
      const auto at = random() % text.size();
      if (random() % 2 == 0) text[at] = kBytes[random() % kBytes.size()];
      else text.erase(at, 1 + random() % 20);
    }
    const auto plainly = verbs::read_plain_binding(text);
    if (!plainly) continue;
    ++read_plainly;
    INFO(text);
    const auto decoded = kinds::decode(kinds::body_kind("Binding"), kinds::Media::json, text, kinds::FieldValidation::strict, {});
    REQUIRE(decoded.has_value());
    CHECK(plainly->name == auth::text_at(decoded->object, {"metadata", "name"}));
    CHECK(plainly->ns == auth::text_at(decoded->object, {"metadata", "namespace"}));
    CHECK(plainly->uid == auth::text_at(decoded->object, {"metadata", "uid"}));
    CHECK(plainly->target_kind == auth::text_at(decoded->object, {"target", "kind"}));
    CHECK(plainly->target_name == auth::text_at(decoded->object, {"target", "name"}));
  }
  CHECK(read_plainly > kTexts / 10);
}

TEST_CASE("bindings of one pod that are sent together: the first one binds it, the others hear of it") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/pods", "default", R"({"metadata":{"name":"p"},"spec":{"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i"}]}})"));
  const auto to = [](const std::string& node) { return verbs::Verbs::Each{"default", "p", R"({"metadata":{"name":"p"},"target":{"kind":"Node","name":")" + node + "\"}}"}; };
  std::vector<int> codes;
  cluster.verbs->write_each(cluster.admin, {.op = verbs::Verbs::Step::Op::create, .target = cluster.target("v1/pods/binding", "")}, {to("n1"), to("n2"), to("n1")},
                            [&](std::size_t place, base::Outcome<Written> written) {
                              CHECK(place == codes.size());
                              codes.push_back(written ? 201 : error_of(written).code);
                            });
  for (int i = 0; codes.size() < 3 && i < 9; ++i) cluster.runtime->advance(100 * base::kNanosPerMs);
  CHECK(codes == std::vector<int>{201, 409, 409});
  CHECK(at(cluster.stored("v1/pods", "default", "p"), {"spec", "nodeName"}) == "n1");
}

TEST_CASE("who looks only at pods that go to one node sees those among others") {
  Cluster cluster;
  class Labels final : public auth::InlineMutator {
   public:
    std::string_view name() const override { return "Labels"; }
    bool handles(auth::AdmissionRequest::Operation, const kinds::Kind&, std::string_view subresource) const override { return subresource == "binding"; }
    bool reads_objects(const auth::AdmissionRequest& request) override { return request.node == "n1"; }
    bool passes(const auth::AdmissionRequest& request) override { return !reads_objects(request); }
    base::Outcome<void> mutate(auth::AdmissionRequest& request) const override {
      if (request.object) auth::object_at(*request.object, {"metadata", "labels"})["seen"] = "yes";
      return {};
    }
  };
  cluster.chains->add(1, std::make_shared<Labels>());
  std::vector<verbs::Verbs::Each> bindings;
  for (const std::string node : {"n0", "n1", "n1", "n2"}) {
    const auto pod = "p" + std::to_string(bindings.size());
    Cluster::must(cluster.create("v1/pods", "default", R"({"metadata":{"name":")" + pod + R"("},"spec":{"automountServiceAccountToken":false,"containers":[{"name":"c","image":"i"}]}})"));
    bindings.push_back({"default", pod, R"({"metadata":{"name":")" + pod + R"("},"target":{"kind":"Node","name":")" + node + "\"}}"});
  }
  std::size_t bound = 0;
  cluster.verbs->write_each(cluster.admin, {.op = verbs::Verbs::Step::Op::create, .target = cluster.target("v1/pods/binding", "")}, bindings, [&](std::size_t, base::Outcome<Written> written) { bound += written.has_value() ? 1 : 0; });
  for (int i = 0; bound < bindings.size() && i < 9; ++i) cluster.runtime->advance(100 * base::kNanosPerMs);
  CHECK(bound == bindings.size());
  std::string seen;
  for (const auto& binding : bindings) seen += cluster.stored("v1/pods", "default", binding.name)->label(base::Atom("seen")) ? "yes " : "no ";
  CHECK(seen == "no yes yes no ");
}

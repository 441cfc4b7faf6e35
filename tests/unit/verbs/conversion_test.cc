// Definitions whose versions a webhook converts: v1alpha1 has spec.place, v1 spec.host.
#include <deque>

#include "core/verbs/ask_webhook.hpp"
#include "core/verbs/definitions.hpp"
#include "fixture.hpp"

namespace {

using namespace keelson;
using namespace keelson::verbs_test;

constexpr const char* kCrds = "apiextensions.k8s.io/v1/customresourcedefinitions";
constexpr std::string_view kOld = "demo.io/v1alpha1/buoys", kNew = "demo.io/v1/buoys";

std::string version(const std::string& name, bool storage, const std::string& field) {
  return R"({"name":")" + name + R"(","served":true,"storage":)" + (storage ? "true" : "false") + R"(,"subresources":{"status":{}},"schema":{"openAPIV3Schema":{"type":"object","properties":{
    "status":{"type":"object","x-kubernetes-preserve-unknown-fields":true},"spec":{"type":"object","properties":{")" + field + R"(":{"type":"string"}}}}}}})";
}

/// As a webhook does it: the field changes its name.
json::value convert(json::value object, const std::string& to) {
  const bool old = to == "demo.io/v1alpha1";
  object.as_object()["apiVersion"] = to;
  auto& spec = object.as_object()["spec"].as_object();
  const auto found = spec.find(old ? "host" : "place");
  if (found != spec.end()) {
    auto value = found->value();
    spec.erase(found);
    spec[old ? "place" : "host"] = std::move(value);
  }
  return object;
}

struct WithWebhook : Cluster {
  using Done = std::function<void(base::Outcome<std::string>)>;

  WithWebhook() {
    verbs = verbs::make_verbs({*store, *hub, *registry, *chains, tokens.get(), *runtime, *metrics}, [this](verbs::ConversionReview review, Done done) {
      reviews.push_back(json::parse(review.body));
      asked_for = review.definition;
      // Always later and on another thread, as a webhook answers.
      runtime->schedule_at(runtime->in_ms(1), [answer = answer(reviews.back()), done = std::move(done)] { done(answer); });
    });
    definitions = verbs::make_definitions(*store, *verbs, *registry, *runtime);
    must(create(kCrds, "", R"({"metadata":{"name":"buoys.demo.io"},"spec":{"group":"demo.io","scope":"Namespaced","names":{"plural":"buoys","kind":"Buoy"},
      "conversion":{"strategy":"Webhook","webhook":{"conversionReviewVersions":["v1"],"clientConfig":{"url":"https://x"}}},"versions":[)" +
                               version("v1alpha1", false, "place") + "," + version("v1", true, "host") + "]}}"));
    for (int i = 0; i < 100 && !registry->current()->find("demo.io", "v1alpha1", "buoys"); ++i) runtime->advance(50 * base::kNanosPerMs);
  }
  ~WithWebhook() { definitions->stop(); }

  base::Outcome<std::string> answer(const json::value& review) const {
    if (!failure.empty()) return base::raw_500(failure);
    const auto& request = review.at("request").as_object();
    json::array converted;
    for (const auto& object : request.at("objects").as_array()) converted.push_back(convert(object, std::string(request.at("desiredAPIVersion").as_string())));
    json::object response{{"uid", request.at("uid")}, {"result", {{"status", "Success"}}}, {"convertedObjects", std::move(converted)}};
    if (lie) lie(response);
    return json::serialize(json::object{{"kind", "ConversionReview"}, {"apiVersion", "apiextensions.k8s.io/v1"}, {"response", std::move(response)}});
  }
  std::string text(std::string_view what, const std::string& name, auth::Path path) {
    auto found = get(what, "default", name);
    return found ? at(*found, path) : found.error().message;
  }

  webhook::CallerRef asked_for;
  std::vector<json::value> reviews;
  std::string failure;
  std::function<void(json::object& response)> lie;
  std::unique_ptr<verbs::Definitions> definitions;
};

std::string old_buoy(const std::string& name, const std::string& place) { return R"({"apiVersion":"demo.io/v1alpha1","kind":"Buoy","metadata":{"name":")" + name + R"(","labels":{"a":"b"}},"spec":{"place":")" + place + R"("}})"; }
std::string new_buoy(const std::string& name, const std::string& host) { return R"({"apiVersion":"demo.io/v1","kind":"Buoy","metadata":{"name":")" + name + R"("},"spec":{"host":")" + host + R"("}})"; }

class Sink final : public watch::WatchSink {
 public:
  void wake() override { ++wakes; }
  std::atomic<int> wakes{0};
};

}  // namespace

TEST_CASE("a webhook makes the stored form of what is written, and the version of what is read") {
  WithWebhook c;
  const auto made = c.must(c.create(kOld, "default", old_buoy("a", "sea")));
  CHECK(at(made, {"spec", "place"}) == "sea");
  CHECK(at(made, {"metadata", "resourceVersion"}) == std::to_string(made->revision()));
  const auto stored = c.stored(kNew, "default", "a");
  CHECK(at(stored, {"apiVersion"}) == "demo.io/v1");
  CHECK(at(stored, {"spec", "host"}) == "sea");
  CHECK(at(stored, {"metadata", "uid"}) == at(made, {"metadata", "uid"}));
  CHECK(c.text(kOld, "a", {"spec", "place"}) == "sea");
  CHECK(at(c.must(c.patch(kOld, "default", "a", R"({"spec":{"place":"bay"}})")), {"spec", "place"}) == "bay");
  CHECK(c.text(kNew, "a", {"spec", "host"}) == "bay");
  const auto before = c.reviews.size();
  c.must(c.patch(kNew, "default", "a", R"({"spec":{"host":"cove"}})"));
  CHECK(c.reviews.size() == before);   // the stored version needs nobody
  auto wanted = parsed(*c.get(kOld, "default", "a"));
  wanted.at("spec").as_object()["place"] = "reef";
  CHECK(at(c.must(c.update(kOld, "default", "a", json::serialize(wanted))), {"spec", "place"}) == "reef");
  CHECK(c.text(kNew, "a", {"spec", "host"}) == "reef");
  REQUIRE(c.remove(kOld, "default", "a").has_value());
  CHECK_FALSE(c.get(kNew, "default", "a").has_value());
}

TEST_CASE("who converts hears whose objects they are, and what came of it is counted") {
  WithWebhook c;
  c.must(c.create(kOld, "default", old_buoy("a", "sea")));
  REQUIRE(c.asked_for);
  CHECK(c.asked_for->kind == "CustomResourceDefinition");
  CHECK(c.asked_for->name == "buoys.demo.io");
  c.failure = "no way";
  CHECK_FALSE(c.create(kOld, "default", old_buoy("b", "sea")).has_value());
  const auto text = c.metrics->prometheus_text();
  CHECK(text.find(R"(apiserver_conversion_webhook_request_total{failure_type="",result="success"})") != std::string::npos);
  CHECK(text.find(R"(apiserver_conversion_webhook_request_total{failure_type="conversion_webhook_call_failure",result="failure"} 1)") != std::string::npos);
}

TEST_CASE("a list is one review, and a dry run of an apply stores nothing") {
  WithWebhook c;
  for (const std::string name : {"a", "b", "c"}) c.must(c.create(kNew, "default", new_buoy(name, "sea")));
  const auto before = c.reviews.size();
  const auto listed = c.list(kOld, "default");
  REQUIRE(listed->objects.size() == 3);
  CHECK(at(listed->objects[2], {"spec", "place"}) == "sea");
  CHECK(c.reviews.size() == before + 1);
  WriteOptions dry;
  dry.dry_run = true;
  const std::string applied = R"({"apiVersion":"demo.io/v1alpha1","kind":"Buoy","metadata":{"name":"d"},"spec":{"place":"bay"}})";
  CHECK(at(c.must(c.patch(kOld, "default", "d", applied, kinds::PatchType::apply, dry)), {"spec", "place"}) == "bay");
  CHECK_FALSE(c.get(kNew, "default", "d").has_value());
  CHECK(at(c.must(c.patch(kOld, "default", "d", applied, kinds::PatchType::apply)), {"spec", "place"}) == "bay");
  CHECK(c.text(kNew, "d", {"spec", "host"}) == "bay");
}

TEST_CASE("a watch is converted in order") {
  WithWebhook c;
  c.must(c.create(kNew, "default", new_buoy("a", "0")));
  Sink sink;
  watch::WatchRequest request;
  request.start = watch::WatchRequest::Start::current_state;
  request.encoding = {"place", [](watch::EventType, store::Revision, const store::ObjectRef& object, bool) { return std::make_shared<const std::string>(object ? at(object, {"spec", "place"}) : "mark"); }};
  auto opened = c.verbs->watch(c.admin, c.target(kOld, "default"), request, sink);
  REQUIRE(opened.has_value());
  std::vector<watch::Bytes> out;
  const auto seen = [&](std::size_t wanted) {
    for (int i = 0; i < 200 && out.size() < wanted; ++i) {
      c.runtime->advance(10 * base::kNanosPerMs);
      if (!(*opened)->take(out, 1u << 20)) break;
    }
    std::string all;
    for (const auto& one : out) all += *one + " ";
    return all;
  };
  CHECK(seen(1) == "0 ");
  for (int i = 1; i < 6; ++i) c.must(c.patch(kNew, "default", "a", R"({"spec":{"host":")" + std::to_string(i) + R"("}})"));
  REQUIRE(c.remove(kNew, "default", "a").has_value());
  CHECK(seen(7) == "0 1 2 3 4 5 5 ");
  CHECK(sink.wakes > 0);
  c.failure = "gone";
  c.must(c.create(kNew, "default", new_buoy("b", "x")));
  base::Outcome<void> took;
  for (int i = 0; i < 200 && took; ++i) {
    c.runtime->advance(10 * base::kNanosPerMs);
    took = (*opened)->take(out, 1u << 20);
  }
  REQUIRE_FALSE(took.has_value());
  CHECK(took.error().message == "conversion webhook for demo.io/v1, Kind=Buoy failed: gone");
}

TEST_CASE("what a webhook may not do is told in upstream's words") {
  WithWebhook c;
  c.must(c.create(kNew, "default", new_buoy("a", "sea")));
  const auto said = [&](const std::function<void(json::object&)>& lie) {
    c.lie = lie;
    return error_of(c.get(kOld, "default", "a")).message;
  };
  const std::string prefix = "conversion webhook for demo.io/v1, Kind=Buoy ";
  const auto object = [](json::object& response) -> json::object& { return response["convertedObjects"].as_array()[0].as_object(); };
  CHECK(said([](json::object& response) { response["result"] = {{"status", "Failed"}, {"message", "no way"}}; }) == prefix + "failed: no way");
  CHECK(said([](json::object& response) { response["result"] = {{"status", "Failed"}}; }) == prefix + "failed: response.result.status was 'Failed', not 'Success'");
  CHECK(said([](json::object& response) { response["convertedObjects"] = json::array(); }) == prefix + "returned 0 objects, expected 1");
  CHECK(said([&](json::object& response) { object(response)["kind"] = "Ship"; }) == prefix + "returned invalid object at index 0: invalid kind (expected Buoy, received Ship)");
  CHECK(said([&](json::object& response) { object(response)["metadata"].as_object()["name"] = "z"; }) == prefix + "returned invalid object: must have the same name: a != z");
  CHECK(said([&](json::object& response) { object(response)["metadata"] = 1; }) == prefix + "returned invalid metadata: invalid metadata");
  CHECK(error_of(c.create(kOld, "default", old_buoy("b", "sea"))).code == 500);
  CHECK_FALSE(c.stored(kNew, "default", "b"));
}

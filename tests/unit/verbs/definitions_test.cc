#include "core/verbs/definitions.hpp"

#include "core/kinds/crd/compiled_definitions.hpp"
#include "core/kinds/type.hpp"
#include "fixture.hpp"

namespace {

using namespace keelson;
using namespace keelson::verbs_test;

constexpr const char* kCrds = "apiextensions.k8s.io/v1/customresourcedefinitions";

std::string definition(const std::string& plural, const std::string& kind, const std::string& extra = "") {
  return R"({"metadata":{"name":")" + plural + R"(.demo.io"},"spec":{"group":"demo.io","scope":"Namespaced","names":{"plural":")" + plural + R"(","kind":")" + kind + R"("},"versions":[
    {"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":{"type":"object","properties":{"size":{"type":"integer"}}}}}}})" + extra + "]}}";
}

struct WithDefinitions : Cluster {
  ~WithDefinitions() { definitions->stop(); }
  bool until(const std::function<bool()>& holds) {
    for (int i = 0; i < 100 && !holds(); ++i) runtime->advance(50 * base::kNanosPerMs);
    return holds();
  }
  bool serves(const std::string& resource, const std::string& version = "v1") { return registry->current()->find("demo.io", version, resource) != nullptr; }
  std::string condition(const std::string& name, std::string_view type, std::string_view field = "status") {
    const auto found = get(kCrds, "", name);
    if (!found) return "";
    const auto value = parsed(*found);
    const auto* conditions = auth::list_at(value, {"status", "conditions"});
    for (const auto& one : conditions ? *conditions : json::array())
      if (auth::text_at(one, {"type"}) == type) return std::string(auth::text_at(one, {field}));
    return "";
  }
  std::unique_ptr<verbs::Definitions> definitions = verbs::make_definitions(*store, *verbs, *registry, *runtime);
};

/// Does something else, once, before the first write of a definition's status.
class Before final : public auth::AdmissionUnit {
 public:
  explicit Before(std::function<void(std::function<void()>)> work) : work_(std::move(work)) {}
  std::string_view name() const override { return "Before"; }
  bool handles(auth::AdmissionRequest::Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    return operation == auth::AdmissionRequest::Operation::update && kind.resource == "customresourcedefinitions" && subresource == "status";
  }
  void validate(auth::AdmissionRequest&, std::function<void(base::Outcome<void>)> done) override {
    if (const auto work = std::exchange(work_, nullptr)) work([done] { done({}); });
    else done({});
  }

 private:
  std::function<void(std::function<void()>)> work_;
};

}  // namespace

TEST_CASE("a stored definition is served, then says that it is established") {
  WithDefinitions c;
  REQUIRE(c.create(kCrds, "", definition("sites", "Site")).has_value());
  REQUIRE(c.until([&] { return c.condition("sites.demo.io", "Established") == "True"; }));
  CHECK(c.condition("sites.demo.io", "NamesAccepted", "reason") == "NoConflicts");
  CHECK(c.condition("sites.demo.io", "Established", "reason") == "InitialNamesAccepted");
  const auto stored = c.get(kCrds, "", "sites.demo.io");
  CHECK(at(*stored, {"status", "acceptedNames", "listKind"}) == "SiteList");
  CHECK(c.create("demo.io/v1/sites", "default", R"({"apiVersion":"demo.io/v1","kind":"Site","metadata":{"name":"a"},"spec":{"size":3}})").has_value());
}

TEST_CASE("a name that another definition has is a conflict until that one goes") {
  WithDefinitions c;
  REQUIRE(c.create(kCrds, "", definition("sites", "Site")).has_value());
  REQUIRE(c.until([&] { return c.serves("sites"); }));
  REQUIRE(c.create(kCrds, "", definition("places", "Site")).has_value());
  REQUIRE(c.until([&] { return c.condition("places.demo.io", "NamesAccepted") == "False"; }));
  CHECK(c.condition("places.demo.io", "NamesAccepted", "message") == "\"SiteList\" is already in use");
  CHECK(c.condition("places.demo.io", "Established", "reason") == "NotAccepted");
  CHECK_FALSE(c.serves("places"));
  REQUIRE(c.remove(kCrds, "", "sites.demo.io").has_value());
  CHECK(c.until([&] { return c.condition("places.demo.io", "Established") == "True" && c.serves("places"); }));
}

TEST_CASE("with a definition go its objects, and nothing new comes meanwhile") {
  WithDefinitions c;
  REQUIRE(c.create(kCrds, "", definition("sites", "Site")).has_value());
  REQUIRE(c.until([&] { return c.serves("sites"); }));
  REQUIRE(c.create("demo.io/v1/sites", "default", R"({"apiVersion":"demo.io/v1","kind":"Site","metadata":{"name":"a"}})").has_value());
  REQUIRE(c.create("demo.io/v1/sites", "other", R"({"apiVersion":"demo.io/v1","kind":"Site","metadata":{"name":"held","finalizers":["demo.io/hold"]}})").has_value());
  const auto removed = c.remove(kCrds, "", "sites.demo.io");
  REQUIRE(removed.has_value());
  CHECK(c.condition("sites.demo.io", "Terminating") == "True");
  CHECK(number(removed->object, {"metadata", "generation"}) == 1);
  REQUIRE(c.until([&] { return !c.get("demo.io/v1/sites", "default", "a").has_value(); }));
  CHECK(c.get("demo.io/v1/sites", "other", "held").has_value());
  const auto refused = c.create("demo.io/v1/sites", "default", R"({"apiVersion":"demo.io/v1","kind":"Site","metadata":{"name":"b"}})");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().reason == "Forbidden");
  CHECK(refused.error().message == R"(sites.demo.io "b" is forbidden: create not allowed while custom resource definition is terminating)");
  const auto applied = c.patch("demo.io/v1/sites", "default", "b", R"({"apiVersion":"demo.io/v1","kind":"Site","metadata":{"name":"b"}})", kinds::PatchType::apply);
  REQUIRE_FALSE(applied.has_value());
  CHECK(applied.error().code == 403);
  REQUIRE(c.patch("demo.io/v1/sites", "other", "held", R"({"metadata":{"finalizers":null}})").has_value());
  CHECK(c.until([&] { return !c.get(kCrds, "", "sites.demo.io").has_value() && !c.serves("sites"); }));
}

TEST_CASE("established definitions are served again when the server starts") {
  WithDefinitions c;
  REQUIRE(c.create(kCrds, "", definition("sites", "Site")).has_value());
  REQUIRE(c.until([&] { return c.condition("sites.demo.io", "Established") == "True"; }));
  c.definitions->stop();
  c.registry->withdraw(base::Atom("sites.demo.io"));
  c.definitions = verbs::make_definitions(*c.store, *c.verbs, *c.registry, *c.runtime);
  CHECK(c.serves("sites"));
}

TEST_CASE("a new version is served, and the versions that were stored are remembered") {
  WithDefinitions c;
  REQUIRE(c.create(kCrds, "", definition("sites", "Site")).has_value());
  REQUIRE(c.until([&] { return c.serves("sites"); }));
  const std::string second = R"({"spec":{"versions":[{"name":"v1","served":true,"storage":false,"schema":{"openAPIV3Schema":{"type":"object"}}},{"name":"v2","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}})";
  const auto patched = c.patch(kCrds, "", "sites.demo.io", second);
  REQUIRE(patched.has_value());
  const auto value = parsed(patched->object);
  CHECK(*auth::list_at(value, {"status", "storedVersions"}) == json::array{"v1", "v2"});
  CHECK(c.until([&] { return c.serves("sites", "v2"); }));
  const auto refused = c.patch(kCrds, "", "sites.demo.io", R"({"spec":{"versions":[{"name":"v2","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}})");
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().causes.at(0).field == "status.storedVersions[0]");
}

TEST_CASE("a definition whose names or schema are wrong is refused") {
  WithDefinitions c;
  auto wrong = json::parse(definition("sites", "Site"));
  wrong.at("metadata").as_object()["name"] = "other.demo.io";
  wrong.at("spec").at("names").as_object()["shortNames"] = json::array{"No Label"};
  wrong.at("spec").at("versions").at(0).at("schema").at("openAPIV3Schema").as_object()["type"] = "string";
  const auto refused = c.create(kCrds, "", json::serialize(wrong));
  REQUIRE_FALSE(refused.has_value());
  CHECK(refused.error().code == 422);
  std::string fields;
  for (const auto& cause : refused.error().causes) fields += cause.field + " ";
  CHECK(fields == "metadata.name spec.names.shortNames[0] spec.validation.openAPIV3Schema.type ");
}

TEST_CASE("what a new definition was judged by is what is served") {
  WithDefinitions c;
  const auto made = c.create(kCrds, "", definition("sites", "Site"));
  REQUIRE(made.has_value());
  const auto uid = std::string(auth::text_at(parsed(made->object), {"metadata", "uid"}));
  REQUIRE(c.until([&] { return c.serves("sites"); }));
  CHECK(kinds::take_compiled(uid).empty());
  CHECK_FALSE(c.create("demo.io/v1/sites", "default", R"({"apiVersion":"demo.io/v1","kind":"Site","metadata":{"name":"a"},"spec":{"size":"big"}})").has_value());
}

TEST_CASE("only so many compiled definitions wait, each is taken once") {
  const auto one = [](const char* kind) {
    kinds::Kind made;
    made.kind = kind;
    return std::vector{made};
  };
  kinds::keep_compiled("first", one("First"));
  for (std::size_t i = 1; i < kinds::kCompiledKept; ++i) kinds::keep_compiled("more" + std::to_string(i), one("More"));
  kinds::keep_compiled("more1", one("Again"));
  REQUIRE(kinds::take_compiled("first").size() == 1);
  CHECK(kinds::take_compiled("first").empty());
  CHECK(kinds::take_compiled("more1").front().kind == "Again");
  for (std::size_t i = 0; i < kinds::kCompiledKept; ++i) kinds::keep_compiled("other" + std::to_string(i), one("Other"));
  CHECK(kinds::take_compiled("more2").empty());
  kinds::keep_compiled("", one("Nobody's"));
  CHECK(kinds::take_compiled("").empty());
  for (std::size_t i = 0; i < kinds::kCompiledKept; ++i) CHECK(kinds::take_compiled("other" + std::to_string(i)).size() == 1);
}

TEST_CASE("large definitions that are compiled and never served keep little memory") {
  const auto of = [](std::size_t fields) {
    struct Schema {
      std::vector<kinds::Field> fields;
      kinds::Type text, root;
    };
    const auto schema = std::make_shared<Schema>();
    schema->fields.resize(fields);
    for (auto& field : schema->fields) field.type = &schema->text;
    schema->root.fields = schema->fields;
    std::vector<kinds::Kind> made(1);
    made.front().type = {schema, &schema->root};
    return made;
  };
  kinds::keep_compiled("small", of(9));
  kinds::keep_compiled("too large", of(kinds::kCompiledNodesKept));
  CHECK(kinds::take_compiled("too large").empty());
  CHECK(kinds::take_compiled("small").size() == 1);
  kinds::keep_compiled("small", of(9));
  for (const std::string uid : {"half", "other half"}) kinds::keep_compiled(uid, of(kinds::kCompiledNodesKept / 2 - 1));
  CHECK(kinds::take_compiled("small").empty());
  CHECK(kinds::take_compiled("half").size() == 1);
  CHECK(kinds::take_compiled("other half").size() == 1);
}

TEST_CASE("conditions that somebody takes away come back, again and again") {
  WithDefinitions c;
  REQUIRE(c.create(kCrds, "", definition("sites", "Site")).has_value());
  for (int turn = 0; turn < 3; ++turn) {
    REQUIRE(c.until([&] { return c.condition("sites.demo.io", "NamesAccepted") == "True" && c.condition("sites.demo.io", "Established") == "True"; }));
    auto status = c.target(kCrds, "", "sites.demo.io");
    status.subresource = "status";
    REQUIRE(c.wait<verbs::Written>([&](auto done) { c.verbs->patch(c.admin, status, kinds::PatchType::merge, {kinds::Media::json, R"({"status":{"conditions":[]}})"}, {}, done); }).has_value());
  }
  CHECK(c.until([&] { return c.condition("sites.demo.io", "Established") == "True"; }));
}

TEST_CASE("a definition that is deleted while its status is on the way goes all the same") {
  WithDefinitions c;
  c.chains->add(100, std::make_shared<Before>([&](const std::function<void()>& then) {
    c.verbs->remove(c.admin, c.target(kCrds, "", "sites.demo.io"), {}, [then](const auto& removed) {
      CHECK(removed.has_value());
      then();
    });
  }));
  REQUIRE(c.create(kCrds, "", definition("sites", "Site")).has_value());
  CHECK(c.until([&] { return !c.get(kCrds, "", "sites.demo.io").has_value() && !c.serves("sites"); }));
}

TEST_CASE("a definition that is changed while its status is on the way is served as it is now") {
  WithDefinitions c;
  const std::string two = R"([{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}},{"name":"v2","served":true,"storage":false,"schema":{"openAPIV3Schema":{"type":"object"}}}])";
  c.chains->add(100, std::make_shared<Before>([&](const std::function<void()>& then) {
    c.verbs->patch(c.admin, c.target(kCrds, "", "sites.demo.io"), kinds::PatchType::merge, {kinds::Media::json, R"({"spec":{"versions":)" + two + "}}"}, {}, [then](const auto& changed) {
      CHECK(changed.has_value());
      then();
    });
  }));
  REQUIRE(c.create(kCrds, "", definition("sites", "Site")).has_value());
  CHECK(c.until([&] { return c.serves("sites", "v2"); }));
}

TEST_CASE("a condition that somebody else writes while a definition is judged stays") {
  WithDefinitions c;
  auto status = c.target(kCrds, "", "sites.demo.io");
  status.subresource = "status";
  c.chains->add(100, std::make_shared<Before>([&](const std::function<void()>& then) {
    const std::string seen = R"({"status":{"conditions":[{"type":"Seen","status":"True","reason":"ByATest","message":"it was","lastTransitionTime":"2026-01-02T03:04:05Z"}]}})";
    c.verbs->patch(c.admin, status, kinds::PatchType::merge, {kinds::Media::json, seen}, {}, [then](const auto& changed) {
      CHECK(changed.has_value());
      then();
    });
  }));
  REQUIRE(c.create(kCrds, "", definition("sites", "Site")).has_value());
  CHECK(c.until([&] { return c.condition("sites.demo.io", "Established") == "True"; }));
  CHECK(c.condition("sites.demo.io", "Seen") == "True");
}

TEST_CASE("a definition and its objects may be nested as deep as any, and are served again when the server starts") {
  WithDefinitions c;
  constexpr int kLevels = 90;
  std::string schema = R"({"type":"integer"})", value = "7";
  for (int i = 0; i < kLevels; ++i) {
    schema = R"({"type":"object","properties":{"a":)" + schema + "}}";
    value = R"({"a":)" + value + "}";
  }
  const std::string deep = R"({"metadata":{"name":"deeps.demo.io"},"spec":{"group":"demo.io","scope":"Namespaced","names":{"plural":"deeps","kind":"Deep"},"versions":[{"name":"v1","served":true,"storage":true,
    "schema":{"openAPIV3Schema":{"type":"object","properties":{"spec":)" + schema + "}}}}]}}";
  const auto made = c.create(kCrds, "", deep);
  INFO((made ? "" : made.error().message));
  REQUIRE(made.has_value());
  REQUIRE(c.until([&] { return c.condition("deeps.demo.io", "Established") == "True"; }));
  REQUIRE(c.create("demo.io/v1/deeps", "default", R"({"apiVersion":"demo.io/v1","kind":"Deep","metadata":{"name":"d"},"spec":)" + value + "}").has_value());
  c.definitions->stop();
  c.registry->withdraw(base::Atom("deeps.demo.io"));
  c.definitions = verbs::make_definitions(*c.store, *c.verbs, *c.registry, *c.runtime);
  CHECK(c.serves("deeps"));
  REQUIRE(c.patch("demo.io/v1/deeps", "default", "d", R"({"metadata":{"labels":{"seen":"yes"}}})").has_value());
  REQUIRE(c.remove(kCrds, "", "deeps.demo.io").has_value());
  CHECK(c.until([&] { return !c.get(kCrds, "", "deeps.demo.io").has_value(); }));
}

#include "core/verbs/audited.hpp"
#include "core/verbs/definitions.hpp"
#include "core/verbs/event_expiry.hpp"

#include <map>

#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;

namespace {

/// Keeps what its levels say, by resource.
class Kept final : public audit::Audit {
 public:
  audit::Plan plan(const auth::Attributes& attributes) override {
    const auto level = levels.find(attributes.resource);
    return {level == levels.end() ? audit::Level::none : level->second};
  }
  std::unique_ptr<audit::Record> begin(const audit::Plan& plan, const audit::Request& request) override {
    ++begun;
    auto record = std::make_unique<audit::Record>();
    record->plan = plan;
    record->id = request.id;
    record->uri = request.path;
    record->verb = request.attributes.verb;
    record->resource = request.attributes.resource;
    record->subresource = request.attributes.subresource;
    record->user = *request.attributes.user;
    record->notes = std::make_shared<audit::Notes>();
    return record;
  }
  void at(audit::Stage stage, const audit::Record& record) override {
    if (stage == audit::Stage::response_complete) records.push_back(record);
  }
  void stop() override {}
  std::map<std::string, audit::Level> levels;
  int begun = 0;
  std::vector<audit::Record> records;
};

class AuditedCluster : public Cluster {
 public:
  AuditedCluster() : audited(verbs::make_audited(*verbs, log)) {
    plugin.user = auth::plugin_identity("robot");
    plugin.user.groups.push_back("system:masters");
    plugin.request_id = "robot/7-1";
    plugin.field_manager = "robot";
  }
  base::Outcome<Written> creates(const std::string& what, const std::string& body) {
    return wait<Written>([&](auto done) { audited->create(plugin, target(what, "default"), {kinds::Media::json, body}, {}, std::move(done)); });
  }
  const audit::Record& last() const { return log->records.back(); }

  std::shared_ptr<Kept> log = std::make_shared<Kept>();
  std::unique_ptr<verbs::Verbs> audited;
  verbs::Context plugin;
};

}  // namespace

TEST_CASE("what a plugin writes is told under its identity, with what came of it") {
  AuditedCluster cluster;
  cluster.log->levels = {{"configmaps", audit::Level::request_response}};
  const auto made = cluster.creates("v1/configmaps", R"({"metadata":{"name":"a"},"data":{"k":"v"}})");
  REQUIRE(made.has_value());
  REQUIRE(cluster.log->records.size() == 1);
  CHECK(cluster.last().user.name == "system:plugin:robot");
  CHECK(cluster.last().verb == "create");
  CHECK(cluster.last().uri == "/api/v1/namespaces/default/configmaps");
  CHECK(cluster.last().code == 201);
  CHECK(cluster.last().name == "a");
  CHECK(cluster.last().request.bytes.find("\"k\"") != std::string::npos);
  CHECK(cluster.last().response.object == made->object);
  CHECK(cluster.last().notes->annotations().at(audit::kDecision) == "allow");
  CHECK(cluster.last().notes->annotations().contains(audit::kRevision));
  const auto first = cluster.last().id;
  CHECK_FALSE(cluster.creates("v1/configmaps", R"({"metadata":{"name":"a"}})").has_value());
  CHECK(cluster.last().code == 409);
  CHECK(cluster.last().status == "Failure");
  CHECK(cluster.last().id != first);
  const auto removed = cluster.wait<Written>([&](auto done) { cluster.audited->remove(cluster.plugin, cluster.target("v1/configmaps", "default", "a"), {}, std::move(done)); });
  CHECK(removed.has_value());
  CHECK(cluster.last().verb == "delete");
  CHECK(cluster.last().uri == "/api/v1/namespaces/default/configmaps/a");
}

TEST_CASE("what the policy does not keep is written as well, and secrets are told without their bodies") {
  AuditedCluster cluster;
  cluster.log->levels = {{"secrets", audit::Level::request}};
  CHECK(cluster.creates("v1/configmaps", R"({"metadata":{"name":"a"}})").has_value());
  CHECK(cluster.log->records.empty());
  CHECK(cluster.log->begun == 0);
  CHECK(cluster.creates("v1/secrets", R"({"metadata":{"name":"s"},"stringData":{"k":"canary"}})").has_value());
  REQUIRE(cluster.log->records.size() == 1);
  CHECK(cluster.last().request.empty());
  CHECK(cluster.last().response.empty());
  CHECK_FALSE(cluster.creates("v1/secrets", R"({"metadata":{"name":"t"},"type":"kubernetes.io/tls","stringData":{"canary":"x"}})").has_value());
  CHECK(cluster.last().code == 422);
  CHECK(cluster.last().message.empty());
}

TEST_CASE("a collection is deleted whether the policy keeps that or not") {
  AuditedCluster cluster;
  const auto removes = [&] {
    Cluster::must(cluster.creates("v1/configmaps", R"({"metadata":{"name":"a"}})"));
    return cluster.wait<verbs::Listed>([&](auto done) { cluster.audited->remove_collection(cluster.plugin, cluster.target("v1/configmaps", "default"), {}, {}, std::move(done)); });
  };
  CHECK(removes().has_value());
  CHECK(cluster.log->records.empty());
  cluster.log->levels = {{"configmaps", audit::Level::metadata}};
  CHECK(removes().has_value());
  CHECK(cluster.last().verb == "deletecollection");
  CHECK(cluster.last().code == 200);
}

TEST_CASE("of patches that are sent together each is told of by itself, where the policy keeps it") {
  AuditedCluster cluster;
  const auto patches = [&](const std::string& value) {
    const auto body = R"({"data":{"k":")" + value + "\"}}";
    std::size_t answered = 0;
    cluster.audited->write_each(cluster.plugin, {.op = verbs::Verbs::Step::Op::patch, .target = cluster.target("v1/configmaps", ""), .patch_type = kinds::PatchType::merge}, {{"default", "a", body}, {"default", "none", body}, {"default", "a", body}},
                                [&](std::size_t place, base::Outcome<Written> written) {
                                  CHECK(written.has_value() == (place != 1));
                                  ++answered;
                                });
    for (int i = 0; answered < 3 && i < 9; ++i) cluster.runtime->advance(100 * base::kNanosPerMs);
    CHECK(answered == 3);
  };
  Cluster::must(cluster.creates("v1/configmaps", R"({"metadata":{"name":"a"}})"));
  patches("1");
  CHECK(cluster.log->records.empty());
  cluster.log->levels = {{"configmaps", audit::Level::request}};
  patches("2");
  REQUIRE(cluster.log->records.size() == 3);
  std::map<std::string, int> told;   // code by path
  for (const auto& record : cluster.log->records) {
    CHECK(record.verb == "patch");
    CHECK(record.request.bytes == R"({"data":{"k":"2"}})");
    CHECK(record.notes->annotations().at(audit::kDecision) == "allow");
    told[record.uri] = record.code;
  }
  CHECK(told == std::map<std::string, int>{{"/api/v1/namespaces/default/configmaps/a", 200}, {"/api/v1/namespaces/default/configmaps/none", 404}});
}

TEST_CASE("who may not is told of, too, and each step of a transaction by itself") {
  AuditedCluster cluster;
  cluster.log->levels = {{"configmaps", audit::Level::metadata}};
  using Step = verbs::Verbs::Step;
  const auto transact = [&] {
    std::vector<Step> steps;
    for (const std::string name : {"a", "b"}) steps.push_back({.op = Step::Op::create, .target = cluster.target("v1/configmaps", "default"), .body = {kinds::Media::json, R"({"metadata":{"name":")" + name + R"("}})"}, .options = {}, .delete_options = {}});
    steps.push_back({.op = Step::Op::create, .target = cluster.target("v1/secrets", "default"), .body = {kinds::Media::json, R"({"metadata":{"name":"a"}})"}, .options = {}, .delete_options = {}});
    return cluster.wait<std::vector<Written>>([&](auto done) { cluster.audited->transact(cluster.plugin, std::move(steps), {}, std::move(done)); });
  };
  CHECK(transact().has_value());
  REQUIRE(cluster.log->records.size() == 2);
  CHECK(cluster.log->records[0].name == "a");
  CHECK(cluster.log->records[1].name == "b");
  cluster.plugin.user.groups = {"system:authenticated"};
  CHECK_FALSE(transact().has_value());
  REQUIRE(cluster.log->records.size() == 4);
  CHECK(cluster.last().code == 403);
  CHECK(cluster.last().notes->annotations().at(audit::kDecision) == "forbid");
}

TEST_CASE("the server's own keepers are told of under their names, with the change that made them write") {
  AuditedCluster cluster;
  cluster.log->levels = {{"customresourcedefinitions", audit::Level::metadata}, {"events", audit::Level::metadata}};
  const auto definitions = verbs::make_definitions(*cluster.store, *cluster.audited, *cluster.registry, *cluster.runtime);
  const auto expiry = verbs::make_event_expiry(*cluster.store, *cluster.audited, *cluster.registry, *cluster.runtime);
  const auto of = [&](const std::string& resource) {
    for (int i = 0; i < 100; ++i) {
      for (const auto& record : cluster.log->records)
        if (record.resource == resource) return record;
      cluster.runtime->advance(base::kNanosPerSecond * 60);
    }
    return audit::Record{};
  };
  const auto definition = Cluster::must(cluster.create("apiextensions.k8s.io/v1/customresourcedefinitions", "", R"({"metadata":{"name":"sites.demo.io"},"spec":{"group":"demo.io","scope":"Namespaced",
    "names":{"plural":"sites","kind":"Site"},"versions":[{"name":"v1","served":true,"storage":true,"schema":{"openAPIV3Schema":{"type":"object"}}}]}})"));
  const auto served = of("customresourcedefinitions");
  CHECK(served.user.name == "system:apiserver");
  CHECK(served.subresource == "status");
  CHECK(served.id.starts_with("definitions."));
  REQUIRE(served.notes);
  CHECK(served.notes->annotations().at(audit::kTrigger) == std::to_string(definition->revision()));
  const auto event = Cluster::must(cluster.create("v1/events", "default", R"({"metadata":{"name":"e"},"involvedObject":{"namespace":"default"}})"));
  const auto expired = of("events");
  CHECK(expired.verb == "delete");
  CHECK(expired.id.starts_with("event-expiry."));
  REQUIRE(expired.notes);
  CHECK(expired.notes->annotations().at(audit::kTrigger) == std::to_string(event->revision()));
  expiry->stop();
  definitions->stop();
}

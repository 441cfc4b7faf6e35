#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;
using Step = verbs::Verbs::Step;

namespace {

Step create(Cluster& cluster, std::string name, std::string ns = "default") {
  Step step;
  step.op = Step::Op::create;
  step.target = cluster.target("v1/configmaps", std::move(ns));
  step.body = {kinds::Media::json, R"({"metadata":{"name":")" + name + "\"}}"};
  return step;
}

Step remove(Cluster& cluster, std::string name) {
  Step step;
  step.op = Step::Op::remove;
  step.target = cluster.target("v1/configmaps", "default", std::move(name));
  return step;
}

base::Outcome<std::vector<Written>> transact(Cluster& cluster, std::vector<Step> steps, std::vector<store::Expectation> expectations = {}) {
  return cluster.wait<std::vector<Written>>([&](auto done) { cluster.verbs->transact(cluster.admin, std::move(steps), std::move(expectations), done); });
}

}  // namespace

TEST_CASE("several writes become visible together, each under its own revision") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"old"}})"));
  const auto written = transact(cluster, {create(cluster, "a"), create(cluster, "b"), remove(cluster, "old")});
  REQUIRE(written.has_value());
  REQUIRE(written->size() == 3);
  CHECK((*written)[0].object->key().name == "a");
  CHECK((*written)[0].object->revision() < (*written)[1].object->revision());
  CHECK((*written)[2].gone);
  CHECK(cluster.stored("v1/configmaps", "default", "b"));
  CHECK_FALSE(cluster.stored("v1/configmaps", "default", "old"));
}

TEST_CASE("one refusal refuses all") {
  Cluster cluster;
  Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"b"}})"));
  CHECK(error_of(transact(cluster, {create(cluster, "a"), create(cluster, "b")})).reason == "AlreadyExists");
  CHECK(error_of(transact(cluster, {create(cluster, "a"), create(cluster, "c", "nowhere")})).code == 404);
  CHECK_FALSE(cluster.stored("v1/configmaps", "default", "a"));
}

TEST_CASE("a caller's expectation that does not hold is a conflict") {
  Cluster cluster;
  const auto fence = Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"fence"}})"));
  const store::Expectation expected{fence->key(), store::Expectation::Kind::at_revision, fence->revision()};
  CHECK(transact(cluster, {create(cluster, "a")}, {expected}).has_value());
  Cluster::must(cluster.patch("v1/configmaps", "default", "fence", R"({"data":{"k":"v"}})"));
  CHECK(error_of(transact(cluster, {create(cluster, "b")}, {expected})).code == 409);
  CHECK_FALSE(cluster.stored("v1/configmaps", "default", "b"));
}

TEST_CASE("a transaction writes each object once and has a limit") {
  Cluster cluster;
  CHECK(error_of(transact(cluster, {create(cluster, "a"), create(cluster, "a")})).code == 400);
  CHECK(error_of(transact(cluster, std::vector<Step>(verbs::kTransactionWritesMax + 1, create(cluster, "a")))).code == 413);
  CHECK(transact(cluster, {})->empty());
}

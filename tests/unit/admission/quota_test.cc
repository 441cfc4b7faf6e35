#include "tests/unit/admission/fixture.hpp"

using namespace keelson;
using namespace keelson::admission_test;

namespace {

std::string pod(const std::string& name, const std::string& resources = "") {
  return R"({"metadata":{"name":")" + name + R"("},"spec":{"containers":[{"name":"c","image":"i")" + (resources.empty() ? "" : R"(,"resources":)" + resources) + "}]}}";
}

void quota(Cluster& cluster, const std::string& name, const std::string& spec) {
  Cluster::must(cluster.create("v1/resourcequotas", "default", R"({"metadata":{"name":")" + name + R"("},"spec":)" + spec + "}"));
  REQUIRE(cluster.eventually([&] {
    const auto body = json::parse(cluster.stored("v1/resourcequotas", "default", name)->body());
    return auth::find(body, {"status", "used"}) != nullptr;
  }));
}

std::string used(Cluster& cluster, const std::string& name, std::string_view resource) {
  const auto body = json::parse(cluster.stored("v1/resourcequotas", "default", name)->body());
  return std::string(auth::text_at(body, {"status", "used", resource}));
}

std::size_t count(Cluster& cluster, std::string_view what) { return cluster.store->snapshot().count(cluster.target(what, "").kind->storage_key, "default"); }

}  // namespace

TEST_CASE("200 concurrent writers against a quota of 100 end with exactly 100") {
  Cluster cluster;
  quota(cluster, "q", R"({"hard":{"count/configmaps":"100"}})");
  const auto before = count(cluster, "v1/configmaps");
  std::vector<std::future<Cluster::Outcome>> writers;
  for (int i = 0; i < 200; ++i) writers.push_back(cluster.creating("v1/configmaps", "default", config_map("c" + std::to_string(i))));
  int made = 0, refused = 0;
  for (auto& writer : writers) {
    const auto outcome = writer.get();
    if (outcome) ++made;
    else if (outcome.error().code == 403) ++refused;
    else FAIL_CHECK(outcome.error().message);
  }
  CHECK(made == 100 - static_cast<int>(before));
  CHECK(made + refused == 200);
  CHECK(count(cluster, "v1/configmaps") == 100);
  CHECK(used(cluster, "q", "count/configmaps") == "100");
}

TEST_CASE("a quota holds for the next request already, counted or not") {
  Cluster cluster;
  for (int i = 0; i < 3; ++i) Cluster::must(cluster.create("v1/secrets", "default", config_map("s" + std::to_string(i))));
  for (int i = 0; i < 20; ++i) {   // faster than the keeper counts
    const auto name = "q" + std::to_string(i);
    Cluster::must(cluster.create("v1/resourcequotas", "default", R"({"metadata":{"name":")" + name + R"("},"spec":{"hard":{"count/secrets":")" + std::to_string(4 + i) + R"("}}})"));
    Cluster::must(cluster.create("v1/secrets", "default", config_map("t" + std::to_string(i))));
    const auto over = cluster.create("v1/secrets", "default", config_map("over"));
    REQUIRE(over.has_error());
    CHECK(over.error().code == 403);
    CHECK(over.error().message.find("exceeded quota: " + name) != std::string::npos);
    CHECK(used(cluster, name, "count/secrets") == std::to_string(4 + i));
    Cluster::must(cluster.patch("v1/resourcequotas", "default", name, R"({"spec":{"hard":{"count/secrets":"1000"}}})"));
  }
}

TEST_CASE("at every revision a quota says what there is") {
  Cluster cluster;
  quota(cluster, "q", R"({"hard":{"count/secrets":"10"}})");
  const auto from = cluster.store->snapshot().revision();
  for (int i = 0; i < 5; ++i) Cluster::must(cluster.create("v1/secrets", "default", config_map("s" + std::to_string(i))));
  const auto history = cluster.store->history({}, from, 1000).value();
  std::size_t secrets = 0;
  for (std::size_t i = 0; i < history.changes.size(); ++i) {
    const auto& change = history.changes[i];
    if (change.object->key().resource.text() != "secrets") continue;
    ++secrets;
    REQUIRE_FALSE(change.ends_commit);
    const auto body = json::parse(history.changes[i + 1].object->body());
    CHECK(auth::text_at(body, {"status", "used", "count/secrets"}) == std::to_string(secrets));
  }
  CHECK(secrets == 5);
}

TEST_CASE("what exceeds a quota is refused in upstream's words") {
  Cluster cluster;
  quota(cluster, "q", R"({"hard":{"pods":"1","requests.cpu":"1","limits.memory":"1Gi"}})");
  CHECK(cluster.message(cluster.create("v1/pods", "default", pod("p"))) == R"(pods "p" is forbidden: failed quota: q: must specify limits.memory for: c; requests.cpu for: c)");
  const std::string fits = R"({"requests":{"cpu":"600m","memory":"1Mi"},"limits":{"cpu":"1","memory":"512Mi"}})";
  Cluster::must(cluster.create("v1/pods", "default", pod("p", fits)));
  CHECK(used(cluster, "q", "requests.cpu") == "600m");
  CHECK(cluster.message(cluster.create("v1/pods", "default", pod("p2", fits))) ==
        R"(pods "p2" is forbidden: exceeded quota: q, requested: pods=1,requests.cpu=600m, used: pods=1,requests.cpu=600m, limited: pods=1,requests.cpu=1)");
}

TEST_CASE("what is deleted is free again") {
  Cluster cluster;
  quota(cluster, "q", R"({"hard":{"count/configmaps":"1"}})");
  Cluster::must(cluster.create("v1/configmaps", "default", config_map("a")));
  CHECK_FALSE(cluster.create("v1/configmaps", "default", config_map("b")).has_value());
  CHECK(cluster.remove("v1/configmaps", "default", "a").has_value());
  CHECK(cluster.eventually([&] { return used(cluster, "q", "count/configmaps") == "0"; }));
  CHECK(cluster.create("v1/configmaps", "default", config_map("b")).has_value());
}

TEST_CASE("a pod that is over no longer counts as one, but as an object") {
  Cluster cluster;
  quota(cluster, "q", R"({"hard":{"pods":"1","count/pods":"5"}})");
  Cluster::must(cluster.create("v1/pods", "default", pod("p")));
  CHECK(used(cluster, "q", "pods") == "1");
  Cluster::must(cluster.patch("v1/pods/status", "default", "p", R"({"status":{"phase":"Succeeded"}})"));
  CHECK(cluster.eventually([&] { return used(cluster, "q", "pods") == "0"; }));
  CHECK(used(cluster, "q", "count/pods") == "1");
}

TEST_CASE("a quota counts what was there before it, and a new limit holds at once") {
  Cluster cluster;
  for (int i = 0; i < 3; ++i) Cluster::must(cluster.create("v1/configmaps", "default", config_map("c" + std::to_string(i))));
  quota(cluster, "q", R"({"hard":{"configmaps":"10"}})");
  CHECK(used(cluster, "q", "configmaps") == "3");
  Cluster::must(cluster.patch("v1/resourcequotas", "default", "q", R"({"spec":{"hard":{"configmaps":"3"}}})"));
  CHECK(cluster.eventually([&] { return !cluster.create("v1/configmaps", "default", R"({"metadata":{"generateName":"d"}})", {.dry_run = true}).has_value(); }));
}

TEST_CASE("scopes say which pods a quota is about") {
  Cluster cluster;
  quota(cluster, "best", R"({"hard":{"pods":"1"},"scopes":["BestEffort"]})");
  Cluster::must(cluster.create("v1/pods", "default", pod("a")));
  CHECK_FALSE(cluster.create("v1/pods", "default", pod("b")).has_value());
  CHECK(cluster.create("v1/pods", "default", pod("b", R"({"requests":{"cpu":"1"}})")).has_value());
}

TEST_CASE("a dry run is checked and takes nothing") {
  Cluster cluster;
  quota(cluster, "q", R"({"hard":{"configmaps":"1"}})");
  CHECK(cluster.create("v1/configmaps", "default", config_map("a"), {.dry_run = true}).has_value());
  CHECK(used(cluster, "q", "configmaps") == "0");
  Cluster::must(cluster.create("v1/configmaps", "default", config_map("a")));
  CHECK_FALSE(cluster.create("v1/configmaps", "default", config_map("b"), {.dry_run = true}).has_value());
}

TEST_CASE("several objects of one transaction are counted together") {
  Cluster cluster;
  quota(cluster, "q", R"({"hard":{"configmaps":"2"}})");
  const auto transact = [&](int objects, const std::string& prefix) {
    std::vector<verbs::Verbs::Step> steps;
    for (int i = 0; i < objects; ++i) {
      verbs::Verbs::Step step;
      step.target = cluster.target("v1/configmaps", "default");
      step.body = {kinds::Media::json, config_map(prefix + std::to_string(i))};
      steps.push_back(std::move(step));
    }
    std::promise<bool> done;
    cluster.verbs->transact(cluster.admin, std::move(steps), {}, [&](auto outcome) { done.set_value(outcome.has_value()); });
    return done.get_future().get();
  };
  CHECK_FALSE(transact(3, "a"));
  CHECK(used(cluster, "q", "configmaps") == "0");
  CHECK(transact(2, "b"));
  CHECK(used(cluster, "q", "configmaps") == "2");
}

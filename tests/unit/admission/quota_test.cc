#include <algorithm>
#include <random>
#include <thread>

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

TEST_CASE("while a pod is resized a quota counts the most of what is asked for, set aside and in force") {
  Cluster cluster;
  quota(cluster, "q", R"({"hard":{"requests.cpu":"2"}})");
  Cluster::must(cluster.create("v1/pods", "default", pod("p", R"({"requests":{"cpu":"1"},"limits":{"cpu":"2"}})")));
  const auto says = [&](const std::string& cpu, const std::string& more = "") {
    Cluster::must(cluster.patch("v1/pods/status", "default", "p", R"({"status":{"containerStatuses":[{"name":"c","image":"i","imageID":"","ready":true,"restartCount":0,"lastState":{},"state":{},"allocatedResources":{"cpu":")" +
                                                                      cpu + R"("},"resources":{"requests":{"cpu":")" + cpu + R"("}}}])" + more + "}}"));
  };
  const auto resize = [&](const std::string& cpu) {
    return cluster.patch("v1/pods/resize", "default", "p", R"({"spec":{"containers":[{"name":"c","image":"i","resources":{"requests":{"cpu":")" + cpu + R"("},"limits":{"cpu":"2"}}}]}})");
  };
  const auto becomes = [&](const std::string& cpu) { return cluster.eventually([&] { return used(cluster, "q", "requests.cpu") == cpu; }); };
  says("1");
  Cluster::must(resize("500m"));
  CHECK_FALSE(cluster.create("v1/pods", "default", pod("b", R"({"requests":{"cpu":"1500m"}})")).has_value());   // the node has not given it back yet
  says("500m");
  CHECK(becomes("500m"));
  Cluster::must(resize("1500m"));
  CHECK(becomes("1500m"));
  says("500m", R"(,"conditions":[{"type":"PodResizePending","status":"True","reason":"Infeasible"}])");
  CHECK(becomes("500m"));
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

namespace {

/// Quotas of several scopes, of which each pod meets two or three, and pods of all sorts that come and go.
struct Sort { bool sized, ends; };
struct Scope {
  std::string name;
  std::size_t pods_max;
  bool (*counts)(const Sort&);
};
const std::vector<Scope> kScopes = {{"all", 30, [](const Sort&) { return true; }},
                                    {"BestEffort", 12, [](const Sort& sort) { return !sort.sized; }},
                                    {"NotBestEffort", 14, [](const Sort& sort) { return sort.sized; }},
                                    {"Terminating", 9, [](const Sort& sort) { return sort.ends; }},
                                    {"NotTerminating", 20, [](const Sort& sort) { return !sort.ends; }}};

std::string lowered(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::tolower(c); });
  return text;
}

/// Follows the log: what there is, and what the quotas say of it, after each commit.
class Ledger {
 public:
  void see(const store::Change& change) {
    const auto& key = change.object->key();
    if (key.resource.text() == "pods") {
      if (change.type == store::ChangeType::deleted) pods_.erase(key.name);
      else pods_[key.name] = {key.name[0] == 's', key.name[1] == 'e'};
    } else if (key.resource.text() == "resourcequotas") {
      told_[key.name] = std::stoul(std::string(auth::text_at(json::parse(change.object->body()), {"status", "used", "pods"})));
    }
  }
  std::size_t there(const Scope& scope) const {
    return static_cast<std::size_t>(std::count_if(pods_.begin(), pods_.end(), [&](const auto& pod) { return scope.counts(pod.second); }));
  }
  /// Never too low, never beyond the limit.
  bool sound() const {
    return std::all_of(kScopes.begin(), kScopes.end(), [&](const Scope& scope) {
      const auto there = this->there(scope), told = told_.at(lowered(scope.name));
      return there <= told && told <= scope.pods_max;
    });
  }
  bool exact() const {
    return std::all_of(kScopes.begin(), kScopes.end(), [&](const Scope& scope) { return there(scope) == told_.at(lowered(scope.name)); });
  }

 private:
  std::map<std::string, Sort> pods_;
  std::map<std::string, std::size_t> told_{{"all", 0}, {"besteffort", 0}, {"notbesteffort", 0}, {"terminating", 0}, {"notterminating", 0}};
};

}  // namespace

TEST_CASE("quotas of several scopes are kept, whoever creates and deletes at the same time") {
  constexpr int kWriters = 8, kSteps = 150;
  Cluster cluster;
  for (const auto& scope : kScopes)
    quota(cluster, lowered(scope.name), R"({"hard":{"pods":")" + std::to_string(scope.pods_max) + "\"}" + (scope.name == "all" ? "" : R"(,"scopes":[")" + scope.name + "\"]") + "}");
  const auto from = cluster.store->snapshot().revision();
  std::atomic<int> made{0}, over{0}, failed{0};   // assertions are for one thread
  const auto write = [&](int writer) {
    std::mt19937 random(static_cast<unsigned>(writer));
    std::vector<std::string> own;
    verbs::DeleteOptions at_once;
    at_once.grace_period_s = 0;
    for (int step = 0; step < kSteps; ++step) {
      if (!own.empty() && random() % 5 < 2) {
        const auto outcome = cluster.start([&](auto done) { cluster.verbs->remove(cluster.admin, cluster.target("v1/pods", "default", own.back()), at_once, std::move(done)); }).get();
        failed += !outcome;
        own.pop_back();
        continue;
      }
      const Sort sort{random() % 2 == 0, random() % 2 == 0};
      const auto name = std::string(sort.sized ? "s" : "b") + (sort.ends ? "e" : "l") + std::to_string(writer) + "-" + std::to_string(step);
      const auto outcome = cluster.create("v1/pods", "default", R"({"metadata":{"name":")" + name + R"("},"spec":{)" + (sort.ends ? R"("activeDeadlineSeconds":600,)" : "") +
                                                                 R"("containers":[{"name":"c","image":"i")" + (sort.sized ? R"(,"resources":{"requests":{"cpu":"1m"}})" : "") + "}]}}");
      if (outcome) own.push_back(name), ++made;
      else if (outcome.error().code == 403) ++over;
      else ++failed;
    }
  };
  std::vector<std::thread> writers;
  for (int i = 0; i < kWriters; ++i) writers.emplace_back(write, i);
  for (auto& writer : writers) writer.join();
  CHECK(failed == 0);
  CHECK(made > 20);
  CHECK(over > 20);
  Ledger ledger;
  store::Revision seen = from;
  std::size_t commits = 0, unsound = 0;
  const auto read_on = [&] {
    const auto page = cluster.store->history({}, seen, 100'000).value();
    seen = page.upto;
    for (const auto& change : page.changes) {
      ledger.see(change);
      if (!change.ends_commit) continue;
      ++commits;
      unsound += ledger.sound() ? 0 : 1;
    }
    return ledger.exact();
  };
  CHECK(cluster.eventually(read_on));
  CHECK(commits > 20);   // how many depends on who comes when
  CHECK(unsound == 0);
}

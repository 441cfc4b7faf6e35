// Random writes under random watches, compared with a replay: each watcher sees every change that concerns it exactly once
// and in order, wherever it began.
#include <catch2/catch.hpp>
#include <random>
#include <set>
#include <thread>

#include "tests/unit/watch/fixture.hpp"

using namespace keelson;
using namespace keelson::watch;
using namespace keelson::watch_test;

namespace {

constexpr int kWrites = 600;
constexpr int kWatches = 40;

class Recorder final : public store::FeedSink {
 public:
  void on_changes(std::span<const store::Change> changes) override {
    std::lock_guard lock(mutex_);
    changes_.insert(changes_.end(), changes.begin(), changes.end());
  }
  std::vector<store::Change> all() const {
    std::lock_guard lock(mutex_);
    return changes_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<store::Change> changes_;
};

std::string shown(const char* type, const store::Object& object) {
  std::string out = std::string(type) + " " + object.key().name;
  for (const auto& [key, value] : object.columns().labels) out.append(" ").append(key.text()).append("=").append(value);
  return out;
}

std::vector<std::string> replay(const std::vector<store::Change>& history, store::Revision after, const std::string& ns, const Selector& selector) {
  std::vector<std::string> out;
  const auto wanted = [&](const store::ObjectRef& object) { return object && (ns.empty() || object->key().ns == ns) && selector.matches(*object); };
  for (const auto& change : history) {
    if (change.revision <= after) continue;
    const bool was = wanted(change.previous), is = change.type != store::ChangeType::deleted && wanted(change.object);
    std::string line = std::to_string(change.revision) + ": ";
    if (was && is) line += shown("MODIFIED", *change.object);
    else if (is) line += shown("ADDED", *change.object);
    else if (was) line += shown("DELETED", *change.previous);
    else continue;
    out.push_back(std::move(line));
  }
  return out;
}

/// Writes one or several random objects in one commit.
void write_something(Bench& bench, std::mt19937& random) {
  const auto pick = [&](int n) { return static_cast<int>(random() % static_cast<unsigned>(n)); };
  store::Commit commit;
  std::set<std::string> used;
  for (int i = pick(4) == 0 ? 3 : 1; i > 0; --i) {
    const std::string name = "o" + std::to_string(pick(12)), ns = pick(3) ? "default" : "other";
    if (!used.insert(ns + name).second) continue;
    const store::Key key{store::Atom("pods"), ns, name};
    const bool exists = bench.store().snapshot().get(key) != nullptr;
    if (exists && pick(4) == 0) {
      commit.writes.push_back({store::Operation::remove, key, std::nullopt});
      continue;
    }
    Labels labels{{"app", pick(2) ? "web" : "db"}, {"n", std::to_string(random())}};
    if (pick(2)) labels["node"] = "n" + std::to_string(pick(3));
    commit.writes.push_back({exists ? store::Operation::update : store::Operation::create, key, draft(ns, name, labels, "")});
  }
  bench.apply(std::move(commit));
}

struct Watching {
  std::unique_ptr<Client> client;
  store::Revision after;
  std::string ns;
  Selector selector;
};

Watching begin(Bench& bench, std::mt19937& random, store::Revision first, store::Revision last) {
  const char* selectors[] = {"", "app=web", "app!=web", "app in (web,db),node", "node=n1", "!node", "app=db,node=n2"};
  auto request = bench.from(first + random() % (last - first + 1), selectors[random() % 7]);
  if (random() % 3 == 0) request.ns = "other";
  if (random() % 4 == 0) request.selector.fields.push_back({FieldRequirement::Target::name, 0, false, "o" + std::to_string(random() % 12)});
  if (random() % 4 == 0) request.selector.fields.push_back({FieldRequirement::Target::column, 0, random() % 2 == 0, "n1"});
  Watching out{nullptr, request.after, request.ns, request.selector};
  out.client = std::make_unique<Client>(bench, std::move(request));
  return out;
}

std::vector<std::string> received(const Client& client) {
  std::vector<std::string> out;
  const auto texts = client.texts();
  const auto revisions = client.revisions();
  for (std::size_t i = 0; i < texts.size(); ++i) out.push_back(std::to_string(revisions[i]) + ": " + texts[i]);
  return out;
}

void run(std::unique_ptr<base::Runtime> runtime, unsigned seed, watch::HubOptions hub = {}) {
  std::mt19937 random(seed);
  Bench bench(std::move(runtime), {}, hub);
  Recorder recorder;
  const auto [subscription, first] = bench.store().subscribe(recorder);
  std::vector<Watching> watches;
  for (int i = 0; i < kWrites; ++i) {
    write_something(bench, random);
    if (i % (kWrites / kWatches) == 0) watches.push_back(begin(bench, random, first, bench.store().snapshot().revision()));
    if (random() % 5 == 0) watches[random() % watches.size()].client->drain();
  }
  const auto history = recorder.all();
  for (auto& watching : watches) {
    const auto expected = replay(history, watching.after, watching.ns, watching.selector);
    watching.client->until(expected.size());
    watching.client->drain();
    CHECK_FALSE(watching.client->error().has_value());
    CHECK(received(*watching.client) == expected);
  }
}

}  // namespace

TEST_CASE("under random writes each watcher sees exactly what a replay shows, by the seed") {
  for (unsigned seed = 1; seed <= 8; ++seed) {
    INFO("seed " << seed);
    run(base::simulated_runtime(seed), seed);
  }
}

TEST_CASE("under random writes each watcher sees exactly what a replay shows, with real threads") {
  for (unsigned seed = 100; seed <= 105; ++seed) {
    INFO("seed " << seed);
    run(base::real_runtime(), seed);
  }
}

TEST_CASE("under random writes each watcher sees exactly what a replay shows, with real threads and gathering") {
  for (unsigned seed = 200; seed <= 203; ++seed) {
    INFO("seed " << seed);
    run(base::real_runtime(), seed, {.gather_ns = base::kNanosPerMs});
  }
}

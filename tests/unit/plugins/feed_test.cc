// The feed: who is woken when, and that nothing is lost by waking late.
#include <catch2/catch.hpp>

#include <algorithm>
#include <iterator>

#include "core/base/metrics.hpp"
#include "core/base/simulated_runtime.hpp"
#include "core/plugins/declaration.hpp"
#include "core/plugins/feed.hpp"

namespace keelson::plugins {
namespace {

constexpr std::int64_t kLate_ms = 10;

struct Bench {
  std::unique_ptr<base::SimulatedRuntime> runtime = base::simulated_runtime(5);
  std::unique_ptr<base::Metrics> metrics = base::make_metrics();
  std::unique_ptr<store::Store> store = store::make_memory_store(*runtime, *metrics);
  std::unique_ptr<Feed> feed = std::make_unique<Feed>(*store, *runtime, kLate_ms);

  ~Bench() {
    feed.reset();
    store->stop();
    runtime->settle();
  }
  void create(const std::string& name, std::string_view resource = "pods", bool owned = false) {
    store::Columns columns;
    columns.key = {store::Atom(resource), "default", name};
    if (owned) columns.owners.push_back({"v1", "Pod", "owner", "uid"});
    const std::string head = R"({"metadata":{"resourceVersion":")";
    store::Commit commit;
    commit.writes.push_back({store::Operation::create, columns.key, store::Draft(columns, head + std::string(store::kRevisionSlotBytes, ' ') + "}}", head.size())});
    store->commit(std::move(commit), [](store::CommitOutcome) {});
    runtime->settle();
  }
  void remove(const std::string& name, std::string_view resource = "pods") {
    store::Commit commit;
    commit.writes.push_back({store::Operation::remove, {store::Atom(resource), "default", name}, std::nullopt});
    store->commit(std::move(commit), [](store::CommitOutcome) {});
    runtime->settle();
  }
};

class CountingWaiter final : public base::Waiter {
 public:
  void notify() override { ++notified; }
  bool wait_until(base::Monotonic) override { return false; }
  int notified = 0;
};

/// What of it the inbox wants; nothing was lost.
std::vector<store::Change> taken_from(Inbox& inbox) {
  std::vector<Changes> together;
  CHECK_FALSE(inbox.take(together));
  std::vector<store::Change> out;
  for (const auto& changes : together) std::copy_if(changes->begin(), changes->end(), std::back_inserter(out), [&](const auto& change) { return inbox.wants(change); });
  return out;
}

}  // namespace

TEST_CASE("who wants a kind is told at once, an observer of everything some time later, once") {
  Bench bench;
  const auto soon = std::make_shared<CountingWaiter>(), late = std::make_shared<CountingWaiter>();
  const auto wanting = std::make_shared<Inbox>(soon), observing = std::make_shared<Inbox>(late);
  wanting->want(store::Atom("pods"));
  observing->want_all();
  bench.feed->add(wanting);
  bench.feed->add(observing);
  bench.create("a");
  bench.create("b");
  CHECK(soon->notified == 2);
  CHECK(late->notified == 0);
  bench.runtime->advance(kLate_ms * base::kNanosPerMs);
  CHECK(late->notified == 1);
  CHECK(taken_from(*observing).size() == 2);
  bench.create("c");
  bench.runtime->advance(kLate_ms * base::kNanosPerMs);
  CHECK(late->notified == 2);
}

TEST_CASE("who wants one name, or only what goes away, is not woken for anything else") {
  Bench bench;
  const auto soon = std::make_shared<CountingWaiter>(), late = std::make_shared<CountingWaiter>();
  const auto wanting = std::make_shared<Inbox>(soon), observing = std::make_shared<Inbox>(late);
  wanting->want(store::Atom("pods"), "b");
  observing->want_deletions();
  bench.feed->add(wanting);
  bench.feed->add(observing);
  bench.create("a");
  CHECK(soon->notified == 0);
  bench.create("b");
  CHECK(soon->notified == 1);
  bench.runtime->advance(kLate_ms * base::kNanosPerMs);
  CHECK(late->notified == 0);
  bench.remove("a");
  CHECK(soon->notified == 1);
  bench.runtime->advance(kLate_ms * base::kNanosPerMs);
  CHECK(late->notified == 1);
  auto taken = taken_from(*wanting);
  REQUIRE(taken.size() == 1);
  CHECK(taken.front().object->key().name == "b");
  taken = taken_from(*observing);
  REQUIRE(taken.size() == 1);
  CHECK(taken.front().type == store::ChangeType::deleted);
}

TEST_CASE("an observer of what hangs together hears of a plain object when it is gone, and of all objects of the kinds that it names") {
  Bench bench;
  const auto waiter = std::make_shared<CountingWaiter>();
  const auto observing = std::make_shared<Inbox>(waiter);
  const ObserverDeclaration observer{true, {}, false, true, {store::Atom("pods")}};
  observing->want_if([&](const store::Change& change) { return observer.shows(change); });
  CHECK(observing->wants(store::Atom("configmaps")));
  bench.feed->add(observing);
  bench.create("plain", "configmaps");
  bench.runtime->advance(kLate_ms * base::kNanosPerMs);
  CHECK(waiter->notified == 0);
  bench.create("owned", "configmaps", true);
  bench.create("pod");
  bench.remove("plain", "configmaps");
  bench.runtime->advance(kLate_ms * base::kNanosPerMs);
  CHECK(waiter->notified == 1);
  const auto shown = taken_from(*observing);
  REQUIRE(shown.size() == 3);
  CHECK(shown[0].object->key().name == "owned");
  CHECK(shown[1].object->key().name == "pod");
  CHECK(shown[2].object->key().name == "plain");
  store::Change freed = shown[0];   // of its owner, that is: the state before counts, too
  freed.type = store::ChangeType::modified;
  freed.previous = std::exchange(freed.object, shown[2].object);
  CHECK(observer.shows(freed));
}

TEST_CASE("whoever wants a kind and one name of it wants the kind") {
  Bench bench;
  const auto waiter = std::make_shared<CountingWaiter>();
  const auto before = std::make_shared<Inbox>(waiter), after = std::make_shared<Inbox>(waiter);
  before->want(store::Atom("pods"));
  before->want(store::Atom("pods"), "b");
  after->want(store::Atom("pods"), "b");
  after->want(store::Atom("pods"));
  bench.feed->add(before);
  bench.feed->add(after);
  bench.create("a");
  CHECK(waiter->notified == 2);
}

}  // namespace keelson::plugins

#include <thread>

#include "core/base/simulated_runtime.hpp"
#include "tests/unit/store/support.hpp"

using namespace keelson;
using namespace keelson::store;
using namespace keelson::store::testing;

TEST_CASE("a snapshot shows what was there when it was taken, whatever is written later") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  on.create(key_of("a"), "old");
  on.create(key_of("b"), "old");
  const Snapshot before = on.store->snapshot();
  on.update(key_of("a"), "new");
  on.remove(key_of("b"));
  on.create(key_of("c"), "new");
  CHECK(text_of(before.get(key_of("a"))) == "old");
  CHECK(text_of(before.get(key_of("b"))) == "old");
  CHECK(before.get(key_of("c")) == nullptr);
  CHECK(before.count(Atom("pods")) == 2);
  CHECK(before.revision() < on.store->snapshot().revision());
}

TEST_CASE("a scan visits a namespace in name order after the given key") {
  Opened on("memory");
  on.open();
  for (const char* name : {"c", "a", "d", "b"}) on.create(key_of(name, "one"));
  on.create(key_of("x", "two"));
  on.create(key_of("0", "on"));
  std::string seen;
  const auto visit = [&](const ObjectRef& object) {
    seen += object->key().name;
    return true;
  };
  const Key after = key_of("b", "one");
  const Snapshot now = on.store->snapshot();
  now.scan(Atom("pods"), "one", &after, visit);
  CHECK(seen == "cd");
  seen.clear();
  now.scan(Atom("pods"), "", nullptr, visit);
  CHECK(seen == "0abcdx");
  CHECK(now.count(Atom("pods"), "one") == 4);
  CHECK(now.resources() == std::vector<Atom>{Atom("pods")});
}

namespace {

struct Recorder : FeedSink {
  void on_changes(std::span<const Change> changes) override {
    for (const Change& change : changes) seen.push_back(change);
  }
  std::vector<Change> seen;
};

std::string line(const Change& change) {
  const char* names[] = {"added", "modified", "deleted"};
  return std::string(names[static_cast<int>(change.type)]) + " " + change.object->key().name + " " + text_of(change.object) + " < " + text_of(change.previous);
}

}  // namespace

TEST_CASE("a subscriber gets every change after its revision, in order, and none once it ended") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  on.create(key_of("before"));
  Recorder sink;
  auto [subscription, from] = on.store->subscribe(sink);
  CHECK(from == on.store->snapshot().revision());
  on.create(key_of("a"), "1");
  on.update(key_of("a"), "2");
  on.remove(key_of("a"));
  subscription.reset();
  on.create(key_of("after"));
  REQUIRE(sink.seen.size() == 3);
  CHECK(line(sink.seen[0]) == "added a 1 < (none)");
  CHECK(line(sink.seen[1]) == "modified a 2 < 1");
  CHECK(line(sink.seen[2]) == "deleted a 2 < 2");
  CHECK(sink.seen[2].object->revision() == sink.seen[2].revision);
  CHECK(sink.seen[0].revision > from);
}

TEST_CASE("history gives the changes after a revision, by resource and in slices") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  const Revision start = on.create(key_of("a"), "1");
  on.create(key_of("x", "default", "services"), "other");
  on.update(key_of("a"), "2");
  on.create(key_of("b"), "3");
  on.remove(key_of("a"));
  std::vector<std::string> lines;
  Revision after = start;
  for (int pages = 0; after < on.store->snapshot().revision(); ++pages) {
    REQUIRE(pages < 10);
    const auto page = on.store->history(Atom("pods"), after, 2);
    REQUIRE(page.has_value());
    CHECK(page->changes.size() <= 2);
    CHECK(page->upto > after);
    for (const Change& change : page->changes) lines.push_back(line(change));
    after = page->upto;
  }
  CHECK(lines == std::vector<std::string>{"modified a 2 < 1", "added b 3 < (none)", "deleted a 2 < 2"});
  const auto all = on.store->history(Atom(), start, 100);
  REQUIRE(all.has_value());
  CHECK(all->changes.size() == 4);
}

TEST_CASE("history tells commits apart") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  on.commit(commit_of(write_of(Operation::create, key_of("a")), write_of(Operation::create, key_of("b"))));
  on.create(key_of("c"));
  const auto page = on.store->history(Atom("pods"), 0, 100);
  REQUIRE(page.has_value());
  REQUIRE(page->changes.size() == 3);
  CHECK_FALSE(page->changes[0].ends_commit);
  CHECK(page->changes[1].ends_commit);
  CHECK(page->changes[2].ends_commit);
}

TEST_CASE("an object can be read as of a revision") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  on.create(key_of("other"));
  const Revision created = on.create(key_of("a"), "1");
  const Revision updated = on.update(key_of("a"), "2");
  const Revision removed = on.remove(key_of("a"));
  const Revision again = on.create(key_of("a"), "3");
  on.create(key_of("later"));
  const auto at = [&](Revision revision) {
    const auto found = on.store->get_at(key_of("a"), revision);
    REQUIRE(found.has_value());
    return text_of(*found);
  };
  CHECK(at(created - 1) == "(none)");
  CHECK(at(created) == "1");
  CHECK(at(updated) == "2");
  CHECK(at(removed) == "(none)");
  CHECK(at(again) == "3");
  CHECK(at(again + 1) == "3");
  const auto future = on.store->get_at(key_of("a"), again + 100);
  REQUIRE_FALSE(future.has_value());
  CHECK(future.error().code == 504);
}

TEST_CASE("all objects can be read as of a revision") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  on.create(key_of("a"), "1");
  const Revision then = on.create(key_of("b"), "1");
  on.update(key_of("a"), "2");
  on.remove(key_of("b"));
  on.create(key_of("c"), "1");
  for (int i = 0; i < 2; ++i) {   // rebuilt, then pinned
    const auto snapshot = on.store->snapshot_at(then, Atom("pods"));
    REQUIRE(snapshot.has_value());
    CHECK(snapshot->revision() == then);
    CHECK(text_of(snapshot->get(key_of("a"))) == "1");
    CHECK(text_of(snapshot->get(key_of("b"))) == "1");
    CHECK(snapshot->get(key_of("c")) == nullptr);
  }
  CHECK(on.text(key_of("a")) == "2");
}

TEST_CASE("an exact read of all expires five minutes after its revision was replaced") {
  Opened on("memory", base::simulated_runtime(1));
  auto& simulation = dynamic_cast<base::SimulatedRuntime&>(*on.runtime);
  on.open();
  on.create(key_of("a"), "1");
  const Revision then = on.store->snapshot().revision();
  simulation.advance(10 * 60 * base::kNanosPerSecond);
  CHECK(on.store->snapshot_at(then, Atom("pods")).has_value());   // nothing newer yet
  on.update(key_of("a"), "2");
  simulation.advance(4 * 60 * base::kNanosPerSecond);
  on.update(key_of("a"), "3");
  CHECK(on.store->snapshot_at(then, Atom("pods")).has_value());
  simulation.advance(62 * base::kNanosPerSecond);
  const auto late = on.store->snapshot_at(then, Atom("pods"));
  REQUIRE_FALSE(late.has_value());
  CHECK(late.error().code == 410);
  CHECK(late.error().reason == "Expired");
}

TEST_CASE("history that was dropped for its age answers 410") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"), base::simulated_runtime(2));
  auto& simulation = dynamic_cast<base::SimulatedRuntime&>(*on.runtime);
  on.open();
  const Revision first = on.create(key_of("a"), "1");
  on.update(key_of("a"), "2");
  const Revision third = on.update(key_of("a"), "3");
  CHECK(on.store->history(Atom("pods"), first, 10).has_value());
  simulation.advance(70ll * 60 * base::kNanosPerSecond);
  const auto gone = on.store->history(Atom("pods"), first, 10);
  REQUIRE_FALSE(gone.has_value());
  CHECK(gone.error().code == 410);
  CHECK(on.store->compacted(Atom("pods")) == third);
  REQUIRE_FALSE(on.store->get_at(key_of("a"), first).has_value());
  CHECK(text_of(*on.store->get_at(key_of("a"), third)) == "3");
  CHECK(on.store->history(Atom("pods"), third, 10).has_value());
  CHECK(on.text(key_of("a")) == "3");
  if (on.durable()) {
    on.open();
    CHECK(on.text(key_of("a")) == "3");
    CHECK(on.store->compacted(Atom("pods")) == third);
  }
}

TEST_CASE("history over its size is dropped oldest first, and a small resource keeps its own") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"), base::simulated_runtime(3));
  auto& simulation = dynamic_cast<base::SimulatedRuntime&>(*on.runtime);
  on.options.history_max_bytes = 200'000;
  on.open();
  on.create(key_of("quiet", "default", "services"));
  on.create(key_of("a"), "0");
  for (int i = 0; i < 300; ++i) on.update(key_of("a"), std::string(2000, static_cast<char>('a' + i % 26)));
  simulation.advance(6 * 60 * base::kNanosPerSecond);
  CHECK(on.store->compacted(Atom("pods")) > 100);
  CHECK_FALSE(on.store->history(Atom("pods"), 2, 10).has_value());
  CHECK(on.store->history(Atom("pods"), on.store->snapshot().revision() - 20, 100)->changes.size() == 20);
  if (on.durable()) CHECK(on.store->history(Atom("services"), 0, 10)->changes.size() == 1);
}

TEST_CASE("history from before a restart counts for its size, and what is dropped counts no more") {
  Opened on("rocksdb", base::simulated_runtime(3));
  auto& simulation = dynamic_cast<base::SimulatedRuntime&>(*on.runtime);
  on.open();
  on.create(key_of("quiet", "default", "services"));
  on.create(key_of("a"), "0");
  const auto write = [&](int count) {
    for (int i = 0; i < count; ++i) on.update(key_of("a"), std::string(2000, static_cast<char>('a' + i % 26)));
  };
  write(100);
  CHECK(on.store->compacted(Atom("pods")) == 0);
  on.options.history_max_bytes = 100'000;
  on.open();
  const auto pass = [&] { simulation.advance(6 * 60 * base::kNanosPerSecond); };
  write(1);
  pass();
  const auto first = on.store->compacted(Atom("pods"));
  CHECK(first > 50);
  pass();
  CHECK(on.store->compacted(Atom("pods")) == first);   // what is left fits
  write(10);
  pass();
  const auto second = on.store->compacted(Atom("pods"));
  CHECK(second >= first + 9);
  CHECK(second <= first + 12);
  CHECK(on.store->history(Atom("services"), 0, 10)->changes.size() == 1);
  CHECK(on.store->history(Atom("pods"), second, 1000)->changes.size() > 15);
}

TEST_CASE("waiting for a revision ends when it is shown or at the deadline") {
  Opened on("memory", base::simulated_runtime(4));
  auto& simulation = dynamic_cast<base::SimulatedRuntime&>(*on.runtime);
  on.open();
  const Revision now = on.create(key_of("a"));
  std::vector<std::string> seen;
  const auto note = [&](base::Outcome<Revision> outcome) { seen.push_back(outcome ? std::to_string(*outcome) : outcome.error().message); };
  on.store->wait_for(now, on.runtime->in_ms(10), note);
  CHECK(seen == std::vector<std::string>{"1"});
  on.store->wait_for(now + 1, on.runtime->in_ms(1000), note);
  on.store->wait_for(now + 5, on.runtime->in_ms(1000), note);
  CHECK(seen.size() == 1);
  on.create(key_of("b"));
  simulation.advance(2 * base::kNanosPerSecond);
  CHECK(seen == std::vector<std::string>{"1", "2", "Timeout: Too large resource version: 6, current: 2"});
  on.store->fresh(note);
  CHECK(seen.back() == "2");
}

TEST_CASE("readers see whole commits only while a writer is busy") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  on.commit(commit_of(write_of(Operation::create, key_of("a"), "0"), write_of(Operation::create, key_of("b"), "0")));
  std::atomic<bool> stop{false};
  std::atomic<int> torn{0};
  std::vector<std::unique_ptr<base::Thread>> readers;
  for (int i = 0; i < 3; ++i)
    readers.push_back(on.runtime->spawn("reader", [&] {
      while (!stop.load()) {
        const Snapshot now = on.store->snapshot();
        if (text_of(now.get(key_of("a"))) != text_of(now.get(key_of("b")))) ++torn;
      }
    }));
  for (int i = 1; i <= 300; ++i)
    on.commit(commit_of(write_of(Operation::update, key_of("a"), std::to_string(i)), write_of(Operation::update, key_of("b"), std::to_string(i))));
  stop = true;
  readers.clear();
  CHECK(torn == 0);
}

#include <algorithm>
#include <atomic>
#include <map>
#include <mutex>
#include <set>
#include <thread>

#include "core/store/intake.hpp"
#include "core/store/patient.hpp"
#include "tests/unit/store/support.hpp"

using namespace keelson;
using namespace keelson::store;
using namespace keelson::store::testing;

TEST_CASE("each object written gets its own growing revision, filled into its body") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  const Revision first = on.create(key_of("a"));
  const Revision second = on.create(key_of("b"));
  const Revision third = on.update(key_of("a"), "new");
  CHECK(first > 0);
  CHECK(second > first);
  CHECK(third > second);
  const ObjectRef a = on.store->snapshot().get(key_of("a"));
  CHECK(a->revision() == third);
  CHECK(a->body().find("\"resourceVersion\":\"" + std::to_string(third) + "\" ") != std::string_view::npos);
  CHECK(on.store->history(a->key().resource, second, 1)->changes.at(0).cause->actor == "tester");
  CHECK(on.store->snapshot().revision() == third);
}

TEST_CASE("a commit of several objects takes one revision each and becomes visible as a whole") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  const CommitOutcome outcome = on.commit(commit_of(write_of(Operation::create, key_of("a"), "1"), write_of(Operation::create, key_of("b"), "2"), write_of(Operation::create, key_of("c"), "3")));
  REQUIRE(outcome.committed);
  REQUIRE(outcome.committed->objects.size() == 3);
  std::set<Revision> revisions;
  for (const ObjectRef& object : outcome.committed->objects) revisions.insert(object->revision());
  CHECK(revisions.size() == 3);
  CHECK(outcome.committed->revision == *revisions.rbegin());
  CHECK(on.store->snapshot().revision() == outcome.committed->revision);
  CHECK(on.store->snapshot().count(Atom("pods")) == 3);
}

TEST_CASE("commits that are given together stand each for itself, in their order") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  const Revision at = on.create(key_of("a"), "0");
  std::vector<Commit> commits;
  commits.push_back(commit_of(write_of(Operation::update, key_of("a"), "1")));
  commits.push_back(commit_of(write_of(Operation::create, key_of("a"), "there already")));
  commits.push_back(commit_of(write_of(Operation::create, key_of(""), "no name")));
  commits.push_back(commit_of(write_of(Operation::update, key_of("a"), "2")));
  commits.back().expectations.push_back({key_of("a"), Expectation::Kind::at_revision, at});   // which the first has changed
  commits.push_back(commit_of(write_of(Operation::create, key_of("b"), "3", Durability::volatile_)));
  std::mutex mutex;
  std::map<std::size_t, CommitOutcome> answers;
  auto waiter = on.runtime->waiter();
  on.store->commit_each(std::move(commits), [&](std::size_t place, CommitOutcome outcome) {
    const std::lock_guard lock(mutex);
    CHECK(answers.emplace(place, std::move(outcome)).second);
    if (answers.size() == 5) waiter->notify();
  });
  REQUIRE(waiter->wait_until(on.runtime->in_ms(30'000)));
  const std::lock_guard lock(mutex);
  CHECK(answers[0].committed);
  CHECK(answers[1].mismatch);
  CHECK(answers[2].error);
  REQUIRE(answers[3].mismatch);
  CHECK(answers[3].mismatch->found->revision() == answers[0].committed->revision);
  REQUIRE(answers[4].committed);
  CHECK(answers[4].committed->revision > answers[0].committed->revision);
  CHECK(on.text(key_of("a")) == "1");
  CHECK(on.text(key_of("b")) == "3");
}

TEST_CASE("an expectation that does not hold refuses the whole commit and says what was there") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  const Revision at = on.create(key_of("fence"), "fence");
  Commit commit = commit_of(write_of(Operation::create, key_of("a")), write_of(Operation::create, key_of("b")));
  commit.expectations.push_back({key_of("fence"), Expectation::Kind::at_revision, at});
  SECTION("absent, but it is there") {
    commit.expectations.push_back({key_of("fence"), Expectation::Kind::absent, 0});
    const CommitOutcome outcome = on.commit(std::move(commit));
    REQUIRE(outcome.mismatch);
    CHECK(outcome.mismatch->expectation == 1);
    CHECK(text_of(outcome.mismatch->found) == "fence");
  }
  SECTION("exists, but it is not there") {
    commit.expectations.push_back({key_of("nowhere"), Expectation::Kind::exists, 0});
    const CommitOutcome outcome = on.commit(std::move(commit));
    REQUIRE(outcome.mismatch);
    CHECK(outcome.mismatch->expectation == 1);
    CHECK(outcome.mismatch->found == nullptr);
  }
  SECTION("at another revision") {
    on.update(key_of("fence"), "moved");
    const CommitOutcome outcome = on.commit(std::move(commit));
    REQUIRE(outcome.mismatch);
    CHECK(outcome.mismatch->expectation == 0);
    CHECK(text_of(outcome.mismatch->found) == "moved");
  }
  CHECK(on.store->snapshot().get(key_of("a")) == nullptr);
  CHECK(on.store->snapshot().get(key_of("b")) == nullptr);
}

TEST_CASE("what is tried again after a mismatch goes before what has come meanwhile") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  on.create(key_of("a"));
  const auto waiter = on.runtime->waiter();
  std::vector<std::string> won, lost;
  const auto asks = [&](std::string text, Revision at, bool again) {
    Commit commit = commit_of(write_of(Operation::update, key_of("a"), text));
    commit.expectations.push_back({key_of("a"), Expectation::Kind::at_revision, at});
    commit.again = again;
    on.store->commit(std::move(commit), [&won, &lost, &waiter, text](CommitOutcome outcome) {
      (outcome.committed ? won : lost).push_back(text);
      if (won.size() + lost.size() == 3) waiter->notify();
    });
  };
  // On the committer's thread, so that all three are there when it looks again.
  Commit stale = commit_of(write_of(Operation::update, key_of("a"), "stale"));
  stale.expectations.push_back({key_of("a"), Expectation::Kind::absent, 0});
  on.store->commit(std::move(stale), [&](CommitOutcome outcome) {
    const Revision now = outcome.mismatch->found->revision();
    asks("fresh", now, false);
    asks("first to lose", now, true);
    asks("second to lose", now, true);
  });
  REQUIRE(waiter->wait_until(on.runtime->in_ms(30'000)));
  CHECK(won == std::vector<std::string>{"first to lose"});
  CHECK(lost == std::vector<std::string>{"second to lose", "fresh"});
}

TEST_CASE("who has thousands of writes waiting lets everybody else's go between them, each in their order") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  constexpr int kAhead = 3000;
  const auto waiter = on.runtime->waiter();
  std::vector<std::string> stored;
  const auto asks = [&](const std::string& actor, int i) {
    Commit commit = commit_of(write_of(Operation::create, key_of(actor.substr(actor.find(':') + 1) + "-" + std::to_string(i))));
    commit.cause = std::make_shared<const Cause>(Cause{actor, "", 0});
    on.store->commit(std::move(commit), [&stored, &waiter, actor, i](const CommitOutcome& outcome) {
      if (outcome.committed) stored.push_back(actor + std::to_string(i));
      if (stored.size() == kAhead + 3) waiter->notify();
    });
  };
  // On the committer's thread, so that all are there when it looks again.
  on.store->commit(commit_of(write_of(Operation::create, key_of("first"))), [&](const CommitOutcome&) {
    for (int i = 0; i < kAhead; ++i) asks("plugin:generator", i);
    asks("alice", 0);
    asks("plugin:scheduler", 0);
    asks("bob", 0);
  });
  REQUIRE(waiter->wait_until(on.runtime->in_ms(30'000)));
  std::vector<std::string> soon(stored.begin(), stored.begin() + 6);
  for (const std::string each : {"alice0", "bob0", "plugin:scheduler0"}) CHECK(std::count(soon.begin(), soon.end(), each) == 1);
  int next = 0;
  for (const auto& each : stored)
    if (each.starts_with("plugin:generator")) CHECK(each == "plugin:generator" + std::to_string(next++));
}

TEST_CASE("whose writes take all the room that there is for them are refused, and nobody else's") {
  Opened on("memory");
  on.open();
  const auto waiter = on.runtime->waiter();
  int refused = 0, stored = 0;
  const auto asks = [&](const std::string& actor, int i) {
    Commit commit = commit_of(write_of(Operation::create, key_of(std::to_string(i))));
    commit.cause = std::make_shared<const Cause>(Cause{actor, "", 0});
    on.store->commit(std::move(commit), [&](const CommitOutcome& outcome) { ++(outcome.error && outcome.error->code == 429 ? refused : stored); });
  };
  constexpr int kShare = kQueuedOperationsMax / 2;
  on.store->commit(commit_of(write_of(Operation::create, key_of("first"))), [&](const CommitOutcome&) {
    for (int i = 0; i < kShare + 10; ++i) asks("plugin:generator", i);
    for (int i = 0; i < 10; ++i) asks("alice", kShare + 10 + i);
    waiter->notify();
  });
  REQUIRE(waiter->wait_until(on.runtime->in_ms(30'000)));
  on.store->stop();
  CHECK(refused == 10);
  CHECK(stored == kShare + 10);
}

TEST_CASE("expectations that hold let the commit pass, also on keys it does not write") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  const Revision at = on.create(key_of("fence"));
  Commit commit = commit_of(write_of(Operation::create, key_of("a")));
  commit.expectations = {{key_of("fence"), Expectation::Kind::at_revision, at}, {key_of("fence"), Expectation::Kind::exists, 0}, {key_of("a"), Expectation::Kind::absent, 0}};
  CHECK(on.commit(std::move(commit)).committed);
}

TEST_CASE("a create of what exists and a change of what does not are mismatches of an implied expectation") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  on.create(key_of("a"), "first");
  const CommitOutcome again = on.commit(commit_of(write_of(Operation::create, key_of("a"), "second")));
  REQUIRE(again.mismatch);
  CHECK(text_of(again.mismatch->found) == "first");
  CHECK(on.commit(commit_of(write_of(Operation::update, key_of("b"), "x"))).mismatch);
  CHECK(on.commit(commit_of(write_of(Operation::remove, key_of("b")))).mismatch);
  CHECK(on.text(key_of("a")) == "first");
}

TEST_CASE("a commit sees its own writes in order") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  const CommitOutcome outcome = on.commit(commit_of(write_of(Operation::create, key_of("a"), "1"), write_of(Operation::update, key_of("a"), "2"), write_of(Operation::remove, key_of("a")), write_of(Operation::create, key_of("a"), "3")));
  REQUIRE(outcome.committed);
  CHECK(on.text(key_of("a")) == "3");
}

TEST_CASE("a delete answers the last state under its own revision") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  const Revision created = on.create(key_of("a"), "last");
  const CommitOutcome outcome = on.commit(commit_of(write_of(Operation::remove, key_of("a"))));
  REQUIRE(outcome.committed);
  const ObjectRef gone = outcome.committed->objects.front();
  CHECK(text_of(gone) == "last");
  CHECK(gone->revision() > created);
  CHECK(gone->body().find("\"" + std::to_string(gone->revision()) + "\"") != std::string_view::npos);
  CHECK(on.store->snapshot().get(key_of("a")) == nullptr);
}

TEST_CASE("of many racing updates at one revision exactly one wins") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  Revision at = on.create(key_of("a"), "0");
  for (int round = 0; round < 20; ++round) {
    constexpr int kWriters = 8;
    std::atomic<int> won{0}, answered{0};
    auto waiter = on.runtime->waiter();
    for (int i = 0; i < kWriters; ++i) {
      Commit commit = commit_of(write_of(Operation::update, key_of("a"), std::to_string(i)));
      commit.expectations.push_back({key_of("a"), Expectation::Kind::at_revision, at});
      on.store->commit(std::move(commit), [&](CommitOutcome outcome) {
        if (outcome.committed) ++won;
        else CHECK(outcome.mismatch);
        if (++answered == kWriters) waiter->notify();
      });
    }
    REQUIRE(waiter->wait_until(on.runtime->in_ms(30'000)));
    CHECK(won == 1);
    at = on.store->snapshot().get(key_of("a"))->revision();
  }
}

TEST_CASE("a body over the limit is refused with upstream's text and nothing is written") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  const CommitOutcome outcome = on.commit(commit_of(write_of(Operation::create, key_of("a"), std::string(kObjectBytesMax, 'x'))));
  REQUIRE(outcome.error);
  CHECK(outcome.error->code == 500);
  CHECK(outcome.error->message == "etcdserver: request is too large");
  CHECK(on.store->snapshot().revision() == 0);
}

TEST_CASE("after stop commits get 503 and those accepted before have their answer") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  std::atomic<int> answered{0};
  for (int i = 0; i < 100; ++i)
    on.store->commit(commit_of(write_of(Operation::create, key_of("p" + std::to_string(i)))), [&](CommitOutcome outcome) {
      CHECK(outcome.committed);
      ++answered;
    });
  on.store->stop();
  CHECK(answered == 100);
  const CommitOutcome late = on.commit(commit_of(write_of(Operation::create, key_of("late"))));
  REQUIRE(late.error);
  CHECK(late.error->code == 503);
}

TEST_CASE("who waits for its commit may do it itself, one at a time with all others, in the order of revisions") {
  Opened on(GENERATE(as<std::string>(), "memory", "rocksdb"));
  on.open();
  struct Sink final : FeedSink {
    void on_changes(std::span<const Change> changes) override {
      if (inside.exchange(true)) ++twice_at_once;
      for (const auto& change : changes) {
        if (change.revision <= last) ++backwards;
        last = change.revision;
        ++seen;
      }
      inside = false;
    }
    std::atomic<bool> inside{false};
    Revision last = 0;
    int seen = 0, twice_at_once = 0, backwards = 0;
  } sink;
  const auto subscription = on.store->subscribe(sink).first;
  constexpr int kThreads = 6, kEach = 200;
  std::atomic<int> here{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < kEach; ++i) {
        const auto answered = std::make_shared<std::atomic<bool>>(false);   // shared: notify_one() may come after the wait
        const auto self = std::this_thread::get_id();
        const auto write = [&] {
          on.store->commit(commit_of(write_of(Operation::create, key_of("t" + std::to_string(t) + "-" + std::to_string(i)))), [&here, self, answered](CommitOutcome outcome) {
            if (std::this_thread::get_id() == self) ++here;
            if (outcome.committed) *answered = true;
            answered->notify_one();
          });
        };
        if (t % 2 == 0) {
          const Patient patient;
          write();
        } else {
          write();
        }
        answered->wait(false);
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(on.store->snapshot().count(Atom("pods")) == kThreads * kEach);
  CHECK(sink.seen == kThreads * kEach);
  CHECK(sink.twice_at_once == 0);
  CHECK(sink.backwards == 0);
  if (!on.durable()) CHECK(here > 0);   // behind a slow disk there may always be somebody who is at it already
}

TEST_CASE("a patient thread that is alone wakes nobody, however young the store is") {
  constexpr int kStores = 200;   // the store's own thread begins somewhere between open() and well after the write
  const Patient patient;
  for (int i = 0; i < kStores; ++i) {
    Opened on("memory");
    on.open();
    bool answered = false;
    on.store->commit(commit_of(write_of(Operation::create, key_of("a"))), [&](CommitOutcome outcome) { answered = outcome.committed.has_value(); });
    REQUIRE(answered);   // before commit() returned
  }
}

// A log as etcd would be: other writers, gaps in the numbers, answers before the feed. The store over it must behave.
#include <deque>

#include "core/base/simulated_runtime.hpp"
#include "core/store/batch.hpp"
#include "core/store/change_ring.hpp"
#include "core/store/state.hpp"
#include "tests/unit/store/support.hpp"

using namespace keelson;
using namespace keelson::store;
using namespace keelson::store::testing;

namespace {

// Decides on its own authoritative state at once, answers at once, and feeds when told to.
class ForeignLog final : public Log {
 public:
  ForeignLog() : ring_({1 << 20, 1000, 0}) {}
  base::Outcome<void> start(FeedTarget& target) override {
    target_ = &target;
    target.load({}, 0);
    return {};
  }
  void commit(Commit commit, OnLogged done) override {
    last_ += 7;   // others number too
    Batch batch(authority(), last_);
    batch.take(std::move(commit), std::move(done));
    last_ = batch.last();
    keep(batch.changes());
    for (Answer& answer : batch.answers()) answer.done(std::move(answer.outcome), answer.as_of);
  }
  void fresh(std::function<void(base::Outcome<Revision>)> done) override { done(fed_to_come_.empty() ? target_->installed().revision() : last_); }
  base::Outcome<HistoryPage> history(Atom resource, Revision after, const Snapshot& installed, std::size_t changes_max) const override { return ring_.history(resource, after, installed.revision(), changes_max); }
  base::Outcome<ObjectRef> get_at(const Key& key, Revision revision, const Snapshot& installed) const override {
    const Change next = ring_.first_after(key, revision);
    return next.object ? next.previous : installed.get(key);
  }
  Revision compacted(Atom) const override { return 0; }
  void stop() override {}

  /// Another server's write.
  void foreign(Write write) {
    Commit commit;
    commit.writes.push_back(std::move(write));
    this->commit(std::move(commit), [](CommitOutcome outcome, Revision) { REQUIRE(outcome.committed); });
  }
  void feed_one() {
    REQUIRE_FALSE(fed_to_come_.empty());
    std::vector<Change> changes = std::move(fed_to_come_.front());
    fed_to_come_.pop_front();
    for (const Change& change : changes) ring_.append(change, 0);
    target_->install(std::move(changes));
  }

 private:
  Snapshot authority() const { return Snapshot(state_); }
  void keep(const std::vector<Change>& changes) {
    if (changes.empty()) return;
    auto next = std::make_shared<Snapshot::State>(*state_);
    for (const Change& change : changes) next->apply(change);
    next->revision = last_;
    state_ = std::move(next);
    fed_to_come_.push_back(changes);
  }
  FeedTarget* target_ = nullptr;
  Revision last_ = 0;
  std::shared_ptr<const Snapshot::State> state_ = std::make_shared<Snapshot::State>();
  std::deque<std::vector<Change>> fed_to_come_;
  ChangeRing ring_;
};

struct Foreign {
  Foreign() {
    auto owned = std::make_unique<ForeignLog>();
    log = owned.get();
    store = *make_store(std::move(owned), *runtime, *metrics);
  }
  std::unique_ptr<base::SimulatedRuntime> runtime = base::simulated_runtime(1);
  std::unique_ptr<base::Metrics> metrics = base::make_metrics();
  ForeignLog* log = nullptr;
  std::unique_ptr<Store> store;
};

}  // namespace

TEST_CASE("an answer that comes before the feed is held back until a snapshot shows the write") {
  Foreign on;
  int answered = 0;
  on.store->commit(commit_of(write_of(Operation::create, key_of("a"), "mine")), [&](CommitOutcome outcome) {
    ++answered;
    REQUIRE(outcome.committed);
    CHECK(text_of(on.store->snapshot().get(key_of("a"))) == "mine");
    CHECK(on.store->snapshot().revision() >= outcome.committed->revision);
  });
  CHECK(answered == 0);
  CHECK(on.store->snapshot().get(key_of("a")) == nullptr);
  on.log->feed_one();
  CHECK(answered == 1);
}

TEST_CASE("a refusal caused by a foreign write waits until that write can be seen") {
  Foreign on;
  on.log->foreign(write_of(Operation::create, key_of("a"), "theirs"));
  int answered = 0;
  on.store->commit(commit_of(write_of(Operation::create, key_of("a"), "mine")), [&](CommitOutcome outcome) {
    ++answered;
    REQUIRE(outcome.mismatch);
    CHECK(text_of(on.store->snapshot().get(key_of("a"))) == "theirs");
  });
  CHECK(answered == 0);
  on.log->foreign(write_of(Operation::create, key_of("later"), "x"));   // the feed goes past the refusal's revision
  on.log->feed_one();
  on.log->feed_one();
  CHECK(answered == 1);
}

TEST_CASE("gaps in the numbers and foreign writes reach subscribers in order, and fresh waits for them") {
  Foreign on;
  struct Sink : FeedSink {
    void on_changes(std::span<const Change> changes) override {
      for (const Change& change : changes) names += change.object->key().name;
    }
    std::string names;
  } sink;
  auto [subscription, from] = on.store->subscribe(sink);
  on.log->foreign(write_of(Operation::create, key_of("a")));
  on.log->foreign(write_of(Operation::create, key_of("b")));
  std::optional<Revision> fresh;
  on.store->fresh([&](base::Outcome<Revision> revision) { fresh = *revision; });
  CHECK_FALSE(fresh);
  on.log->feed_one();
  CHECK_FALSE(fresh);
  on.log->feed_one();
  REQUIRE(fresh);
  CHECK(*fresh == on.store->snapshot().revision());
  CHECK(sink.names == "ab");
  CHECK(on.store->history(Atom("pods"), from, 10)->changes.size() == 2);
}

TEST_CASE("commits that wait for a feed which never comes are answered when the store stops") {
  Foreign on;
  int failed = 0;
  on.store->commit(commit_of(write_of(Operation::create, key_of("a"))), [&](CommitOutcome outcome) {
    if (outcome.error && outcome.error->code == 503) ++failed;
  });
  on.store->stop();
  CHECK(failed == 1);
}

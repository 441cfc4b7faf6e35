// FaultyStore: the store of a test's server, with faults on request: conflicts, a slow disk, a sudden end.
//
// Invariants: faults change what is answered and when, never what is stored: a conflict that was made up stores nothing, late
//   writes keep their order. After die() nothing is stored any more and everything is answered 503.
// Threads: as Store. Ownership: the inner store outlives this.
#pragma once
#include <atomic>
#include <mutex>

#include "core/store/store.hpp"
#include "sdk/testing/faults.hpp"

namespace keelson::testing {

class FaultyStore final : public store::Store {
 public:
  FaultyStore(store::Store& inner, base::Runtime& runtime) : inner_(inner), runtime_(runtime) {}
  void inject(const Faults& faults);
  void die() { dead_->store(true); }

  void commit(store::Commit commit, store::OnCommit done) override;
  store::Snapshot snapshot() const override { return inner_.snapshot(); }
  void fresh(std::function<void(base::Outcome<store::Revision>)> done) override { inner_.fresh(std::move(done)); }
  void wait_for(store::Revision revision, base::Monotonic deadline, std::function<void(base::Outcome<store::Revision>)> done) override { inner_.wait_for(revision, deadline, std::move(done)); }
  std::pair<std::unique_ptr<store::Subscription>, store::Revision> subscribe(store::FeedSink& sink) override { return inner_.subscribe(sink); }
  base::Outcome<store::HistoryPage> history(store::Atom resource, store::Revision after, std::size_t changes_max) const override { return inner_.history(resource, after, changes_max); }
  base::Outcome<store::ObjectRef> get_at(const store::Key& key, store::Revision revision) const override { return inner_.get_at(key, revision); }
  base::Outcome<store::Snapshot> snapshot_at(store::Revision revision, store::Atom resource) const override { return inner_.snapshot_at(revision, resource); }
  store::Revision compacted(store::Atom resource) const override { return inner_.compacted(resource); }
  void stop() override {}

 private:
  bool made_up_conflict(const store::Commit& commit, store::OnCommit& done);
  void commit_late(store::Commit commit, store::OnCommit done, base::Monotonic at);

  store::Store& inner_;
  base::Runtime& runtime_;
  const std::shared_ptr<std::atomic<bool>> dead_ = std::make_shared<std::atomic<bool>>(false);   // shared with writes that are late
  std::mutex mutex_;                  // guards what follows
  Faults faults_;
  base::Monotonic last_at_ = 0;       // when the latest late write is due
};

}  // namespace keelson::testing

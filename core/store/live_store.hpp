// LiveStore: the Store over any Log: installs what the feed delivers, publishes it, tells those who wait.
//
// Invariants: install() publishes, then calls the sinks, then those waiting for a revision; a commit's answer comes
//   after its revision is installed. Threads and ownership: as Store.
#pragma once
#include <mutex>

#include "core/store/log.hpp"
#include "core/store/pins.hpp"
#include "core/store/published.hpp"
#include "core/store/reclaimer.hpp"
#include "core/store/waits.hpp"

namespace keelson::store {

struct Subscriber;

class LiveStore final : public Store, private FeedTarget {
 public:
  LiveStore(std::unique_ptr<Log> log, base::Runtime& runtime, base::Metrics& metrics);
  ~LiveStore() override;
  base::Outcome<void> start() { return log_->start(*this); }

  void commit(Commit commit, OnCommit done) override;
  void commit_each(std::vector<Commit> commits, OnEachCommit done) override;
  Snapshot snapshot() const override { return Snapshot(state_.read()); }
  void fresh(std::function<void(base::Outcome<Revision>)> done) override;
  void wait_for(Revision revision, base::Monotonic deadline, std::function<void(base::Outcome<Revision>)> done) override;
  std::pair<std::unique_ptr<Subscription>, Revision> subscribe(FeedSink& sink) override;
  base::Outcome<HistoryPage> history(Atom resource, Revision after, std::size_t changes_max) const override;
  base::Outcome<ObjectRef> get_at(const Key& key, Revision revision) const override;
  base::Outcome<Snapshot> snapshot_at(Revision revision, Atom resource) const override;
  Revision compacted(Atom resource) const override { return log_->compacted(resource); }
  void stop() override;

 private:
  void load(std::vector<ObjectRef> objects, Revision revision) override;
  void install(std::vector<Change> changes) override;
  Snapshot installed() const override { return snapshot(); }
  void deliver(const std::vector<Change>& changes, const std::vector<std::shared_ptr<Subscriber>>& subscribers);
  base::Outcome<Snapshot> rebuild(Revision revision, Atom resource) const;
  template <class Done>
  void show(CommitOutcome outcome, Revision as_of, Done done);

  base::Runtime& runtime_;
  const std::shared_ptr<Reclaimer> reclaimer_;
  Published<const Snapshot::State> state_;
  mutable Pins pins_;
  const std::shared_ptr<RevisionWaits> waits_;
  std::mutex mutex_;   // subscribers; publication happens under it, callbacks never
  std::vector<std::shared_ptr<Subscriber>> subscribers_;
  std::shared_ptr<void> scrape_;
  std::unique_ptr<Log> log_;   // last: it goes first
};

}  // namespace keelson::store

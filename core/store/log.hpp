// Log: who orders and keeps changes: the local committer over RocksDB or memory, or an etcd with other writers.
//
// Invariants: commit() answers by `as_of`; the one ordered feed alone installs state. An answer may come before the
//   feed has delivered its revision (etcd); the store then holds it back until it has.
// Threads: every method from any thread; the feed and the answers come from one thread at a time, in order: the log's own or one
//   that commits and is patient (patient.hpp).
// Ownership: the log must outlive nothing but itself; the target outlives the log's run.
#pragma once
#include "core/store/store.hpp"

namespace keelson::store {

/// Where the feed goes: the store's installed state.
class FeedTarget {
 public:
  virtual ~FeedTarget() = default;
  /// Once, before anything else: what there is, in the order of keys.
  virtual void load(std::vector<ObjectRef> objects, Revision revision) = 0;
  /// Whole commits, in revision order; installed as one when it returns.
  virtual void install(std::vector<Change> changes) = 0;
  virtual Snapshot installed() const = 0;
};

/// `as_of`: the answer may be given once a snapshot shows at least this revision.
using OnLogged = std::function<void(CommitOutcome outcome, Revision as_of)>;
using OnEachLogged = std::function<void(std::size_t place, CommitOutcome outcome, Revision as_of)>;

class Log {
 public:
  virtual ~Log() = default;
  virtual base::Outcome<void> start(FeedTarget& target) = 0;
  virtual void commit(Commit commit, OnLogged done) = 0;
  virtual void commit_each(std::vector<Commit> commits, OnEachLogged done) {
    for (std::size_t place = 0; place < commits.size(); ++place) commit(std::move(commits[place]), [done, place](CommitOutcome outcome, Revision as_of) { done(place, std::move(outcome), as_of); });
  }
  /// A revision at least as new as every write acknowledged before the call, by any writer.
  virtual void fresh(std::function<void(base::Outcome<Revision>)> done) = 0;
  /// As Store::history, up to what is installed.
  virtual base::Outcome<HistoryPage> history(Atom resource, Revision after, const Snapshot& installed, std::size_t changes_max) const = 0;
  /// As Store::get_at, for revisions before the installed one.
  virtual base::Outcome<ObjectRef> get_at(const Key& key, Revision revision, const Snapshot& installed) const = 0;
  virtual Revision compacted(Atom resource) const = 0;
  /// Answers what is queued, makes everything durable, ends the feed.
  virtual void stop() = 0;
};

/// The store over any log.
base::Outcome<std::unique_ptr<Store>> make_store(std::unique_ptr<Log> log, base::Runtime& runtime, base::Metrics& metrics);

}  // namespace keelson::store

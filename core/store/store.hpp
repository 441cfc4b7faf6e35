// Store: every object, under one revision counter, and the log of every change. A store is a value: several can be
// open in one process.
//
// Invariants:
//  - Each object written gets its own revision, growing over all kinds; gaps are legal; a number is never given twice.
//  - A commit of several objects becomes visible as a whole; snapshots end only on a commit's last revision.
//  - An outcome is reported only after the commit is as durable as its objects ask for; a refusal that depends on a
//    pending write waits for that write. Readers and feeds see published state only, in revision order.
//  - A failed or uncertain sync ends the process after answering 500 to all that wait: nothing is published from it.
// Threads: every method from any thread. Completions and feed sinks run on the committer thread, under no lock, and
//   must not wait. Readers never block writers.
// Ownership: must outlive its snapshots, subscriptions and pending completions.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/store/object.hpp"

namespace keelson::store {

enum class Durability {
  synced,    ///< acknowledged after fsync
  relaxed,   ///< acknowledged before it, same log, same order (Events)
  volatile_, ///< never on disk; history in a ring; gone after a restart (Leases in kube-node-lease)
};

enum class Operation : std::uint8_t { create, update, remove };

struct Expectation {
  enum class Kind : std::uint8_t { absent, at_revision, exists };
  Key key;
  Kind kind = Kind::exists;
  Revision revision = 0;   ///< for at_revision
};

struct Write {
  Operation operation = Operation::update;
  Key key;
  std::optional<Draft> draft;     ///< absent for remove
  Durability durability = Durability::synced;
};

struct Commit {
  std::vector<Write> writes;
  std::vector<Expectation> expectations;   ///< may name keys that are not written
  CauseRef cause;
  bool again = false;   ///< made once more after a mismatch: it goes before what comes for the first time, so that nobody loses for ever
};

/// What a commit became: for each write its object as stored (for remove: the last state under the delete's revision).
struct Committed {
  std::vector<ObjectRef> objects;
  Revision revision = 0;   ///< the commit's last
};

/// A commit whose expectation does not hold: which, and what was there instead (null: nothing).
struct Mismatch {
  std::size_t expectation = 0;
  ObjectRef found;
};

struct CommitOutcome {
  std::optional<Committed> committed;
  std::optional<Mismatch> mismatch;
  std::optional<base::Error> error;   ///< out of space, too large, stopping ...
};
using OnCommit = std::function<void(CommitOutcome)>;
using OnEachCommit = std::function<void(std::size_t place, CommitOutcome)>;

enum class ChangeType : std::uint8_t { added, modified, deleted };

struct Change {
  ChangeType type = ChangeType::added;
  Revision revision = 0;
  ObjectRef object;     ///< the new state; for deleted: the last state under the delete's revision
  ObjectRef previous;   ///< the state before; null for added
  bool ends_commit = true;
  CauseRef cause;
};

/// All current objects as of one revision. Cheap to copy; keeps what it shows alive.
class Snapshot {
 public:
  struct State;
  explicit Snapshot(std::shared_ptr<const State> state) : state_(std::move(state)) {}
  Revision revision() const;
  ObjectRef get(const Key& key) const;
  /// Visits in (namespace, name) order, strictly after `after` if given; ns empty = all. The visitor ends it by false.
  void scan(Atom resource, std::string_view ns, const Key* after, const std::function<bool(const ObjectRef&)>& visit) const;
  std::size_t count(Atom resource) const;
  std::size_t count(Atom resource, std::string_view ns) const;  ///< linear in the namespace's objects
  std::vector<Atom> resources() const;   ///< those that have at least one object

 private:
  std::shared_ptr<const State> state_;
};

/// Called on the committer thread with each published commit, in order, none left out.
class FeedSink {
 public:
  virtual ~FeedSink() = default;
  virtual void on_changes(std::span<const Change> changes) = 0;
};

class Subscription {   ///< destruction ends the calls and waits for one under way
 public:
  virtual ~Subscription() = default;
};

struct HistoryPage {
  std::vector<Change> changes;
  Revision upto = 0;   ///< everything in (after, upto] that matched is in `changes`
};

class Store {
 public:
  virtual ~Store() = default;

  virtual void commit(Commit commit, OnCommit done) = 0;
  /// commit() of each, which stand each for itself: given together, so that nobody is woken for every one of them.
  virtual void commit_each(std::vector<Commit> commits, OnEachCommit done) {
    for (std::size_t place = 0; place < commits.size(); ++place) commit(std::move(commits[place]), [done, place](CommitOutcome outcome) { done(place, std::move(outcome)); });
  }
  virtual Snapshot snapshot() const = 0;
  /// Calls back with a revision at least as new as every write acknowledged before the call, once a snapshot shows it.
  /// Immediate (on the calling thread) on one server.
  virtual void fresh(std::function<void(base::Outcome<Revision>)> done) = 0;
  /// Calls back once a snapshot shows at least `revision`, or with a Timeout error at the deadline.
  virtual void wait_for(Revision revision, base::Monotonic deadline, std::function<void(base::Outcome<Revision>)> done) = 0;

  /// `sink` gets every commit after `from` = the returned revision. Registration and that revision are one step.
  virtual std::pair<std::unique_ptr<Subscription>, Revision> subscribe(FeedSink& sink) = 0;
  /// A slice of the log after `after`, of one resource (empty Atom: all), at most `changes_max`. Error: 410 Expired
  /// when `after` is below the compaction mark or inside an unusable gap.
  virtual base::Outcome<HistoryPage> history(Atom resource, Revision after, std::size_t changes_max) const = 0;
  /// The object as of `revision`; 410 Expired when that is compacted.
  virtual base::Outcome<ObjectRef> get_at(const Key& key, Revision revision) const = 0;
  /// All objects of a resource as of `revision`, in key order; 410 Expired when compacted or superseded for longer than
  /// kExactReadMaxAge_ms; 504 when in the future. `resource` empty: all, which needs the history of every resource.
  /// Rebuilt from the log once, then pinned for the next page (bounded in time and garbage).
  virtual base::Outcome<Snapshot> snapshot_at(Revision revision, Atom resource = {}) const = 0;
  /// Revisions below are gone.
  virtual Revision compacted(Atom resource) const = 0;

  /// Syncs what is relaxed, ends the committer. Later commits get 503.
  virtual void stop() = 0;
};

/// Page tokens and exact reads expire this long after their revision (upstream's compaction interval).
inline constexpr std::int64_t kExactReadMaxAge_ms = 5 * 60 * 1000;
/// Largest object body in bytes that is stored (upstream's etcd limit: 1.5 MiB).
inline constexpr std::size_t kObjectBytesMax = 1'572'864;
/// The committer takes at most this many operations or bytes in one batch.
inline constexpr std::size_t kBatchOperationsMax = 256;
inline constexpr std::size_t kBatchBytesMax = 1 << 20;

struct StoreHooks;   // core/store/hooks.hpp: what tests replace, and sealing of values

struct StoreOptions {
  std::string directory;                                  ///< of the database
  std::int64_t history_max_age_ms = 60 * 60 * 1000;       ///< log kept at least this long ...
  std::uint64_t history_max_bytes = 256ull << 20;         ///< ... unless it is larger than this
  std::uint64_t space_low_bytes = 256ull << 20;           ///< store_space_low_bytes of DESIGN
  std::uint64_t columns_version = 1;                      ///< changes when columns would be derived otherwise from the same body: records of another version get theirs by ColumnsOf
  std::shared_ptr<const StoreHooks> hooks;                ///< null: the defaults
};

/// How a stored body gets its columns back at start; given by whoever knows the kinds.
using ColumnsOf = std::function<base::Outcome<Columns>(const Key& key, std::string_view body)>;

base::Outcome<std::unique_ptr<Store>> open_rocksdb_store(StoreOptions options, base::Runtime& runtime, base::Metrics& metrics, ColumnsOf columns_of);
std::unique_ptr<Store> make_memory_store(base::Runtime& runtime, base::Metrics& metrics, StoreOptions options = {});

}  // namespace keelson::store

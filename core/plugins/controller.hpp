// Controller: one queue of a plugin and the workers that empty it.
//
// Invariants: one key never runs twice at once; at most `workers` run or wait in a batch to run; none is there while nothing is to do for
//   kWorkerIdle_ms. A failed key comes back after its back-off, a terminal one when something adds it. The queue, the calls under way, who
//   is idle and what is counted are guarded by the call table's lock: a worker takes it once between two keys.
// Threads: add() and trigger() any; spawn(), reap() and join() on one thread at a time (the plugin's event thread, or the
//   host's once that has ended). Ownership: its instance owns it.
#pragma once
#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "core/plugins/calls.hpp"
#include "core/plugins/declaration.hpp"
#include "core/plugins/queue.hpp"
#include "core/plugins/usage.hpp"
#include "core/store/object.hpp"
#include "sdk/abi/keelson_plugin.h"

namespace keelson::plugins {

/// A worker without work ends after this long.
inline constexpr std::int64_t kWorkerIdle_ms = 5'000;
inline constexpr std::size_t kWorkerStackBytes = 512 * 1024;

/// What one reconcile answered.
struct Reconciled {
  keelson_status status = 0;
  keelson_next next{};
  std::string error_json;
  base::Monotonic ended = 0;       ///< 0: not measured
  std::int64_t cost_ns = 0;        ///< what the plugin and the write took by themselves; 0: not measured
  bool given_back = false;         ///< it never began
};

/// A key that a worker has taken.
struct KeyJob {
  WorkQueue::Taken taken;
  std::shared_ptr<Call> call;      // of that or of the last key in its place
  store::ObjectRef object;
  Reconciled result;
};

/// One of several that are asked for at once.
struct Batched {
  KeyJob* job;                     // null: it is done
  keelson_key key;
  store::ObjectRef shown;
};

/// Reconciles are taken in batches where a switch of threads would cost more than they do.
inline constexpr std::size_t kBatchMax = 8;
inline constexpr std::int64_t kBatchedCost_ns = 150'000;
/// So many workers with a batch each keep two processes busy: a further one takes only a whole batch.
inline constexpr int kBatchers = 2;
/// While there are batches somebody looks this often whether one of them holds others up.
inline constexpr std::int64_t kBatchLook_ms = 5;

/// What the reconciles of a plugin were.
struct Tally {
  std::uint64_t reconciles = 0, errors = 0;
  Durations durations;
};

class Controller {
 public:
  /// `find` reads the object of a key (null: none), `run` calls the plugin, `run_all` does so for several; `wanted` asks for spawn() soon, `ended` runs
  /// after each reconcile.
  struct Hooks {
    std::function<store::ObjectRef(const std::string& key)> find;
    std::function<Reconciled(const std::string& key, const Call& call, const store::ObjectRef& object)> run;
    std::function<void(std::span<KeyJob> jobs, const std::function<void(KeyJob&)>& done)> run_all;   ///< in place of `run`; null: one at a time
    std::function<void()> give_back;                                                           ///< of run_all, what waits
    std::function<void()> wanted;
    std::function<void(keelson_status status, const std::string& key, const std::string& error_json)> ended;
  };
  Controller(base::Runtime& runtime, base::Metrics& metrics, CallTable& calls, const ControllerDeclaration& declaration, Hooks hooks);
  ~Controller();

  const ControllerDeclaration& declaration() const { return declaration_; }
  void add(const std::string& key) { queue_->add(key); }
  void add_after(const std::string& key, std::int64_t delay_ns) { queue_->add_after(key, delay_ns); }
  std::size_t queue_length() const { return queue_->ready_count(); }
  bool busy() const;
  void add_to(Tally& tally) const;

  void set_paused(bool paused);
  /// 0: as declared.
  void set_workers(int workers);
  /// So many workers are lost in calls that do not return: as many more may run.
  void set_stuck(int workers);
  /// Starts workers that are needed and joins those that ended.
  void spawn();
  /// No new work; workers end after what they do. What still comes is noted for leftovers().
  void stop();
  std::vector<std::pair<std::string, base::Monotonic>> leftovers() const { return queue_->leftovers(); }
  void join();

 private:
  using Lock = CallTable::Lock;
  struct Worker {
    std::shared_ptr<base::Waiter> waiter;       // shared with who is waking it, while it may be ending
    std::unique_ptr<base::Thread> thread;
    std::vector<KeyJob> jobs;
    std::size_t count = 0, done = 0;            // of jobs: taken, and of these ended
    base::Monotonic now = 0;                    // when the last one ended, if it ended just now
    bool ended = false;
    std::span<KeyJob> taken() { return {jobs.data(), count}; }
  };
  void work(Worker& self);
  void work_off(Lock& lock, Worker& self);
  bool begin_next(const Lock& lock, Worker& self, int others);
  void begin_call(const Lock& lock, KeyJob& job);
  void find(KeyJob& job);
  void run(Worker& self);
  void run_all(Worker& self);
  void after(KeyJob& job);
  void end(const Lock& lock, Worker& self, KeyJob& job);
  std::size_t batch(const Lock& lock) const;
  std::size_t portion(const Lock& lock, int others) const;
  bool rest(Lock& lock, Worker& self);
  bool watch(Lock& lock, Worker& self);
  bool worth_watching(const Lock& lock) const;
  bool held_up(const Lock& lock, base::Monotonic now) const;
  void want_watcher();
  void wake();
  bool may_work(const Lock& lock) const;
  int limit() const;
  std::vector<std::unique_ptr<Worker>> take_ended();

  base::Runtime& runtime_;
  CallTable& calls_;
  const ControllerDeclaration declaration_;
  const Hooks hooks_;
  struct Measures;
  std::unique_ptr<Measures> measures_; // before the queue, which counts there
  std::shared_ptr<WorkQueue> queue_;   // shared with its timer

  const std::shared_ptr<std::mutex> mutex_;   // of the call table; guards what follows; atomic: changed under it, read without it
  std::uint64_t runs_ = 0;
  Tally tally_;
  std::atomic<int> active_{0};         // working now
  std::vector<std::unique_ptr<Worker>> workers_;
  std::vector<Worker*> idle_;
  Worker* watcher_ = nullptr;          // one of idle_, that looks every kBatchLook_ms
  bool overdue_ = false;               // what is due has waited for too long: the next worker takes it in any case
  std::uint64_t runs_seen_ = 0;        // by the watcher
  int in_hand_ = 0;                    // keys that workers have
  std::int64_t cost_ns_ = 2 * kBatchedCost_ns;   // of a run, on the average of late
  std::atomic<int> idle_count_{0};     // of idle_
  std::atomic<int> live_{0};           // workers that have not ended
  std::atomic<int> override_{0};
  std::atomic<int> stuck_{0};
  std::atomic<bool> paused_{false}, stopping_{false}, watcher_wanted_{false};
};

/// "ns/name" or "/name"; how queues name an object.
std::string queue_key(std::string_view ns, std::string_view name);
std::pair<std::string, std::string> split_key(const std::string& key);

}  // namespace keelson::plugins

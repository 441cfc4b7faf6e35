#include "core/store/committer.hpp"

#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <mutex>

#include "core/base/log.hpp"
#include "core/base/memory.hpp"
#include "core/store/batch.hpp"
#include "core/store/hooks.hpp"
#include "core/store/intake.hpp"
#include "core/store/not_answering.hpp"
#include "core/store/patient.hpp"
#include "core/store/space.hpp"

namespace keelson::store {
namespace {

constexpr std::int64_t kFatalGrace_ms = 200;   // for the 500s to leave the process
constexpr int kExitFatal = 74;                 // EX_IOERR
constexpr std::int64_t kLowSpaceCompaction_ms = 60'000;
constexpr std::uint64_t kCompactionShare = 8;  // a pass when this part of the history's bytes was written
constexpr std::uint64_t kLoadWorthBytes = 16u << 20;   // written, before a rest is looked for
constexpr std::uint64_t kRestBytesMax = 1u << 20;      // written within kRestDelay_ms at rest
constexpr int kBatchesLedMax = 2;              // by a thread that waits for its own write

// What other threads and timers tell the committer. Shared, because a timer may fire while the committer goes.
struct Signals {
  explicit Signals(std::int64_t patience_ms) : patience(patience_ms * base::kNanosPerMs) {}
  const base::Monotonic patience;          // with one batch
  std::mutex mutex;
  Intake queue;
  std::size_t withdrawing = 0;             // answers that a timer is giving
  std::optional<base::Monotonic> busy;     // since when whoever leads is at one batch, until that is on the disk
  bool stopping = false, sync_due = false, compaction_due = false, compaction_done = false, rest_due = false, rest_done = false, patience_armed = false;
  bool led = false;                        // somebody takes from the queue, and will look again before it stops
  std::unique_ptr<base::Waiter> waiter;

  bool stuck(base::Monotonic now) const { return busy && now - *busy >= patience; }
  /// Something that only the committer's thread does. Under the mutex.
  bool chores_due() const { return stopping || sync_due || compaction_due || compaction_done || rest_due || rest_done; }

  void raise(bool Signals::*flag) {
    {
      std::lock_guard lock(mutex);
      this->*flag = true;
    }
    waiter->notify();
  }
};

// Writes wait behind a batch: when that takes too long, they are given back undone. The batch's own cannot be.
void arm_patience(const std::shared_ptr<Signals>& signals, base::Runtime& runtime);

void withdraw_if_stuck(const std::shared_ptr<Signals>& signals, base::Runtime& runtime) {
  std::vector<Pending> withdrawn;
  {
    std::lock_guard lock(signals->mutex);
    signals->patience_armed = false;
    if (signals->queue.empty()) return;
    if (!signals->stuck(runtime.monotonic_ns())) return arm_patience(signals, runtime);
    withdrawn = signals->queue.take(SIZE_MAX, SIZE_MAX);
    ++signals->withdrawing;
  }
  base::log_error("store", "the disk does not answer, waiting writes are refused", {{"writes", std::to_string(withdrawn.size())}});
  for (Pending& pending : withdrawn) pending.done({{}, {}, not_answering()}, 0);
  std::lock_guard lock(signals->mutex);
  --signals->withdrawing;
  signals->waiter->notify();
}

// Under the mutex. While a batch is worked on.
void arm_patience(const std::shared_ptr<Signals>& signals, base::Runtime& runtime) {
  if (!signals->busy || std::exchange(signals->patience_armed, true)) return;
  runtime.schedule_at(*signals->busy + signals->patience, [signals, &runtime] { withdraw_if_stuck(signals, runtime); });
}

/// One callback for the answers of commits that were given together. What each of them has of it is copied without an allocation.
/// Ownership: its own; it ends with the last answer.
class Answers {
 public:
  Answers(OnEachLogged done, std::size_t count) : done_(std::move(done)), left_(count) {}
  OnLogged at(std::size_t place) {
    return [this, place](CommitOutcome outcome, Revision as_of) {
      done_(place, std::move(outcome), as_of);
      if (left_.fetch_sub(1) == 1) delete this;
    };
  }

 private:
  const OnEachLogged done_;
  std::atomic<std::size_t> left_;
};

struct CommitMetrics {
  explicit CommitMetrics(base::Metrics& metrics)
      : committed(metrics.counter("keelson_store_commits_total", "Commits by result.", {{"result", "committed"}})),
        mismatched(metrics.counter("keelson_store_commits_total", "Commits by result.", {{"result", "mismatch"}})),
        failed(metrics.counter("keelson_store_commits_total", "Commits by result.", {{"result", "error"}})),
        operations(metrics.histogram("keelson_store_batch_operations", "Writes per batch.", {1, 2, 4, 8, 16, 32, 64, 128, 256})),
        seconds(metrics.histogram("keelson_store_append_seconds", "Duration of appending a batch, sync included.", {0.00005, 0.0001, 0.0002, 0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5})) {}
  base::Counter &committed, &mismatched, &failed;
  base::Histogram &operations, &seconds;
};

class Committer final : public Log {
 public:
  Committer(std::unique_ptr<Storage> storage, base::Runtime& runtime, base::Metrics& metrics, StoreOptions options)
      : storage_(std::move(storage)), runtime_(runtime), options_(std::move(options)), metrics_(metrics), signals_(std::make_shared<Signals>(options_.hooks ? options_.hooks->patience_ms : kStorePatience_ms)), space_(options_) {
    signals_->waiter = runtime.waiter();
  }
  ~Committer() override { stop(); }

  base::Outcome<void> start(FeedTarget& target) override;
  void commit(Commit commit, OnLogged done) override;
  void commit_each(std::vector<Commit> commits, OnEachLogged done) override;
  void fresh(std::function<void(base::Outcome<Revision>)> done) override { done(target_->installed().revision()); }
  base::Outcome<HistoryPage> history(Atom resource, Revision after, const Snapshot& installed, std::size_t changes_max) const override {
    return storage_->history(resource, after, installed, changes_max);
  }
  base::Outcome<ObjectRef> get_at(const Key& key, Revision revision, const Snapshot& installed) const override {
    return storage_->get_at(key, revision, installed);
  }
  Revision compacted(Atom resource) const override { return storage_->compacted(resource); }
  void stop() override;

 private:
  void take_in(std::span<Pending> all);
  std::optional<base::Error> refusal_here();
  void run();
  bool begin_to_lead();
  bool stop_leading();
  void lead_here();
  std::vector<Pending> take_queued();
  void process(std::vector<Pending> taken);
  void fill(Batch& batch, std::vector<Pending> taken);
  bool append(Batch& batch);
  void publish(Batch& batch);
  bool raise_ceiling(std::size_t operations);
  void count(const CommitOutcome& outcome);
  void fatal(const base::Error& error, std::vector<Answer>& waiting);
  void chores();
  void sync_now();
  bool compaction_is_urgent() const;
  void compact_now();
  void rest_if_quiet();
  void arm_rest();
  void arm_sync();
  void arm_compaction();
  void end();

  const std::unique_ptr<Storage> storage_;
  base::Runtime& runtime_;
  const StoreOptions options_;
  CommitMetrics metrics_;
  const std::shared_ptr<Signals> signals_;
  FeedTarget* target_ = nullptr;
  std::atomic<bool> dead_{false};
  std::mutex stop_mutex_;
  std::unique_ptr<base::Thread> thread_;
  // Of whoever leads:
  SpaceGuard space_;
  Revision last_ = 0, ceiling_ = 0;
  bool unsynced_ = false;
  bool sync_armed_ = false, compaction_armed_ = false, rest_armed_ = false;
  std::uint64_t bytes_since_compaction_ = 0, bytes_since_rest_ = 0, bytes_when_armed_ = 0;
  base::Monotonic last_compaction_ = 0;
  std::unique_ptr<base::Thread> compaction_, resting_;
  std::atomic<bool> history_remains_{false};
};

base::Outcome<void> Committer::start(FeedTarget& target) {
  auto recovered = storage_->recover();
  if (!recovered) return recovered.error();
  target_ = &target;
  last_ = recovered->revision;
  ceiling_ = recovered->ceiling;
  if (!recovered->objects.empty()) arm_compaction();
  target.load(std::move(recovered->objects), last_);
  thread_ = runtime_.spawn("store-commit", [this] { run(); });
  return {};
}

void Committer::commit(Commit commit, OnLogged done) {
  if (auto error = malformed(commit)) return done({{}, {}, std::move(*error)}, 0);
  Pending pending = pending_of(std::move(commit), std::move(done));
  take_in({&pending, 1});
}

void Committer::commit_each(std::vector<Commit> commits, OnEachLogged done) {
  if (commits.empty()) return;
  Answers* const answers = new Answers(std::move(done), commits.size());
  std::vector<Pending> all;
  all.reserve(commits.size());
  for (std::size_t place = 0; place < commits.size(); ++place) {
    auto error = malformed(commits[place]);
    all.push_back(pending_of(std::move(commits[place]), answers->at(place)));
    if (!error) continue;
    all.back().done({{}, {}, std::move(*error)}, 0);
    all.pop_back();
  }
  if (!all.empty()) take_in(all);
}

// Under the mutex.
std::optional<base::Error> Committer::refusal_here() {
  if (dead_.load() || signals_->stuck(runtime_.monotonic_ns())) return not_answering();
  if (signals_->stopping) return base::unavailable("the store is stopping");
  return std::nullopt;
}

// Those for which there is room, in order.
void Committer::take_in(std::span<Pending> all) {
  std::optional<base::Error> refusal;
  std::size_t taken = 0;
  bool led = false, here = false;
  {
    std::lock_guard lock(signals_->mutex);
    refusal = refusal_here();
    while (!refusal && taken < all.size() && signals_->queue.push(all[taken])) ++taken;
    if (taken > 0) {
      arm_patience(signals_, runtime_);
      led = signals_->led;
      here = !led && Patient::here();
      if (here) signals_->led = true;
    }
  }
  for (std::size_t i = taken; i < all.size(); ++i) all[i].done({{}, {}, refusal ? *refusal : base::too_many_requests("too many writes are waiting for the store", 1)}, 0);
  if (taken == 0) return;
  if (here) lead_here();
  else if (!led) signals_->waiter->notify();
}

// Only for something to do: who is patient finds nobody in its way then.
bool Committer::begin_to_lead() {
  std::lock_guard lock(signals_->mutex);
  if (signals_->queue.empty() && !signals_->chores_due()) return false;
  return !std::exchange(signals_->led, true);
}

// False: something came meanwhile.
bool Committer::stop_leading() {
  std::lock_guard lock(signals_->mutex);
  if (!signals_->queue.empty()) return false;
  signals_->led = false;
  signals_->busy.reset();
  return true;
}

// Who waits for its own write does not do those of others for long: what is left is the committer's.
void Committer::lead_here() {
  bool left = true;
  for (int batches = 0; left && batches < kBatchesLedMax; ++batches) {
    process(take_queued());
    std::lock_guard lock(signals_->mutex);
    left = !signals_->queue.empty();
  }
  const bool urgent = compaction_is_urgent();
  {
    std::lock_guard lock(signals_->mutex);
    signals_->led = false;
    signals_->busy.reset();
    if (urgent) signals_->compaction_due = true;
    left = !signals_->queue.empty() || signals_->chores_due();
  }
  if (left) signals_->waiter->notify();
}

void Committer::run() {
  for (;;) {
    if (begin_to_lead()) {
      do {
        if (auto taken = take_queued(); !taken.empty()) process(std::move(taken));
        chores();
      } while (!stop_leading());
    }
    {
      std::lock_guard lock(signals_->mutex);
      if (signals_->stopping && !signals_->led && signals_->queue.empty()) break;
    }
    signals_->waiter->wait_until(base::kForever);
  }
  end();
}

std::vector<Pending> Committer::take_queued() {
  std::lock_guard lock(signals_->mutex);
  auto taken = signals_->queue.take(kBatchOperationsMax, kBatchBytesMax);
  signals_->busy.reset();
  if (!taken.empty()) signals_->busy = runtime_.monotonic_ns();
  return taken;
}

void Committer::process(std::vector<Pending> taken) {
  std::size_t operations = 0;
  for (const Pending& pending : taken) {
    operations += pending.operations;
    bytes_since_compaction_ += pending.bytes;
    bytes_since_rest_ += pending.bytes;
  }
  Batch batch(target_->installed(), last_);
  if (dead_.load() || !raise_ceiling(operations)) {
    for (Pending& pending : taken) batch.refuse(std::move(pending.done), not_answering());
    for (Answer& answer : batch.answers()) answer.done(std::move(answer.outcome), 0);
    return;
  }
  fill(batch, std::move(taken));
  batch.let_go();
  if (append(batch)) publish(batch);
}

void Committer::fill(Batch& batch, std::vector<Pending> taken) {
  space_.look();
  batch.expect(taken.size());
  for (Pending& pending : taken) {
    if (space_.low() && !allowed_when_low(pending.commit)) {
      batch.refuse(std::move(pending.done), base::raw_500("no space is left for the store: only deletes, node status and leases are accepted"));
    } else {
      batch.take(std::move(pending.commit), std::move(pending.done));
    }
  }
}

bool Committer::append(Batch& batch) {
  if (batch.changes().empty()) return true;
  const base::Monotonic begin = runtime_.monotonic_ns();
  const auto appended = storage_->append(batch.changes(), batch.durability(), batch.sync());
  {
    std::lock_guard lock(signals_->mutex);
    signals_->busy.reset();
  }
  if (!appended) {
    fatal(appended.error(), batch.answers());
    return false;
  }
  metrics_.seconds.observe(static_cast<double>(runtime_.monotonic_ns() - begin) / static_cast<double>(base::kNanosPerSecond));
  metrics_.operations.observe(static_cast<double>(batch.changes().size()));
  last_ = batch.last();
  if (batch.sync()) unsynced_ = false;
  else if (batch.relaxed()) unsynced_ = true;
  if (unsynced_) arm_sync();
  if (batch.sync() || batch.relaxed()) arm_compaction();
  if (bytes_since_rest_ >= kLoadWorthBytes) arm_rest();
  return true;
}

void Committer::publish(Batch& batch) {
  if (!batch.changes().empty()) target_->install(std::move(batch.changes()));
  for (Answer& answer : batch.answers()) {
    count(answer.outcome);
    answer.done(std::move(answer.outcome), answer.as_of);
    answer.done = nullptr;   // now, so that whoever was answered is the last to hold what made the write
  }
}

void Committer::count(const CommitOutcome& outcome) {
  if (outcome.committed) metrics_.committed.add();
  else if (outcome.mismatch) metrics_.mismatched.add();
  else metrics_.failed.add();
}

bool Committer::raise_ceiling(std::size_t operations) {
  if (last_ + operations < ceiling_) return true;
  const Revision raised = last_ + operations + kCeilingStep;
  if (const auto done = storage_->raise_ceiling(raised); !done) {
    std::vector<Answer> nobody;
    fatal(done.error(), nobody);
    return false;
  }
  ceiling_ = raised;
  return true;
}

// Whether the writes are on disk is unknown, so nobody may see them and nobody may be told they failed for good; the
// next start decides.
void Committer::fatal(const base::Error& error, std::vector<Answer>& waiting) {
  dead_.store(true);
  const base::Error answer = base::internal("the outcome of the write is unknown: " + error.message);
  for (Answer& each : waiting) {
    metrics_.failed.add();
    each.done({{}, {}, answer}, 0);
  }
  for (auto rest = take_queued(); !rest.empty(); rest = take_queued())
    for (Pending& pending : rest) pending.done({{}, {}, not_answering()}, 0);
  if (options_.hooks && options_.hooks->fatal) return options_.hooks->fatal(error.message);
  base::log_error("store", "writing the log failed, the process ends", {{"error", error.message}});
  runtime_.waiter()->wait_until(runtime_.in_ms(kFatalGrace_ms));
  ::_exit(kExitFatal);
}

// What timers asked for, done between batches.
void Committer::chores() {
  bool sync = false, compact = false, compacted = false, rest = false, rested = false;
  {
    std::lock_guard lock(signals_->mutex);
    sync = std::exchange(signals_->sync_due, false);
    compact = std::exchange(signals_->compaction_due, false);
    compacted = std::exchange(signals_->compaction_done, false);
    rest = std::exchange(signals_->rest_due, false);
    rested = std::exchange(signals_->rest_done, false);
  }
  if (sync && !dead_.load()) sync_now();
  if (compacted) {
    compaction_.reset();
    if (history_remains_.load()) arm_compaction();
  }
  if (rested) resting_.reset();
  if (rest) rest_if_quiet();
  if (compact) compaction_armed_ = false;
  if (!compaction_ && (compact || compaction_is_urgent())) compact_now();
}

void Committer::sync_now() {
  sync_armed_ = false;
  std::vector<Answer> nobody;
  if (const auto done = storage_->sync(); !done) fatal(done.error(), nobody);
  else unsynced_ = false;
}

// Before its time: much was written, or space is low, then now and again as long as it is.
bool Committer::compaction_is_urgent() const {
  if (bytes_since_compaction_ > options_.history_max_bytes / kCompactionShare) return true;
  return space_.low() && runtime_.monotonic_ns() - last_compaction_ > kLowSpaceCompaction_ms * base::kNanosPerMs;
}

void Committer::compact_now() {
  bytes_since_compaction_ = 0;
  last_compaction_ = runtime_.monotonic_ns();
  compaction_ = runtime_.spawn("store-compact", [this, hard = space_.low()] {
    history_remains_.store(storage_->compact(hard));
    signals_->raise(&Signals::compaction_done);
  });
}

void Committer::rest_if_quiet() {
  rest_armed_ = false;
  if (resting_ || bytes_since_rest_ - bytes_when_armed_ > kRestBytesMax) return arm_rest();
  bytes_since_rest_ = 0;
  resting_ = runtime_.spawn("store-rest", [this] {
    storage_->rest();
    base::give_back_memory();
    signals_->raise(&Signals::rest_done);
  });
}

void Committer::arm_rest() {
  if (std::exchange(rest_armed_, true)) return;
  bytes_when_armed_ = bytes_since_rest_;
  runtime_.schedule_at(runtime_.in_ms(kRestDelay_ms), [signals = signals_] { signals->raise(&Signals::rest_due); });
}

void Committer::arm_sync() {
  if (std::exchange(sync_armed_, true)) return;
  runtime_.schedule_at(runtime_.in_ms(kRelaxedSyncDelay_ms), [signals = signals_] { signals->raise(&Signals::sync_due); });
}

void Committer::arm_compaction() {
  if (std::exchange(compaction_armed_, true)) return;
  runtime_.schedule_at(runtime_.in_ms(kCompactionInterval_ms), [signals = signals_] { signals->raise(&Signals::compaction_due); });
}

void Committer::end() {
  compaction_.reset();
  resting_.reset();
  if (dead_.load()) return;
  if (const auto closed = storage_->close(last_); !closed) base::log_error("store", "closing the log failed", {{"error", closed.error().message}});
}

void Committer::stop() {
  {
    std::lock_guard lock(signals_->mutex);
    signals_->stopping = true;
  }
  signals_->waiter->notify();
  std::lock_guard lock(stop_mutex_);   // a second caller waits for the end too
  thread_.reset();
  for (;;) {
    {
      std::lock_guard signals_lock(signals_->mutex);
      if (signals_->withdrawing == 0) return;
    }
    signals_->waiter->wait_until(base::kForever);
  }
}

}  // namespace

std::unique_ptr<Log> make_local_log(std::unique_ptr<Storage> storage, base::Runtime& runtime, base::Metrics& metrics, StoreOptions options) {
  return std::make_unique<Committer>(std::move(storage), runtime, metrics, std::move(options));
}

}  // namespace keelson::store

#include "core/plugins/controller.hpp"

#include <algorithm>

#include "core/base/metric_part.hpp"

namespace keelson::plugins {
namespace {

std::vector<double> powers_of_ten(double first, int count) {
  std::vector<double> bounds;
  for (double bound = first; count-- > 0; bound *= 10) bounds.push_back(bound);
  return bounds;
}

const std::vector<double> kReconcileSeconds{0.005, 0.01, 0.025, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.35, 0.4, 0.45, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.25, 1.5,
                                            1.75, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5, 6, 7, 8, 9, 10, 15, 20, 25, 30, 40, 50, 60};
constexpr double kQueueSecondsFirst = 1e-8;
constexpr int kQueueBuckets = 12;

}  // namespace

std::string queue_key(std::string_view ns, std::string_view name) {
  std::string key(ns);
  key += '/';
  key += name;
  return key;
}

std::pair<std::string, std::string> split_key(const std::string& key) {
  const auto slash = key.find('/');
  if (slash == std::string::npos) return {{}, key};
  return {key.substr(0, slash), key.substr(slash + 1)};
}

// Counters are parts of their own, as others of the same name may be at work: of an instance that this one replaces.
struct Controller::Measures {
  Measures(base::Metrics& metrics, const std::string& name)
      : waited(histogram(metrics, "workqueue_queue_duration_seconds", "How long in seconds an item stays in workqueue before being requested", queue_seconds(), {{"name", name}})),
        worked(histogram(metrics, "workqueue_work_duration_seconds", "How long in seconds processing an item from workqueue takes.", queue_seconds(), {{"name", name}})),
        seconds(histogram(metrics, "controller_runtime_reconcile_time_seconds", "Length of time per reconciliation per controller", kReconcileSeconds, {{"controller", name}})),
        adds(counter(metrics, "workqueue_adds_total", "Total number of adds handled by workqueue", {{"name", name}})),
        retries(counter(metrics, "workqueue_retries_total", "Total number of retries handled by workqueue", {{"name", name}})),
        errors(counter(metrics, "controller_runtime_reconcile_errors_total", "Total number of reconciliation errors per controller", {{"controller", name}})),
        terminal(counter(metrics, "controller_runtime_terminal_reconcile_errors_total", "Total number of terminal reconciliation errors per controller", {{"controller", name}})),
        success(result(metrics, name, "success")), requeue_after(result(metrics, name, "requeue_after")), error(result(metrics, name, "error")),
        depth(metrics.gauge("workqueue_depth", "Current depth of workqueue", {{"name", name}})),
        active(metrics.gauge("controller_runtime_active_workers", "Number of currently used workers per controller", {{"controller", name}})),
        most(metrics.gauge("controller_runtime_max_concurrent_reconciles", "Maximum number of concurrent reconciles per controller", {{"controller", name}})) {}
  QueueMetrics of_queue() { return {&depth, adds.get(), retries.get(), waited.get()}; }
  void count(const Reconciled& result, std::int64_t ns);

  using Counter = std::unique_ptr<base::Counter>;
  using Histogram = std::unique_ptr<base::Histogram>;
  static std::vector<double> queue_seconds() { return powers_of_ten(kQueueSecondsFirst, kQueueBuckets); }
  static Histogram histogram(base::Metrics& metrics, const char* name, const char* help, const std::vector<double>& bounds, const base::Labels& labels) {
    return base::part_of(metrics.histogram(name, help, bounds, labels));
  }
  static Counter counter(base::Metrics& metrics, const char* name, const char* help, const base::Labels& labels) { return base::part_of(metrics.counter(name, help, labels)); }
  static Counter result(base::Metrics& metrics, const std::string& name, const char* result) {
    return counter(metrics, "controller_runtime_reconcile_total", "Total number of reconciliations per controller", {{"controller", name}, {"result", result}});
  }
  const Histogram waited, worked, seconds;
  const Counter adds, retries, errors, terminal, success, requeue_after, error;
  base::Gauge &depth, &active, &most;
};

void Controller::Measures::count(const Reconciled& result, std::int64_t ns) {
  const auto took = static_cast<double>(ns) / 1e9;
  worked->observe(took);
  seconds->observe(took);
  if (result.status != 0) {
    error->add();
    errors->add();
    if (result.next.kind == KEELSON_NEXT_TERMINAL) terminal->add();
  } else {
    (result.next.kind == KEELSON_NEXT_AGAIN ? requeue_after : success)->add();
  }
}

Controller::Controller(base::Runtime& runtime, base::Metrics& metrics, CallTable& calls, const ControllerDeclaration& declaration, Hooks hooks)
    : runtime_(runtime), calls_(calls), declaration_(declaration), hooks_(std::move(hooks)),
      measures_(std::make_unique<Measures>(metrics, declaration.name)),
      queue_(std::make_shared<WorkQueue>(runtime, measures_->of_queue(), [this] { wake(); }, calls.mutex())), mutex_(calls.mutex()) {
  measures_->most.set(declaration_.workers);
}

Controller::~Controller() { queue_->close(); }

bool Controller::may_work(const Lock& lock) const { return !paused_ && !stopping_ && !calls_.closed(lock); }
int Controller::limit() const {
  const int wanted = override_;
  return (wanted > 0 ? wanted : declaration_.workers) + stuck_;
}

bool Controller::busy() const {
  return active_ > 0 || (!paused_ && queue_->ready_count() > 0);
}

void Controller::add_to(Tally& tally) const {
  const Lock lock(*mutex_);
  tally.reconciles += tally_.reconciles;
  tally.errors += tally_.errors;
  tally.durations.add(tally_.durations);
}

// The key is in the queue by now. Who lists itself as idle or ends looks there first, under the lock that the key was put in under.
void Controller::wake() {
  if (idle_count_.load(std::memory_order_relaxed) == 0 && live_.load(std::memory_order_relaxed) >= limit()) return;
  std::shared_ptr<base::Waiter> chosen;
  {
    const Lock lock(*mutex_);
    if (!may_work(lock)) return;
    if (watcher_ != nullptr && portion(lock, active_) == 0) return;   // who has a batch takes it next
    if (!idle_.empty()) {
      chosen = idle_.back()->waiter;
      idle_.pop_back();
      --idle_count_;
    } else if (live_ >= limit()) {
      return;
    }
  }
  if (chosen) chosen->notify();
  else hooks_.wanted();
}

void Controller::set_paused(bool paused) {
  {
    const Lock lock(*mutex_);
    paused_ = paused;
    for (auto* worker : std::exchange(idle_, {})) worker->waiter->notify();
    idle_count_ = 0;
  }
  if (!paused) hooks_.wanted();
}

void Controller::set_workers(int workers) {
  {
    const Lock lock(*mutex_);
    override_ = std::clamp(workers, 0, kWorkersMax);
    measures_->most.set(limit());
  }
  hooks_.wanted();
}

void Controller::set_stuck(int workers) {
  {
    const Lock lock(*mutex_);
    if (stuck_ == workers) return;
    stuck_ = workers;
  }
  hooks_.wanted();
}

std::vector<std::unique_ptr<Controller::Worker>> Controller::take_ended() {
  std::vector<std::unique_ptr<Worker>> ended;
  const Lock lock(*mutex_);
  for (auto& worker : workers_)
    if (worker->ended) ended.push_back(std::move(worker));
  std::erase(workers_, nullptr);
  return ended;
}

void Controller::spawn() {
  take_ended();   // joins, outside of the lock
  auto due = std::max(queue_->ready_count(), std::size_t{watcher_wanted_.exchange(false)});
  for (; due > 0; --due) {
    auto worker = std::make_unique<Worker>();
    auto* self = worker.get();
    self->waiter = runtime_.waiter();
    {
      const Lock lock(*mutex_);
      if (!may_work(lock) || live_ >= limit()) return;
      ++live_;
      workers_.push_back(std::move(worker));
    }
    auto thread = runtime_.spawn(declaration_.name.substr(0, 15), [this, self] { work(*self); }, kWorkerStackBytes);
    const Lock lock(*mutex_);
    self->thread = std::move(thread);
  }
}

void Controller::work(Worker& self) {
  bool more = false;
  {
    Lock lock(*mutex_);
    while (may_work(lock) && live_ <= limit())
      if (begin_next(lock, self, active_)) work_off(lock, self);
      else if (!rest(lock, self)) break;
    for (const auto& job : self.jobs)
      if (job.call) calls_.end(lock, *job.call);
    --live_;
    more = may_work(lock) && queue_->ready_count(lock) > 0;   // came when this worker still counted as one
    self.ended = true;
  }
  if (more) wake();
}

// The key that it has begun and what comes next, as long as something does.
void Controller::work_off(Lock& lock, Worker& self) {
  measures_->active.set(++active_);
  do {
    const bool unwatched = self.count > 1 && watcher_ == nullptr;
    lock.unlock();
    if (unwatched) want_watcher();
    if (hooks_.run_all) run_all(self);
    else run(self);
    lock.lock();
    if (!hooks_.run_all) end(lock, self, self.jobs.front());
  } while (may_work(lock) && live_ <= limit() && begin_next(lock, self, active_ - 1));
  measures_->active.set(--active_);
  self.now = 0;
}

// How many of what is due a worker may take at once. Never more than are allowed to run, so that nothing shows the plugin an object that is
// older than what a reconcile wrote that has to have ended by then.
std::size_t Controller::batch(const Lock&) const {
  if (!hooks_.run_all || cost_ns_ >= kBatchedCost_ns) return 1;
  return std::clamp<std::size_t>(static_cast<std::size_t>(limit() / kBatchers), 1, kBatchMax);
}

// How many it would take now, if so many others are at work.
std::size_t Controller::portion(const Lock& lock, int others) const {
  const auto due = queue_->ready_count(lock);
  if (due == 0 || in_hand_ >= limit()) return 0;
  const auto most = batch(lock);
  const auto all = std::min({due, static_cast<std::size_t>(limit() - in_hand_), most});
  return all < most && others >= kBatchers && !overdue_ ? 0 : all;
}

bool Controller::begin_next(const Lock& lock, Worker& self, int others) {
  const auto wanted = portion(lock, others);
  overdue_ = false;
  if (self.jobs.size() < wanted) self.jobs.resize(wanted);
  self.count = self.done = 0;
  while (self.count < wanted) {
    auto& job = self.jobs[self.count];
    job.taken = queue_->take(lock, self.count == 0 ? self.now : self.jobs.front().taken.at());
    if (!job.taken) break;
    begin_call(lock, job);
    ++self.count;
    ++in_hand_;
  }
  return self.count > 0;
}

void Controller::begin_call(const Lock& lock, KeyJob& job) {
  auto& call = calls_.renew(lock, job.call);
  if (call.run_of == nullptr) {
    call.what = "reconcile " + declaration_.name;
    call.run_of = &declaration_.name;
  }
  call.about.assign(1, ' ').append(*job.taken);
  call.run = ++runs_;
  call.started = job.taken.at();
  call.deadline = job.taken.at() + declaration_.deadline_ms * base::kNanosPerMs;
  calls_.begin(lock, job.call);   // it is not closed: may_work() has looked
}

void Controller::find(KeyJob& job) {
  job.object = declaration_.kind ? hooks_.find(*job.taken) : store::ObjectRef();
  job.call->trigger = job.object ? job.object->revision() : 0;
}

void Controller::run(Worker& self) {
  auto& job = self.jobs.front();
  const CallTable::Here here(job.call);
  find(job);
  job.result = hooks_.run(*job.taken, *job.call, job.object);
  after(job);
}

void Controller::run_all(Worker& self) {
  for (auto& job : self.taken()) find(job), job.result = {};
  hooks_.run_all(self.taken(), [&](KeyJob& job) {
    if (!job.result.given_back) after(job);
    {
      const Lock lock(*mutex_);
      end(lock, self, job);
    }
    if (job.result.given_back) wake();
  });
}

void Controller::after(KeyJob& job) {
  auto& result = job.result;
  const auto& key = *job.taken;
  job.object.reset();
  if (result.ended == 0) result.ended = runtime_.monotonic_ns();
  const bool failed = result.status != 0;
  if (failed && result.next.kind != KEELSON_NEXT_TERMINAL) queue_->retry(key);
  if (!failed && result.next.kind == KEELSON_NEXT_AGAIN) queue_->add_after(key, result.next.delay_ns);
  hooks_.ended(result.status, key, result.error_json);
}

void Controller::end(const Lock& lock, Worker& self, KeyJob& job) {
  constexpr std::int64_t kAverageOf = 16, kCostMax_ns = 1'000'000;   // more than that counts as that, so that one that was slow is soon forgotten
  const auto& result = job.result;
  --in_hand_;
  ++self.done;
  calls_.pause(lock, *job.call);
  if (result.given_back) return queue_->put_back(lock, job.taken);
  const auto took = result.ended - std::max(job.call->started, self.now);   // it began when the one before it in the batch had ended
  const bool failed = result.status != 0;
  self.now = result.ended;
  cost_ns_ += (std::min(result.cost_ns, kCostMax_ns) - cost_ns_) / kAverageOf;
  ++tally_.reconciles;
  tally_.errors += failed;
  tally_.durations.add(took);
  measures_->count(result, took);
  queue_->finish(lock, job.taken, !failed || result.next.kind == KEELSON_NEXT_TERMINAL, self.now);
}

// False: nothing came for as long as a worker waits.
bool Controller::rest(Lock& lock, Worker& self) {
  if (portion(lock, active_) > 0) return true;
  idle_.insert(watcher_ != nullptr ? idle_.end() : idle_.begin(), &self);   // who watches is chosen last
  ++idle_count_;
  if (watcher_ == nullptr && worth_watching(lock)) watcher_ = &self;
  bool woken = watcher_ == &self && watch(lock, self);
  if (watcher_ == &self) watcher_ = nullptr;
  if (!woken) {
    lock.unlock();
    woken = self.waiter->wait_until(runtime_.in_ms(kWorkerIdle_ms));
    lock.lock();
  }
  const bool chosen = std::erase(idle_, &self) == 0;   // and taken off the list by who did
  if (!chosen) --idle_count_;
  return woken || chosen || portion(lock, active_) > 0;
}

bool Controller::worth_watching(const Lock& lock) const {
  if (active_ == 0 || !hooks_.run_all) return false;
  return batch(lock) > 1 || std::any_of(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->count - worker->done > 1; });
}

// Looks after those at work, until none is or there is something to do for this one, which is true.
bool Controller::watch(Lock& lock, Worker& self) {
  while (worth_watching(lock)) {
    runs_seen_ = runs_;
    lock.unlock();
    const bool woken = self.waiter->wait_until(runtime_.in_ms(kBatchLook_ms));
    const auto now = runtime_.monotonic_ns();
    lock.lock();
    if (woken || std::find(idle_.begin(), idle_.end(), &self) == idle_.end()) return true;
    overdue_ = runs_ == runs_seen_ && queue_->ready_count(lock) > 0 && in_hand_ < limit();
    if (overdue_) return true;
    if (!held_up(lock, now)) continue;
    lock.unlock();
    hooks_.give_back();
    lock.lock();
  }
  return false;
}

// Somebody's batch does not get on.
bool Controller::held_up(const Lock&, base::Monotonic now) const {
  return std::any_of(workers_.begin(), workers_.end(), [&](const auto& worker) {
    return worker->count - worker->done > 1 && now - std::max(worker->jobs.front().call->started, worker->now) > kBatchLook_ms * base::kNanosPerMs;
  });
}

void Controller::want_watcher() {
  std::shared_ptr<base::Waiter> chosen;
  {
    const Lock lock(*mutex_);
    if (watcher_ != nullptr) return;
    if (!idle_.empty()) {
      chosen = idle_.back()->waiter;
      idle_.pop_back();
      --idle_count_;
    } else if (live_ >= limit()) {
      return;   // each has something to do: the first that has not will
    }
  }
  if (chosen) return chosen->notify();
  watcher_wanted_ = true;
  hooks_.wanted();
}

void Controller::stop() {
  {
    const Lock lock(*mutex_);
    stopping_ = true;
    for (auto* worker : std::exchange(idle_, {})) worker->waiter->notify();
    idle_count_ = 0;
  }
  queue_->hold();
}

void Controller::join() {
  std::vector<std::unique_ptr<Worker>> all;
  {
    const Lock lock(*mutex_);
    all.swap(workers_);
  }
  for (auto& worker : all) worker->thread.reset();   // joins; the worker is still there for its thread
}

}  // namespace keelson::plugins

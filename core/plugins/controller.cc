#include "core/plugins/controller.hpp"

#include <algorithm>

#include "core/base/kept_memory.hpp"
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
  auto due = queue_->ready_count();
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
      if (begin_next(lock, self)) work_off(lock, self);
      else if (!rest(lock, self)) break;
    if (self.call) calls_.end(lock, *self.call);
    --live_;
    more = may_work(lock) && queue_->ready_count(lock) > 0;   // came when this worker still counted as one
    self.ended = true;
  }
  if (more) wake();
}

// The key that it has begun and what comes next, as long as something does. Workers that share the allocator's few arenas wait for each
// other there more often than anywhere else, so each keeps what it frees while it is at work.
void Controller::work_off(Lock& lock, Worker& self) {
  const base::KeptMemory kept;
  measures_->active.set(++active_);
  do {
    lock.unlock();
    run(self);
    lock.lock();
    end(lock, self);
  } while (may_work(lock) && live_ <= limit() && begin_next(lock, self));
  measures_->active.set(--active_);
  self.now = 0;
}

bool Controller::begin_next(const Lock& lock, Worker& self) {
  self.taken = queue_->take(lock, self.now);
  if (!self.taken) return false;
  begin_call(lock, self);
  return true;
}

// The worker's last one again, unless somebody still holds it.
void Controller::begin_call(const Lock& lock, Worker& self) {
  if (self.call && self.call.use_count() != kCallHolders) {
    calls_.end(lock, *self.call);
    self.call.reset();
  }
  if (!self.call) {
    self.call = std::make_shared<Call>();
    self.call->what = "reconcile " + declaration_.name;
    self.call->run_of = &declaration_.name;
  }
  std::atomic_thread_fence(std::memory_order_acquire);   // whatever others did with it
  auto& call = *self.call;
  call.about.assign(1, ' ').append(*self.taken);
  call.run = ++runs_;
  call.started = self.taken.at();
  call.deadline = self.taken.at() + declaration_.deadline_ms * base::kNanosPerMs;
  call.cancelled.store(false, std::memory_order_relaxed);
  calls_.begin(lock, self.call);   // it is not closed: may_work() has looked
}

void Controller::run(Worker& self) {
  const auto& key = *self.taken;
  const CallTable::Here here(self.call);
  const auto object = declaration_.kind ? hooks_.find(key) : store::ObjectRef();
  self.call->trigger = object ? object->revision() : 0;
  self.result = hooks_.run(key, *self.call, object);
  self.now = self.result.ended != 0 ? self.result.ended : runtime_.monotonic_ns();
  const bool failed = self.result.status != 0;
  if (failed && self.result.next.kind != KEELSON_NEXT_TERMINAL) queue_->retry(key);
  if (!failed && self.result.next.kind == KEELSON_NEXT_AGAIN) queue_->add_after(key, self.result.next.delay_ns);
  hooks_.ended(self.result.status, key, self.result.error_json);
}

void Controller::end(const Lock& lock, Worker& self) {
  const auto took = self.now - self.call->started;
  const bool failed = self.result.status != 0;
  ++tally_.reconciles;
  tally_.errors += failed;
  tally_.durations.add(took);
  measures_->count(self.result, took);
  calls_.pause(lock, *self.call);
  queue_->finish(lock, self.taken, !failed || self.result.next.kind == KEELSON_NEXT_TERMINAL, self.now);
}

// False: nothing came for as long as a worker waits.
bool Controller::rest(Lock& lock, Worker& self) {
  if (queue_->ready_count(lock) > 0) return true;
  idle_.push_back(&self);
  ++idle_count_;
  lock.unlock();
  const bool woken = self.waiter->wait_until(runtime_.in_ms(kWorkerIdle_ms));
  lock.lock();
  const bool chosen = std::erase(idle_, &self) == 0;   // and taken off the list by who did
  if (!chosen) --idle_count_;
  return woken || chosen || queue_->ready_count(lock) > 0;
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

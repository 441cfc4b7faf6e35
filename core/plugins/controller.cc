#include "core/plugins/controller.hpp"

#include <algorithm>

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

struct Controller::Measures {
  Measures(base::Metrics& metrics, const std::string& name)
      : worked(metrics.histogram("workqueue_work_duration_seconds", "How long in seconds processing an item from workqueue takes.", powers_of_ten(kQueueSecondsFirst, kQueueBuckets), {{"name", name}})),
        seconds(metrics.histogram("controller_runtime_reconcile_time_seconds", "Length of time per reconciliation per controller", kReconcileSeconds, {{"controller", name}})),
        errors(metrics.counter("controller_runtime_reconcile_errors_total", "Total number of reconciliation errors per controller", {{"controller", name}})),
        terminal(metrics.counter("controller_runtime_terminal_reconcile_errors_total", "Total number of terminal reconciliation errors per controller", {{"controller", name}})),
        success(result(metrics, name, "success")), requeue_after(result(metrics, name, "requeue_after")), error(result(metrics, name, "error")),
        active(metrics.gauge("controller_runtime_active_workers", "Number of currently used workers per controller", {{"controller", name}})),
        most(metrics.gauge("controller_runtime_max_concurrent_reconciles", "Maximum number of concurrent reconciles per controller", {{"controller", name}})) {}
  static base::Counter& result(base::Metrics& metrics, const std::string& name, const char* result) {
    return metrics.counter("controller_runtime_reconcile_total", "Total number of reconciliations per controller", {{"controller", name}, {"result", result}});
  }
  base::Histogram &worked, &seconds;
  base::Counter &errors, &terminal, &success, &requeue_after, &error;
  base::Gauge &active, &most;
};

namespace {

QueueMetrics queue_metrics(base::Metrics& metrics, const std::string& name) {
  return {&metrics.gauge("workqueue_depth", "Current depth of workqueue", {{"name", name}}),
          &metrics.counter("workqueue_adds_total", "Total number of adds handled by workqueue", {{"name", name}}),
          &metrics.counter("workqueue_retries_total", "Total number of retries handled by workqueue", {{"name", name}}),
          &metrics.histogram("workqueue_queue_duration_seconds", "How long in seconds an item stays in workqueue before being requested", powers_of_ten(kQueueSecondsFirst, kQueueBuckets), {{"name", name}})};
}

}  // namespace

Controller::Controller(base::Runtime& runtime, base::Metrics& metrics, CallTable& calls, const ControllerDeclaration& declaration, Hooks hooks)
    : runtime_(runtime), calls_(calls), declaration_(declaration), hooks_(std::move(hooks)),
      queue_(std::make_shared<WorkQueue>(runtime, queue_metrics(metrics, declaration.name), [this] { wake(); })),
      measures_(std::make_unique<Measures>(metrics, declaration.name)) {
  measures_->most.set(declaration_.workers);
}

Controller::~Controller() { queue_->close(); }

bool Controller::may_work() const { return !paused_ && !stopping_; }
int Controller::limit() const {
  const int wanted = override_;
  return (wanted > 0 ? wanted : declaration_.workers) + stuck_;
}

bool Controller::busy() const {
  return active_ > 0 || (!paused_ && queue_->ready_count() > 0);
}

void Controller::wake() {
  // The key is in the queue by now; who lists itself as idle looks there afterwards. So one of both sees the other.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (idle_count_.load(std::memory_order_relaxed) == 0 && live_.load(std::memory_order_relaxed) >= limit()) return;
  {
    const std::lock_guard lock(mutex_);
    if (!may_work()) return;
    if (!idle_.empty()) {
      auto* worker = idle_.back();
      idle_.pop_back();
      --idle_count_;
      worker->waiter->notify();
      return;
    }
    if (live_ >= limit()) return;
  }
  hooks_.wanted();
}

void Controller::set_paused(bool paused) {
  {
    const std::lock_guard lock(mutex_);
    paused_ = paused;
    for (auto* worker : std::exchange(idle_, {})) worker->waiter->notify();
    idle_count_ = 0;
  }
  if (!paused) hooks_.wanted();
}

void Controller::set_workers(int workers) {
  {
    const std::lock_guard lock(mutex_);
    override_ = std::clamp(workers, 0, kWorkersMax);
    measures_->most.set(limit());
  }
  hooks_.wanted();
}

void Controller::set_stuck(int workers) {
  {
    const std::lock_guard lock(mutex_);
    if (stuck_ == workers) return;
    stuck_ = workers;
  }
  hooks_.wanted();
}

std::vector<std::unique_ptr<Controller::Worker>> Controller::take_ended() {
  std::vector<std::unique_ptr<Worker>> ended;
  const std::lock_guard lock(mutex_);
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
      const std::lock_guard lock(mutex_);
      if (!may_work() || live_ >= limit()) return;
      ++live_;
      workers_.push_back(std::move(worker));
    }
    auto thread = runtime_.spawn(declaration_.name.substr(0, 15), [this, self] { work(*self); }, kWorkerStackBytes);
    const std::lock_guard lock(mutex_);
    self->thread = std::move(thread);
  }
}

void Controller::work(Worker& self) {
  for (;;) {
    if (!may_work() || live_ > limit()) break;
    if (auto taken = queue_->take()) work_off(self, taken);
    else if (!rest(self)) break;
  }
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    idle_count_ -= static_cast<int>(std::erase(idle_, &self));
    --live_;
    more = may_work() && queue_->ready_count() > 0;   // came when this worker still counted as one
    self.ended = true;
  }
  if (more) hooks_.wanted();
}

// That key and what comes next, as long as something does.
void Controller::work_off(Worker& self, WorkQueue::Taken taken) {
  measures_->active.set(++active_);
  while (taken) {
    const bool well = run(self, taken);
    if (may_work() && live_ <= limit()) {
      taken = queue_->finish_and_take(taken, well, self.now);
    } else {
      queue_->finish(taken, well);
      taken = {};
    }
  }
  measures_->active.set(--active_);
}

// False: nothing came for as long as a worker waits. Listed as idle before it looks again, so that no key is missed.
bool Controller::rest(Worker& self) {
  {
    const std::lock_guard lock(mutex_);
    idle_.push_back(&self);
    ++idle_count_;
  }
  std::atomic_thread_fence(std::memory_order_seq_cst);
  if (queue_->ready_count() == 0 && !self.waiter->wait_until(runtime_.in_ms(kWorkerIdle_ms))) {
    const std::lock_guard lock(mutex_);
    const bool woken = std::erase(idle_, &self) == 0;   // somebody chose this worker just now
    if (!woken) --idle_count_;
    return woken || queue_->ready_count() > 0;
  }
  const std::lock_guard lock(mutex_);
  idle_count_ -= static_cast<int>(std::erase(idle_, &self));
  return true;
}

// The worker's last one again, unless somebody still holds it.
std::shared_ptr<Call> Controller::new_call(Worker& self, const WorkQueue::Taken& taken, const store::ObjectRef& object) {
  if (!self.call || self.call.use_count() != 1) self.call = std::make_shared<Call>();
  std::atomic_thread_fence(std::memory_order_acquire);   // whatever others did with it
  auto& call = *self.call;
  call.what.assign("reconcile ").append(declaration_.name).append(" ").append(*taken);
  call.run_of = &declaration_.name;
  call.run = runs_.fetch_add(1, std::memory_order_relaxed) + 1;
  call.started = taken.at();
  call.deadline = taken.at() + declaration_.deadline_ms * base::kNanosPerMs;
  call.trigger = object ? object->revision() : 0;
  call.cancelled.store(false, std::memory_order_relaxed);
  return calls_.begin(self.call) ? self.call : nullptr;
}

// True: the key did well.
bool Controller::run(Worker& self, const WorkQueue::Taken& taken) {
  self.now = 0;
  const auto object = declaration_.kind ? hooks_.find(*taken) : store::ObjectRef();
  const CallScope scope(calls_, new_call(self, taken, object));
  if (!scope) return false;
  const auto result = hooks_.run(*taken, scope.call(), object);
  self.now = result.ended != 0 ? result.ended : runtime_.monotonic_ns();
  const auto seconds = static_cast<double>(self.now - scope.call().started) / 1e9;
  measures_->worked.observe(seconds);
  measures_->seconds.observe(seconds);
  return settle(*taken, result);
}

bool Controller::settle(const std::string& key, const Reconciled& result) {
  const bool failed = result.status != 0, terminal = failed && result.next.kind == KEELSON_NEXT_TERMINAL;
  if (failed) {
    measures_->error.add();
    measures_->errors.add();
    if (terminal) measures_->terminal.add();
    else queue_->retry(key);
  } else if (result.next.kind == KEELSON_NEXT_AGAIN) {
    measures_->requeue_after.add();
    queue_->add_after(key, result.next.delay_ns);
  } else {
    measures_->success.add();
  }
  hooks_.ended(failed, key, result.error_json);
  return !failed || terminal;
}

void Controller::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    for (auto* worker : std::exchange(idle_, {})) worker->waiter->notify();
    idle_count_ = 0;
  }
  queue_->hold();
}

void Controller::join() {
  std::vector<std::unique_ptr<Worker>> all;
  {
    const std::lock_guard lock(mutex_);
    all.swap(workers_);
  }
  for (auto& worker : all) worker->thread.reset();   // joins; the worker is still there for its thread
}

}  // namespace keelson::plugins

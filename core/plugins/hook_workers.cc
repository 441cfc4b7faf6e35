#include "core/plugins/hook_workers.hpp"

#include <algorithm>

namespace keelson::plugins {

HookWorkers::HookWorkers(base::Runtime& runtime, std::string name) : runtime_(runtime), name_(std::move(name)) {}

HookWorkers::~HookWorkers() { join(); }

HookWorkers::Taken HookWorkers::submit(std::function<void()> job) {
  bool more = false;
  {
    const std::lock_guard lock(mutex_);
    if (stopped_) return Taken::stopped;
    if (jobs_.size() >= kHooksWaitingMax) return Taken::full;
    jobs_.push_back(std::move(job));
    const auto idle = std::find_if(workers_.begin(), workers_.end(), [](const auto& worker) { return worker->idle; });
    if (idle != workers_.end()) {
      (*idle)->idle = false;
      (*idle)->waiter->notify();
    } else {
      more = std::count_if(workers_.begin(), workers_.end(), [](const auto& worker) { return !worker->ended; }) < kHookWorkersMax;
    }
  }
  if (more) spawn();
  return Taken::yes;
}

void HookWorkers::spawn() {
  const auto worker = std::make_shared<Worker>();
  worker->waiter = runtime_.waiter();
  std::vector<std::unique_ptr<base::Thread>> ended;   // joined outside of the lock
  {
    const std::lock_guard lock(mutex_);
    for (auto& old : workers_)
      if (old->ended && old->thread) ended.push_back(std::move(old->thread));
    std::erase_if(workers_, [](const auto& old) { return old->ended && !old->thread; });
    workers_.push_back(worker);
  }
  auto thread = runtime_.spawn(name_, [this, worker] { run(*worker); });
  const std::lock_guard lock(mutex_);
  worker->thread = std::move(thread);
}

std::function<void()> HookWorkers::next(Worker& self) {
  auto until = runtime_.in_ms(kHookWorkerIdle_ms);
  for (;;) {
    {
      const std::lock_guard lock(mutex_);
      self.idle = false;
      if (!jobs_.empty()) {
        auto job = std::move(jobs_.front());
        jobs_.pop_front();
        return job;
      }
      if (stopped_ || runtime_.monotonic_ns() >= until) {
        self.ended = true;
        return nullptr;
      }
      self.idle = true;
    }
    self.waiter->wait_until(until);
  }
}

void HookWorkers::run(Worker& self) {
  while (const auto job = next(self)) job();
}

void HookWorkers::stop() {
  const std::lock_guard lock(mutex_);
  stopped_ = true;
  for (auto& worker : workers_) worker->waiter->notify();
}

void HookWorkers::join() {
  stop();
  std::vector<std::shared_ptr<Worker>> workers;
  {
    const std::lock_guard lock(mutex_);
    workers.swap(workers_);
  }
  for (auto& worker : workers) worker->thread.reset();
}

}  // namespace keelson::plugins

// HookWorkers: the threads on which the worker hooks of one plugin run.
//
// Invariants: at most kHookWorkersMax threads, started on demand, ended when idle for kHookWorkerIdle_ms; what was taken
//   runs, also after stop(). At most kHooksWaitingMax jobs wait.
// Threads: submit() any; stop() and join() one. Ownership: its instance owns it; join() before destruction.
#pragma once
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/base/runtime.hpp"

namespace keelson::plugins {

inline constexpr int kHookWorkersMax = 8;
inline constexpr std::size_t kHooksWaitingMax = 1024;
inline constexpr std::int64_t kHookWorkerIdle_ms = 5'000;

class HookWorkers {
 public:
  HookWorkers(base::Runtime& runtime, std::string name);
  ~HookWorkers();
  enum class Taken { yes, stopped, full };   ///< full: too much waits already
  Taken submit(std::function<void()> job);
  void stop();
  void join();

 private:
  struct Worker {
    std::unique_ptr<base::Waiter> waiter;
    std::unique_ptr<base::Thread> thread;
    bool idle = false, ended = false;
  };
  void spawn();
  void run(Worker& self);
  /// Null: the worker may end.
  std::function<void()> next(Worker& self);

  base::Runtime& runtime_;
  const std::string name_;
  std::mutex mutex_;
  std::deque<std::function<void()>> jobs_;
  std::vector<std::shared_ptr<Worker>> workers_;   // shared with its thread, which may end after it was forgotten
  bool stopped_ = false;
};

}  // namespace keelson::plugins

// Readiness: what a plugin says when it is asked whether it is ready, at the price of little waiting.
//
// Invariants: the plugin's code runs on a thread of its hook workers, once at a time; who asks meanwhile shares that answer and
//   waits kCheckWait_ms at most, however long the plugin takes: who asks serves others, too.
// Threads: any. Ownership: its instance owns it, and joins the workers before it goes.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/runtime.hpp"
#include "core/plugins/hook_workers.hpp"

namespace keelson::plugins {

inline constexpr std::int64_t kCheckWait_ms = 200;

class Readiness {
 public:
  /// What `question` answered (empty: ready), or that it has not.
  std::string ask(base::Runtime& runtime, HookWorkers& workers, std::function<std::string()> question);

 private:
  struct Asked {
    base::Monotonic until = 0;                             // whoever waits
    std::optional<std::string> answer;
    std::vector<std::shared_ptr<base::Waiter>> waiting;    // shared: who waits may leave
  };
  std::mutex mutex_;                                       // guards what follows
  std::shared_ptr<Asked> under_way_;                       // shared with who waits for it
};

}  // namespace keelson::plugins

// A named place in the server at which a test build dies, waits or fails once; see README.md.
//
// KEELSON_FAILPOINT is `name:action:n`: at the n-th passing (0: the first) of `name` the process kills itself (abort), waits (sleep) or the
// place takes its path for errors (error). KEELSON_FAILPOINT_FILE is made at that moment.
// Threads: any. Errors: none.
#pragma once
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>
#include <string_view>

namespace keelson::failpoints {

struct Plan {
  Plan() {
    const char* given = std::getenv("KEELSON_FAILPOINT");
    if (given == nullptr) return;
    const std::string text = given;
    const auto first = text.find(':'), second = text.rfind(':');
    name = text.substr(0, first);
    action = text.substr(first + 1, second - first - 1);
    left = std::atoi(text.c_str() + second + 1);
  }
  std::string name, action;
  std::atomic<int> left{0};
};

/// True: fail here.
inline bool hit(std::string_view name) {
  static Plan plan;
  if (plan.name != name || plan.left.fetch_sub(1) != 0) return false;
  constexpr useconds_t kWait_us = 500'000;
  if (const char* file = std::getenv("KEELSON_FAILPOINT_FILE")) ::close(::open(file, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  if (plan.action == "abort") ::kill(::getpid(), SIGKILL);
  if (plan.action == "sleep") ::usleep(kWait_us);
  return plan.action == "error";
}

}  // namespace keelson::failpoints

// ChildProcess: one child of the server, from posix_spawn to its exit status.
//
// Invariants: the child inherits nothing but the descriptors it is given, as 3, 4, ... in that order, an empty standard
//   input, and a pipe for what it prints. It never outlives the server. A process id is never signalled after it was reaped.
// Threads: kill() any; wait(), printed() one thread. Ownership: the destructor kills and reaps.
#pragma once
#include <sys/types.h>

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "core/base/error.hpp"
#include "core/plugins/child/printed.hpp"

namespace keelson::plugins {

/// Exit status of a child whose core is gone or talks nonsense, and of one that has no descriptor left for a new lane.
inline constexpr int kLostCore = 70;
inline constexpr int kNoDescriptors = 71;

class ChildProcess {
 public:
  /// `descriptors` are closed in this process. Error: it could not be started.
  static base::Outcome<std::unique_ptr<ChildProcess>> start(const std::string& program, const std::vector<std::string>& arguments, std::vector<int> descriptors);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  pid_t pid() const { return pid_; }
  /// Readable once the child has ended.
  int pid_descriptor() const { return pidfd_; }
  void kill();
  bool ends_within(std::int64_t ms) const;
  /// Reaps it; waits for its end. Answers how it ended: "was killed by signal 11 (SIGSEGV)", "exited with status 3".
  std::string reap();
  Printed& printed() { return printed_; }

 private:
  ChildProcess(pid_t pid, int pidfd, int printed) : pid_(pid), pidfd_(pidfd), printed_(printed) {}
  const pid_t pid_;
  const int pidfd_;
  Printed printed_;
  std::mutex mutex_;             // guards reaped_
  std::optional<std::string> reaped_;
};

}  // namespace keelson::plugins

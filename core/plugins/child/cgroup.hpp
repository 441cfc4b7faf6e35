// ChildGroup: the control group of one child, by which the kernel keeps what it takes of memory, processes and threads below
// its limits, also where resource limits do not count: shared memory, socket buffers, what the kernel keeps for it.
//
// Invariants: version 1 hierarchies and the unified one; below the server's own group or, where that may have no children with
//   controllers, below the root. A group that a server left behind which was killed goes with the next that is made.
// Threads: any one at a time. Ownership: the destructor removes the group; the child has to be gone by then.
// Errors: where no group can be made, the answer says why; then only resource limits hold.
#pragma once
#include <sys/types.h>

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/base/error.hpp"

namespace keelson::plugins {

/// Where the system's control groups are.
inline constexpr const char* kGroupsRoot = "/sys/fs/cgroup";
/// Beyond its private memory, which the resource limit refuses first and more gently, a child may take this much.
inline constexpr std::uint64_t kGroupSlackBytes = 32ull << 20;

struct GroupLimits {
  std::uint64_t memory_bytes = 0;
  std::uint64_t tasks = 0;            ///< processes and threads
};

class ChildGroup {
 public:
  /// Makes it and puts the process into it.
  static base::Outcome<std::unique_ptr<ChildGroup>> make(pid_t child, const GroupLimits& limits, const std::string& root = kGroupsRoot);
  ~ChildGroup();
  ChildGroup(const ChildGroup&) = delete;
  ChildGroup& operator=(const ChildGroup&) = delete;

  /// The kernel has killed something in it for want of memory.
  bool ran_out_of_memory() const;
  const std::vector<std::string>& directories() const { return directories_; }
  /// Which of both limits could not be had, and why; empty: none.
  const std::string& missing() const { return missing_; }

 private:
  ChildGroup() = default;
  std::vector<std::string> directories_;   // one a hierarchy
  std::string missing_;
};

}  // namespace keelson::plugins

// Sandbox: what is left to a process that runs somebody's code only to ask it something.
//
// Threads: enter before any other thread is made; there is no way back.
#pragma once
#include <cstdint>
#include <string>

#include "core/base/error.hpp"

namespace keelson::plugins {

struct SandboxLimits {
  std::uint64_t memory_bytes = 0;
  unsigned cpu_s = 0;
};

/// The only descriptor that may be written to.
inline constexpr int kAnswerDescriptor = 4;

/// From here on: reading files, memory and arithmetic. Another system call writes {"syscall":NUMBER} to that
/// descriptor and ends the process.
base::Outcome<void> enter_sandbox(const SandboxLimits& limits);

/// "socket"
std::string system_call_name(int number);

}  // namespace keelson::plugins

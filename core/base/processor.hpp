// Where a thread runs: two threads that only ever wait for each other are quicker on one processor than on two, since waking the
// second one takes longer than to switch.
//
// Threads: of whoever calls. Ownership: none. Errors: where the system does not let a thread be bound, it runs where it did.
#pragma once

namespace keelson::base {

inline constexpr int kAnyProcessor = -1;

/// That of this moment, or kAnyProcessor where it cannot be told.
int processor_here() noexcept;
/// Binds the calling thread to one processor, or with kAnyProcessor to those that it was let run on before. No system call if it is so already.
/// False: it cannot be bound there, and runs where it did.
bool stay_on(int processor) noexcept;

}  // namespace keelson::base

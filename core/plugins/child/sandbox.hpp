// What a plugin's process may not do: it keeps nothing of the server's rights, sees no file but libraries, reaches no
// network unless it is allowed to, starts no program, and its memory is bounded.
//
// Threads: before there is a second one. Errors: what this kernel cannot enforce is answered as text for the log; what must
// hold and cannot be had ends the process.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

namespace keelson::plugins {

/// Private memory of a child, in bytes, unless it is configured otherwise.
inline constexpr std::uint64_t kChildMemoryBytes = 512ull << 20;
inline constexpr std::uint64_t kChildDescriptorsMax = 2048;

struct Sandbox {
  std::uint64_t memory_bytes_max = kChildMemoryBytes;
  bool network = false;
  int library = -1;      ///< descriptor of the one further file that may be opened
};

/// Never to be undone. Answers what could not be enforced, one sentence each.
std::vector<std::string> enter_sandbox(const Sandbox& sandbox);
/// After the library was loaded: the process can no longer be looked into by its likes.
void seal();

}  // namespace keelson::plugins

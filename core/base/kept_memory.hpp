// KeptMemory: what a busy thread frees it allocates again soon, in the same sizes. While one of these lives on a thread's stack,
// operator delete there keeps blocks in lists of one size each and operator new takes them from there, where the allocator keeps
// seven of a size and merges, splits and locks beyond that. What one such thread allocates and another frees (a write's object is
// replaced by the committer) goes back through a depot that all share, many blocks at a time, past the allocator's lock.
//
// Invariants: a kept block is one of malloc's and may end with free() anywhere; at most kKeptOfClass blocks and kKeptBytesOfClass
//   bytes are kept of one size by a thread, kDepotBytesMax in all by the depot; nothing over kKeptBlockBytesMax is. Threads without
//   one see nothing of it: an idle process pays nothing.
//   Under sanitizers everything goes to their allocator, which must see each use after its end.
// Threads: bound to the one that made it. Ownership: of what is kept; it goes to the depot with this. One a thread.
#pragma once
#include <cstddef>

namespace keelson::base {

inline constexpr std::size_t kKeptBlockBytesMax = 20u << 10;   // OpenSSL's buffers of a record, 17 KiB, among them
inline constexpr std::size_t kKeptBytesOfClass = 128u << 10;
inline constexpr std::size_t kKeptOfClass = 1024;
inline constexpr std::size_t kDepotBytesMax = 2u << 20;
/// Blocks go to the depot and come from there by so many, or so many bytes.
inline constexpr std::size_t kTrayBlocks = 32, kTrayBytes = 16u << 10;
inline constexpr std::size_t kEmptyTraysMax = 64;

class KeptMemory {
 public:
  KeptMemory();
  ~KeptMemory();
  KeptMemory(const KeptMemory&) = delete;
  KeptMemory& operator=(const KeptMemory&) = delete;
};

/// What this thread keeps goes to the depot, or where that is full back to the allocator: it will not be at work for a while.
void drop_kept_memory() noexcept;
/// What the depot has goes back to the allocator.
void empty_depot() noexcept;

/// malloc, realloc and free for C libraries that let themselves be given such: they use what the thread keeps.
void* take_memory(std::size_t bytes) noexcept;
void* resize_memory(void* block, std::size_t bytes) noexcept;
void give_memory(void* block) noexcept;

}  // namespace keelson::base

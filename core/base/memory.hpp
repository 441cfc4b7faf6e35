// Memory of the process as a whole. Its allocator is gperftools' tcmalloc: threads keep what they free, what one thread allocates and
// another frees comes back to the first by many blocks at a time. Under sanitizers it is theirs.
//
// Threads: any. Ownership: none. Errors: none.
#pragma once
#include <cstddef>

namespace keelson::base {

/// Gives what was freed back to the system, and code and constants back to the page cache, from where the next use maps them again
/// (a fault for 64 KiB): after work that needed much more than what goes on does. Takes about a millisecond.
void give_back_memory();

/// What the program has allocated and not freed yet.
std::size_t allocated_bytes();

/// The heap beyond this is asked for in huge pages, in steps of kHeapStepBytes or more: a server full of objects is slowed down by its
/// page tables. One at rest stays below and pays nothing.
inline constexpr std::size_t kSmallHeapBytes = 16u << 20;
inline constexpr std::size_t kHeapStepBytes = 8u << 20;
/// From now on. Before there are threads.
void use_huge_pages();

}  // namespace keelson::base

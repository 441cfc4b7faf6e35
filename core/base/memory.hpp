// Memory of the process as a whole.
//
// Threads: any.
#pragma once
#include <atomic>
#include <cstdint>

namespace keelson::base {

/// Gives what was freed back to the system, and code and constants back to the page cache, from where the next use maps them again
/// (a fault for 64 KiB): after work that needed much more than what goes on does. Takes about a millisecond.
void give_back_memory();

/// Fewer of the allocator's arenas than it would make, one for two processors: what one thread allocates and another frees then
/// mostly stays in one, and the first grows by steps of its own instead of by pages. Before there are threads.
void keep_few_arenas();

/// What the heap has grown by beyond this since it was started is asked for in huge pages, in steps of kHeapStepBytes: a server full of
/// objects is slowed down by its page tables. One at rest stays below and pays nothing.
inline constexpr std::size_t kSmallHeapBytes = 16u << 20;
inline constexpr std::size_t kHeapStepBytes = 8u << 20;
/// From now on, with note_allocated(). Before there are threads.
void use_huge_pages();

/// Where the next step begins; no address at all before use_huge_pages().
extern std::atomic<std::uintptr_t> heap_step;
void advise_heap();
/// Told of each block that came from the allocator.
inline void note_allocated(const void* block) {
  constexpr std::uintptr_t kHeapSpanBytes = std::uintptr_t(1) << 36;   // mapped blocks lie further up
  if (reinterpret_cast<std::uintptr_t>(block) - heap_step.load(std::memory_order_relaxed) < kHeapSpanBytes) [[unlikely]] advise_heap();
}

}  // namespace keelson::base

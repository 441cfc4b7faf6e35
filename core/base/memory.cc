#include "core/base/memory.hpp"

#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>

namespace keelson::base {
namespace {

constinit std::mutex steps;

std::uintptr_t heap_end() { return reinterpret_cast<std::uintptr_t>(::sbrk(0)); }

}  // namespace

constinit std::atomic<std::uintptr_t> heap_step{UINTPTR_MAX};

void give_back_memory() { ::malloc_trim(0); }

void keep_few_arenas() {
  static constexpr long kProcessorsPerArena = 2;
  ::mallopt(M_ARENA_MAX, static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN) / kProcessorsPerArena)));
}

void use_huge_pages() { heap_step = heap_end() + kSmallHeapBytes; }

// Huge pages are given where all of one lies in the mapping when it is first touched: hence the larger steps.
void advise_heap() {
  const std::unique_lock lock(steps, std::try_to_lock);
  if (!lock) return;
  ::mallopt(M_TOP_PAD, static_cast<int>(kHeapStepBytes));
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto from = heap_step.load() / page * page, to = heap_end();
  if (from >= to) return;   // somebody else was first
  ::madvise(reinterpret_cast<void*>(from), to - from, MADV_HUGEPAGE);
  heap_step = to;
}

}  // namespace keelson::base

#include "core/base/memory.hpp"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <mutex>
#include <span>
#include <string_view>

#include "core/base/kept_memory.hpp"

namespace keelson::base {
namespace {

constinit std::mutex steps;

std::uintptr_t heap_end() { return reinterpret_cast<std::uintptr_t>(::sbrk(0)); }

/// Of one loaded file what cannot have been written to: its pages are the file's.
int unmap_what_is_only_read(dl_phdr_info* file, std::size_t, void*) {
  static const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  if (std::string_view(file->dlpi_name).starts_with("linux-vdso")) return 0;
  for (const auto& segment : std::span(file->dlpi_phdr, file->dlpi_phnum)) {
    if (segment.p_type != PT_LOAD || (segment.p_flags & PF_W) != 0) continue;
    const auto from = (file->dlpi_addr + segment.p_vaddr) / page * page, to = (file->dlpi_addr + segment.p_vaddr + segment.p_memsz + page - 1) / page * page;
    ::madvise(reinterpret_cast<void*>(from), to - from, MADV_DONTNEED);
  }
  return 0;
}

}  // namespace

constinit std::atomic<std::uintptr_t> heap_step{UINTPTR_MAX};

// Most of what a start maps it needs once; the kernel maps sixteen pages around each that is touched.
void give_back_memory() {
  empty_depot();
  ::malloc_trim(0);
  ::dl_iterate_phdr(unmap_what_is_only_read, nullptr);
}

void keep_few_arenas() {
  static constexpr long kProcessorsPerArena = 2;
  ::mallopt(M_ARENA_MAX, static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN) / kProcessorsPerArena)));
}

void use_huge_pages() { heap_step = heap_end() + kSmallHeapBytes; }

// Huge pages are given where all of one lies in the mapping when it is first touched: hence the larger steps.
void advise_heap() {
  const std::unique_lock lock(steps, std::try_to_lock);
  if (!lock) return;
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto from = heap_step.load() / page * page, to = heap_end();
  if (from >= to) return;   // somebody else was first, or the block is from elsewhere
  ::mallopt(M_TOP_PAD, static_cast<int>(kHeapStepBytes));
  ::madvise(reinterpret_cast<void*>(from), to - from, MADV_HUGEPAGE);
  heap_step = to;
}

}  // namespace keelson::base

#include "core/base/memory.hpp"

#include <link.h>
#include <malloc.h>
#include <sys/mman.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <span>
#include <string_view>

#ifdef KEELSON_TCMALLOC
#include <gperftools/malloc_extension.h>
#endif

namespace keelson::base {
namespace {

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

#ifdef KEELSON_TCMALLOC

constexpr std::size_t kHugePageBytes = 2u << 20;

constexpr std::size_t kStepsMax = 4096;   ///< that are remembered

constexpr std::size_t rounded_up(std::size_t bytes, std::size_t to) { return (bytes + to - 1) / to * to; }

/// Where the allocator gets memory from. Threads: it asks under a lock of its own.
class HugePages final : public SysAllocator {
 public:
  explicit HugePages(SysAllocator* at_first) : at_first_(at_first) {}

  void* Alloc(std::size_t bytes, std::size_t* given_bytes, std::size_t alignment) override {
    if (taken_ + bytes > kSmallHeapBytes)
      if (void* const step = huge_step(rounded_up(std::max(bytes, kHeapStepBytes), kHugePageBytes), std::max(alignment, kHugePageBytes), given_bytes)) return step;
    void* const block = at_first_->Alloc(bytes, given_bytes, alignment);
    if (block) taken_ += given_bytes ? *given_bytes : bytes;
    return block;
  }

  /// The system fills a huge page up again in which anything is left, though the rest was given back: it is not to, from now on.
  void stop_filling_up() {
    for (const auto& step : std::span(steps_).first(steps_taken_.load(std::memory_order_acquire))) ::madvise(step.data(), step.size(), MADV_NOHUGEPAGE);
  }

 private:
  /// Huge pages are given where all of one lies in the mapping when it is first touched.
  void* huge_step(std::size_t bytes, std::size_t alignment, std::size_t* given_bytes) {
    if (bytes > SIZE_MAX - alignment) return nullptr;
    void* const mapped = ::mmap(nullptr, bytes + alignment, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (mapped == MAP_FAILED) return nullptr;
    const auto begin = reinterpret_cast<std::uintptr_t>(mapped), from = rounded_up(begin, alignment), to = from + bytes;
    if (from > begin) ::munmap(mapped, from - begin);
    if (const auto end = begin + bytes + alignment; end > to) ::munmap(reinterpret_cast<void*>(to), end - to);
    auto* const step = reinterpret_cast<std::byte*>(from);
    ::madvise(step, bytes, MADV_HUGEPAGE);
    if (const auto taken = steps_taken_.load(std::memory_order_relaxed); taken < kStepsMax) {
      steps_[taken] = {step, bytes};
      steps_taken_.store(taken + 1, std::memory_order_release);
    }
    if (given_bytes) *given_bytes = bytes;
    return step;
  }

  SysAllocator* const at_first_;
  std::size_t taken_ = 0;   ///< in small pages
  std::array<std::span<std::byte>, kStepsMax> steps_{};
  std::atomic<std::size_t> steps_taken_{0};
};

HugePages* huge_pages = nullptr;   // never ends: exit frees memory, too

void give_back_heap() {
  if (huge_pages) huge_pages->stop_filling_up();
  MallocExtension::instance()->ReleaseFreeMemory();
}

#else

void give_back_heap() { ::malloc_trim(0); }

#endif

}  // namespace

// Most of what a start maps it needs once; the kernel maps sixteen pages around each that is touched.
void give_back_memory() {
  give_back_heap();
  ::dl_iterate_phdr(unmap_what_is_only_read, nullptr);
}

#ifdef KEELSON_TCMALLOC

std::size_t allocated_bytes() {
  std::size_t bytes = 0;
  MallocExtension::instance()->GetNumericProperty("generic.current_allocated_bytes", &bytes);
  return bytes;
}

void use_huge_pages() {
  auto* const allocator = MallocExtension::instance();
  huge_pages = new HugePages(allocator->GetSystemAllocator());
  allocator->SetSystemAllocator(huge_pages);
}

#else

std::size_t allocated_bytes() { return ::mallinfo2().uordblks; }
void use_huge_pages() {}

#endif

}  // namespace keelson::base

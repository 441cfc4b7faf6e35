#include "core/base/kept_memory.hpp"

#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

namespace keelson::base {
KeptMemory::KeptMemory() = default;
KeptMemory::~KeptMemory() {}
void drop_kept_memory() noexcept {}
void* take_memory(std::size_t bytes) noexcept { return std::malloc(bytes); }
void* resize_memory(void* block, std::size_t bytes) noexcept { return std::realloc(block, bytes); }
void give_memory(void* block) noexcept { std::free(block); }
}  // namespace keelson::base

#else

#include <malloc.h>

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <new>

#include "core/base/memory.hpp"

namespace keelson::base {
namespace {

// The allocator's blocks come in units of 16 bytes, 8 of them its own. Up to kExactUnits a class holds blocks of one size; above
// that there are kStepsADoubling classes between two powers of two, each with what is at least as large as its lower end.
constexpr std::size_t kUnitBytes = 16, kOwnBytes = 8;
constexpr std::size_t kExactUnits = 64;
constexpr std::size_t kStepsADoubling = 8;

constexpr std::size_t units_of(std::size_t bytes) { return std::max<std::size_t>((bytes + kOwnBytes + kUnitBytes - 1) / kUnitBytes, 2); }

constexpr std::size_t class_of(std::size_t units) {
  if (units < kExactUnits) return units;
  const auto doublings = static_cast<std::size_t>(std::bit_width(units) - std::bit_width(kExactUnits));
  const std::size_t step = units >> (doublings + static_cast<std::size_t>(std::bit_width(kExactUnits) - std::bit_width(kStepsADoubling)));
  return kExactUnits + doublings * kStepsADoubling + step - kStepsADoubling;
}

constexpr std::size_t kUnitsMax = units_of(kKeptBlockBytesMax);
constexpr std::size_t kClasses = class_of(kUnitsMax) + 2;   // one more, which stays empty, for the look above the last

// Written into a kept block.
struct Block {
  Block* next;
  std::size_t units;
};

struct List {
  Block* first = nullptr;
  std::uint32_t count = 0;
};

struct Lists {
  std::array<List, kClasses> classes{};

  void* take(std::size_t units) {
    const std::size_t lower = class_of(units);
    List* list = &classes[lower];
    if (units >= kExactUnits && (!list->first || list->first->units < units)) list = &classes[lower + 1];
    Block* const block = list->first;
    if (!block) return nullptr;
    list->first = block->next;
    --list->count;
    return block;
  }

  void drop() {
    for (List& list : classes) {
      while (Block* const block = list.first) {
        list.first = block->next;
        std::free(block);
      }
      list.count = 0;
    }
  }

  bool give(void* at, std::size_t units) {
    List& list = classes[class_of(units)];
    if (list.count >= kKeptOfClass || list.count * units * kUnitBytes >= kKeptBytesOfClass) return false;
    list.first = ::new (at) Block{list.first, units};
    ++list.count;
    return true;
  }
};

constinit thread_local Lists* kept = nullptr;

void* take_kept(std::size_t bytes) noexcept {
  Lists* const lists = kept;
  if (!lists) return nullptr;
  const std::size_t units = units_of(bytes);
  return units <= kUnitsMax ? lists->take(units) : nullptr;
}

void* allocate(std::size_t bytes) {
  for (;;) {
    if (void* const block = std::malloc(bytes)) return note_allocated(block), block;
    const auto handler = std::get_new_handler();
    if (!handler) throw std::bad_alloc();
    handler();
  }
}

}  // namespace

KeptMemory::KeptMemory() { kept = new Lists; }

KeptMemory::~KeptMemory() {
  Lists* const lists = kept;
  kept = nullptr;
  lists->drop();
  delete lists;
}

void drop_kept_memory() noexcept {
  if (kept) kept->drop();
}

void* take_memory(std::size_t bytes) noexcept {
  void* const block = take_kept(bytes);
  return block ? block : std::malloc(bytes);
}

void* resize_memory(void* block, std::size_t bytes) noexcept { return std::realloc(block, bytes); }

void give_memory(void* block) noexcept { ::operator delete(block); }

}  // namespace keelson::base

// The forms for arrays and without exceptions end in these.
void* operator new(std::size_t bytes) {
  using namespace keelson::base;
  void* const block = take_kept(bytes);
  return block ? block : allocate(bytes);
}

void operator delete(void* block, std::size_t bytes) noexcept {
  using namespace keelson::base;
  if (Lists* const lists = kept; lists && block) {
    const std::size_t units = units_of(bytes);
    if (units <= kUnitsMax && lists->give(block, units)) return;
  }
  std::free(block);
}

void operator delete(void* block) noexcept {
  using namespace keelson::base;
  if (kept && block) return ::operator delete(block, ::malloc_usable_size(block));
  std::free(block);
}

#endif

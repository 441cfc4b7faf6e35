#include "core/base/kept_memory.hpp"

#include <cstdlib>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)

namespace keelson::base {
KeptMemory::KeptMemory() = default;
KeptMemory::~KeptMemory() {}
void drop_kept_memory() noexcept {}
void empty_depot() noexcept {}
void* take_memory(std::size_t bytes) noexcept { return std::malloc(bytes); }
void* resize_memory(void* block, std::size_t bytes) noexcept { return std::realloc(block, bytes); }
void give_memory(void* block) noexcept { std::free(block); }
}  // namespace keelson::base

#else

#include <malloc.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <bit>
#include <cstdint>
#include <mutex>
#include <new>
#include <numeric>
#include <utility>

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

/// The least that a block of each class has, in units.
constexpr auto kLeastUnits = [] {
  std::array<std::size_t, kClasses> least{};
  for (std::size_t units = kUnitsMax; units > 0; --units) least[class_of(units)] = units;
  return least;
}();

constexpr std::size_t blocks_of_tray(std::size_t in_class) {
  return std::clamp<std::size_t>(kTrayBytes / kUnitBytes / std::max<std::size_t>(kLeastUnits[in_class], 1), 1, kTrayBlocks);
}

// Who takes a block from here reads nothing of it: it lies in the cache of the processor that freed it, and whoever asked for it
// only writes to it.
struct Tray {
  Tray* next = nullptr;
  std::uint32_t count = 0, all_units = 0;   // all_units: of one that was set aside
  std::array<std::uint16_t, kTrayBlocks> units;
  std::array<void*, kTrayBlocks> blocks;
};

void free_blocks(Tray* tray) {
  for (; tray->count > 0; --tray->count) std::free(tray->blocks[tray->count - 1]);
}

/// Trays that hang together.
class Shelf {
 public:
  void put(Tray* tray) {
    const std::lock_guard lock(mutex_);
    tray->next = first_.load(std::memory_order_relaxed);
    first_.store(tray, std::memory_order_relaxed);
  }
  Tray* take() {
    if (!first_.load(std::memory_order_relaxed)) return nullptr;   // mostly, and that needs no lock
    const std::lock_guard lock(mutex_);
    Tray* const tray = first_.load(std::memory_order_relaxed);
    if (tray) first_.store(tray->next, std::memory_order_relaxed);
    return tray;
  }

 private:
  std::mutex mutex_;
  std::atomic<Tray*> first_{nullptr};
};

/// Trays on their way from threads that free to threads that allocate, by class, and empty ones on their way back.
class Depot {
 public:
  /// False: it is full.
  bool put(std::size_t in_class, Tray* tray) {
    if (units_.fetch_add(tray->all_units, std::memory_order_relaxed) + tray->all_units > kDepotBytesMax / kUnitBytes) {
      units_.fetch_sub(tray->all_units, std::memory_order_relaxed);
      return false;
    }
    shelves_[in_class].put(tray);
    return true;
  }

  Tray* take(std::size_t in_class) {
    Tray* const tray = shelves_[in_class].take();
    if (tray) units_.fetch_sub(tray->all_units, std::memory_order_relaxed);
    return tray;
  }

  Tray* empty_tray() noexcept {
    if (Tray* const tray = empty_.take()) {
      empty_count_.fetch_sub(1, std::memory_order_relaxed);
      return tray;
    }
    void* const at = std::malloc(sizeof(Tray));
    return at ? ::new (at) Tray : nullptr;
  }

  void give_back(Tray* tray) noexcept {
    if (empty_count_.fetch_add(1, std::memory_order_relaxed) < kEmptyTraysMax) return empty_.put(tray);
    empty_count_.fetch_sub(1, std::memory_order_relaxed);
    std::free(tray);
  }

  void free_empty() {
    while (Tray* const tray = empty_.take()) {
      empty_count_.fetch_sub(1, std::memory_order_relaxed);
      std::free(tray);
    }
  }

 private:
  std::array<Shelf, kClasses> shelves_{};
  std::atomic<std::size_t> units_{0};
  Shelf empty_{};
  std::atomic<std::size_t> empty_count_{0};
};

constinit Depot depot;

/// What a thread keeps of a class: a tray that is filled and emptied, and full ones.
class List {
 public:
  /// Null: nothing, or what comes first is too small.
  void* take(std::size_t in_class, std::size_t units) {
    if ((!tray_ || tray_->count == 0) && !refill(in_class)) return nullptr;
    const auto last = tray_->count - 1;
    if (tray_->units[last] < units) return nullptr;
    tray_->count = last;
    if (last > 0) __builtin_prefetch(tray_->blocks[last - 1], 1);
    return tray_->blocks[last];
  }

  void give(std::size_t in_class, void* block, std::size_t units) {
    if (tray_ && tray_->count == blocks_of_tray(in_class)) set_aside(in_class);
    if (!tray_ && !(tray_ = depot.empty_tray())) return std::free(block);
    tray_->units[tray_->count] = static_cast<std::uint16_t>(units);
    tray_->blocks[tray_->count++] = block;
  }

  void drop(std::size_t in_class) {
    if (tray_ && tray_->count == 0) depot.give_back(std::exchange(tray_, nullptr));
    if (tray_) hand_on(in_class, counted());
    while (full_) hand_on(in_class, std::exchange(full_, full_->next));
    full_units_ = 0;
  }

 private:
  bool refill(std::size_t in_class) {
    Tray* next = full_;
    if (next) {
      full_ = next->next;
      full_units_ -= next->all_units;
    } else if (!(next = depot.take(in_class))) {
      return false;
    }
    if (tray_) depot.give_back(tray_);
    tray_ = next;
    return true;
  }

  static void hand_on(std::size_t in_class, Tray* tray) {
    if (depot.put(in_class, tray)) return;
    free_blocks(tray);
    depot.give_back(tray);
  }

  Tray* counted() {
    Tray* const tray = std::exchange(tray_, nullptr);
    tray->all_units = std::accumulate(tray->units.begin(), tray->units.begin() + tray->count, std::uint32_t{0});
    return tray;
  }

  void set_aside(std::size_t in_class) {
    Tray* const tray = counted();
    const std::size_t blocks_most = kKeptOfClass * kLeastUnits[in_class];
    if (full_units_ + tray->all_units >= std::min(blocks_most, kKeptBytesOfClass / kUnitBytes)) return hand_on(in_class, tray);
    tray->next = std::exchange(full_, tray);
    full_units_ += tray->all_units;
  }

  Tray *tray_ = nullptr, *full_ = nullptr;
  std::size_t full_units_ = 0;
};

struct Lists {
  std::array<List, kClasses> classes{};

  void* take(std::size_t units) {
    const std::size_t lower = class_of(units);
    if (void* const block = classes[lower].take(lower, units)) return block;
    return units < kExactUnits ? nullptr : classes[lower + 1].take(lower + 1, units);
  }

  void drop() {
    for (std::size_t in_class = 0; in_class < kClasses; ++in_class) classes[in_class].drop(in_class);
  }

  void give(void* at, std::size_t units) {
    const std::size_t in_class = class_of(units);
    classes[in_class].give(in_class, at, units);
  }
};

constinit thread_local Lists lists_here;
constinit thread_local Lists* kept = nullptr;   // null: no KeptMemory lives

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

KeptMemory::KeptMemory() { kept = &lists_here; }

KeptMemory::~KeptMemory() { std::exchange(kept, nullptr)->drop(); }

void drop_kept_memory() noexcept {
  if (kept) kept->drop();
}

void empty_depot() noexcept {
  for (std::size_t in_class = 0; in_class < kClasses; ++in_class)
    while (Tray* const tray = depot.take(in_class)) {
      free_blocks(tray);
      depot.give_back(tray);
    }
  depot.free_empty();
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
    if (units <= kUnitsMax) return lists->give(block, units);
  }
  std::free(block);
}

void operator delete(void* block) noexcept {
  using namespace keelson::base;
  if (kept && block) return ::operator delete(block, ::malloc_usable_size(block));
  std::free(block);
}

#endif

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

// Written into a kept block; the smallest has room for three words. Blocks hang together in chains, and chains by their first ones.
struct Block {
  Block* next;
  std::uint32_t units;
  std::uint16_t chain_units, chain_blocks;   // of a whole chain
  Block* next_chain;
};

void free_chain(Block* block) {
  while (block) std::free(std::exchange(block, block->next));
}

/// Chains on their way from threads that free to threads that allocate, by class.
class Depot {
 public:
  /// False: it is full.
  bool put(std::size_t in_class, Block* chain) {
    if (units_.fetch_add(chain->chain_units, std::memory_order_relaxed) + chain->chain_units > kDepotBytesMax / kUnitBytes) {
      units_.fetch_sub(chain->chain_units, std::memory_order_relaxed);
      return false;
    }
    Shelf& shelf = shelves_[in_class];
    const std::lock_guard lock(shelf.mutex);
    chain->next_chain = shelf.first.load(std::memory_order_relaxed);
    shelf.first.store(chain, std::memory_order_relaxed);
    return true;
  }

  Block* take(std::size_t in_class) {
    Shelf& shelf = shelves_[in_class];
    if (!shelf.first.load(std::memory_order_relaxed)) return nullptr;   // mostly, and that needs no lock
    const std::lock_guard lock(shelf.mutex);
    Block* const chain = shelf.first.load(std::memory_order_relaxed);
    if (!chain) return nullptr;
    shelf.first.store(chain->next_chain, std::memory_order_relaxed);
    units_.fetch_sub(chain->chain_units, std::memory_order_relaxed);
    return chain;
  }

 private:
  struct Shelf {
    std::mutex mutex;
    std::atomic<Block*> first{nullptr};
  };
  std::array<Shelf, kClasses> shelves_{};
  std::atomic<std::size_t> units_{0};
};

constinit Depot depot;

/// What a thread keeps of a class: a chain that grows and shrinks, and whole ones.
class List {
 public:
  /// Null: nothing, or what comes first is too small.
  void* take(std::size_t in_class, std::size_t units) {
    if (!first_ && !refill(in_class)) return nullptr;
    Block* const block = first_;
    if (block->units < units) return nullptr;
    first_ = block->next;
    first_units_ -= block->units;
    --first_blocks_;
    return block;
  }

  void give(std::size_t in_class, void* at, std::size_t units) {
    if (first_blocks_ == kChainBlocks || (first_ && (first_units_ + units) * kUnitBytes > kChainBytes)) set_aside(in_class);
    first_ = ::new (at) Block{first_, static_cast<std::uint32_t>(units), 0, 0, nullptr};
    first_units_ += static_cast<std::uint32_t>(units);
    ++first_blocks_;
  }

  void drop(std::size_t in_class) {
    if (first_) hand_on(in_class, end_chain());
    while (chains_) hand_on(in_class, std::exchange(chains_, chains_->next_chain));
    chains_units_ = chains_blocks_ = 0;
  }

 private:
  bool refill(std::size_t in_class) {
    if (Block* const own = chains_) {
      chains_ = own->next_chain;
      chains_units_ -= own->chain_units;
      chains_blocks_ -= own->chain_blocks;
      first_ = own;
    } else {
      first_ = depot.take(in_class);
    }
    if (!first_) return false;
    first_units_ = first_->chain_units;
    first_blocks_ = first_->chain_blocks;
    return true;
  }

  static void hand_on(std::size_t in_class, Block* chain) {
    if (!depot.put(in_class, chain)) free_chain(chain);
  }

  Block* end_chain() {
    Block* const chain = std::exchange(first_, nullptr);
    chain->chain_units = static_cast<std::uint16_t>(std::exchange(first_units_, 0));
    chain->chain_blocks = static_cast<std::uint16_t>(std::exchange(first_blocks_, 0));
    return chain;
  }

  void set_aside(std::size_t in_class) {
    Block* const chain = end_chain();
    if (chains_blocks_ + kChainBlocks >= kKeptOfClass || chains_units_ * kUnitBytes + kChainBytes >= kKeptBytesOfClass) return hand_on(in_class, chain);
    chain->next_chain = std::exchange(chains_, chain);
    chains_units_ += chain->chain_units;
    chains_blocks_ += chain->chain_blocks;
  }

  Block *first_ = nullptr, *chains_ = nullptr;
  std::uint32_t first_units_ = 0, first_blocks_ = 0, chains_units_ = 0, chains_blocks_ = 0;
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
    while (Block* const chain = depot.take(in_class)) free_chain(chain);
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

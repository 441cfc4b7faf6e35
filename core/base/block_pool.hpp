// BlockPool: memory for what every request makes once and drops soon: its call, its parser, its transaction. Each thread
// keeps some blocks of a size and hands them out again, where the allocator would merge and split them each time.
//
// Invariants: a thread keeps at most kBlocksKept blocks of each size; larger ones than kBlockBytesMax come from the
//   allocator, and so does everything under sanitizers, which must see each use after its end.
// Threads: any; a block that another thread gives back stays with that one. Ownership: of kept blocks, until the thread ends.
#pragma once
#include <cstddef>
#include <new>

namespace keelson::base {

inline constexpr std::size_t kBlockBytesMax = 2048;
inline constexpr std::size_t kBlocksKept = 64;

void* take_block(std::size_t bytes);
/// `bytes` as it was taken with.
void give_block(void* block, std::size_t bytes) noexcept;

/// A base for classes whose objects live in blocks; for derived classes with a virtual destructor, too.
struct InBlock {
  static void* operator new(std::size_t bytes) { return take_block(bytes); }
  static void operator delete(void* block, std::size_t bytes) noexcept { give_block(block, bytes); }
};

/// For std::allocate_shared.
template <class T>
struct BlockAllocator {
  using value_type = T;
  BlockAllocator() = default;
  template <class U>
  BlockAllocator(const BlockAllocator<U>&) noexcept {}
  T* allocate(std::size_t count) { return static_cast<T*>(take_block(count * sizeof(T))); }
  void deallocate(T* at, std::size_t count) noexcept { give_block(at, count * sizeof(T)); }
  template <class U>
  bool operator==(const BlockAllocator<U>&) const noexcept {
    return true;
  }
};

}  // namespace keelson::base

#include "core/base/block_pool.hpp"

#include <array>
#include <vector>

namespace keelson::base {
namespace {

constexpr std::size_t kStepBytes = 256;   // blocks come in multiples of this

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kPooled = false;
#else
constexpr bool kPooled = true;
#endif

struct Kept {
  std::array<std::vector<void*>, kBlockBytesMax / kStepBytes> sizes;
  ~Kept();
};

// Null before the thread's first block and after its last: objects may outlive it.
thread_local Kept* kept = nullptr;
thread_local bool ended = false;

Kept* mine() {
  if (kept || ended) return kept;
  thread_local Kept owner;
  return kept = &owner;
}

Kept::~Kept() {
  kept = nullptr;
  ended = true;
  for (auto& blocks : sizes)
    for (void* block : blocks) ::operator delete(block);
}

std::size_t step_of(std::size_t bytes) { return bytes == 0 ? 0 : (bytes - 1) / kStepBytes; }

}  // namespace

void* take_block(std::size_t bytes) {
  if (!kPooled || bytes > kBlockBytesMax) return ::operator new(bytes);
  const std::size_t step = step_of(bytes);
  Kept* const here = mine();
  if (!here || here->sizes[step].empty()) return ::operator new((step + 1) * kStepBytes);
  void* const block = here->sizes[step].back();
  here->sizes[step].pop_back();
  return block;
}

void give_block(void* block, std::size_t bytes) noexcept {
  if (!block) return;
  Kept* const here = kPooled && bytes <= kBlockBytesMax ? mine() : nullptr;
  if (!here) return ::operator delete(block);
  auto& blocks = here->sizes[step_of(bytes)];
  if (blocks.capacity() == 0) blocks.reserve(kBlocksKept);
  if (blocks.size() == blocks.capacity()) return ::operator delete(block);
  blocks.push_back(block);
}

}  // namespace keelson::base

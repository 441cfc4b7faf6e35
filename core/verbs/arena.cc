#include "core/verbs/arena.hpp"

#include <mutex>
#include <vector>

namespace keelson::verbs {

class ArenaPool {
 public:
  using Block = std::unique_ptr<unsigned char[]>;
  Block take() {
    {
      const std::lock_guard lock(mutex_);
      if (!blocks_.empty()) {
        Block block = std::move(blocks_.back());
        blocks_.pop_back();
        return block;
      }
    }
    return Block(new unsigned char[kArenaBytes]);
  }
  void give(Block block) {
    const std::lock_guard lock(mutex_);
    if (blocks_.size() < kArenasKeptMax) blocks_.push_back(std::move(block));
  }

 private:
  std::mutex mutex_;
  std::vector<Block> blocks_;
};

std::shared_ptr<ArenaPool> make_arena_pool() { return std::make_shared<ArenaPool>(); }

Arena::Arena(std::shared_ptr<ArenaPool> pool) : pool_(std::move(pool)), block_(pool_->take()), pieces_(block_.get(), kArenaBytes) {}

Arena::~Arena() {
  pieces_.release();
  pool_->give(std::move(block_));
}

}  // namespace keelson::verbs

// Arenas: the memory in which a request's JSON lives, freed as a whole. Their first blocks are kept and used again, because
// a request's arena is freed on another thread than the one that made it, where malloc is slowest.
//
// Invariants: at most kArenasKeptMax blocks are kept. Threads: any; one arena is used by one thread at a time.
// Ownership: values do not count as owners (counting costs more than the values): the Arena must outlive all that is made
//   in it. It shares the pool, so that it may outlive that.
#pragma once
#include <boost/json/monotonic_resource.hpp>
#include <memory>

namespace keelson::verbs {

/// First block of an arena: most requests never ask for a second.
inline constexpr std::size_t kArenaBytes = 16 * 1024;
inline constexpr std::size_t kArenasKeptMax = 64;

class ArenaPool;
std::shared_ptr<ArenaPool> make_arena_pool();

class Arena {
 public:
  explicit Arena(std::shared_ptr<ArenaPool> pool);
  ~Arena();
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;
  boost::json::storage_ptr memory() { return &pieces_; }

 private:
  const std::shared_ptr<ArenaPool> pool_;
  std::unique_ptr<unsigned char[]> block_;
  boost::json::monotonic_resource pieces_;
};

}  // namespace keelson::verbs

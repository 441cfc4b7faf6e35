// What a plugin in the same process tells whoever measures it. Threads: any. Ownership: the one who measures.
#pragma once
#include <array>
#include <atomic>

namespace bench {

inline constexpr std::size_t kSquares = 1000;

struct Board {
  struct Square {
    std::atomic<long> seen{0};
    std::atomic<bool> busy{false};
  };
  std::array<Square, kSquares> squares;
  std::atomic<long> reconciles{0}, twice_at_once{0};
};

}  // namespace bench

#include <malloc.h>

#include <catch2/catch.hpp>
#include <cstring>
#include <new>
#include <set>
#include <thread>
#include <vector>

#include "core/base/kept_memory.hpp"

using namespace keelson;

namespace {

constexpr std::size_t kSizes[] = {0, 1, 24, 25, 100, 1016, 1017, 1400, 2047, 5000, 16000, 17000, 200'000};

// Through a pointer that the compiler can't see through: it may leave out pairs of new and delete otherwise.
void* (*volatile take)(std::size_t) = ::operator new;
void (*volatile give)(void*, std::size_t) = ::operator delete;
void (*volatile give_unsized)(void*) = ::operator delete;

std::vector<void*> take_all(std::size_t bytes, int count) {
  std::vector<void*> blocks;
  for (int i = 0; i < count; ++i) {
    blocks.push_back(take(bytes));
    std::memset(blocks.back(), i, bytes);
  }
  return blocks;
}

void give_all(const std::vector<void*>& blocks, std::size_t bytes) {
  for (void* block : blocks) give(block, bytes);
}

}  // namespace

TEST_CASE("Blocks are large enough, apart from each other, and may be freed with or without their size") {
  const base::KeptMemory kept;
  for (int round = 0; round < 3; ++round)
    for (const std::size_t bytes : kSizes) {
      auto blocks = take_all(bytes, 50);
      CHECK(std::set<void*>(blocks.begin(), blocks.end()).size() == 50);
      for (int i = 0; i < 50; ++i) {
        if (bytes > 0) CHECK(static_cast<unsigned char*>(blocks[static_cast<std::size_t>(i)])[bytes - 1] == i);
        if (i % 2 == 0) give(blocks[static_cast<std::size_t>(i)], bytes);
        else give_unsized(blocks[static_cast<std::size_t>(i)]);
      }
    }
}

TEST_CASE("A block that another thread freed is whole again") {
  std::vector<void*> blocks;
  {
    const base::KeptMemory kept;
    blocks = take_all(1400, 200);
  }
  std::thread([&] {
    const base::KeptMemory kept;
    give_all(blocks, 1400);
    give_all(take_all(1390, 200), 1390);
  }).join();
  give_all(take_all(1400, 200), 1400);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
TEST_CASE("Freed blocks are kept up to a bound, and go back with what kept them") {
  constexpr std::size_t kBytes = 5000, kLarge = base::kKeptBlockBytesMax + 100;
  const auto in_use = [] { return ::mallinfo2().uordblks; };
  std::thread([&] {
    const auto before = in_use();
    {
      const base::KeptMemory kept;
      give_all(take_all(kBytes, 20), kBytes);
      CHECK(in_use() >= before + 20 * kBytes);
      const auto few = in_use();
      give_all(take_all(kBytes, 20), kBytes);
      CHECK(in_use() < few + kBytes);
      give_all(take_all(kBytes, 1000), kBytes);
      CHECK(in_use() < before + base::kKeptBytesOfClass + 60'000);
      const auto many = in_use();
      give_all(take_all(kLarge, 20), kLarge);
      CHECK(in_use() < many + kLarge);
    }
    CHECK(in_use() < before + 60'000);
  }).join();
}
#endif

#include <malloc.h>

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <mutex>
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
    base::empty_depot();
    const auto before = in_use();
    {
      const base::KeptMemory kept;
      give_all(take_all(kBytes, 20), kBytes);
      CHECK(in_use() >= before + 20 * kBytes);
      const auto few = in_use();
      give_all(take_all(kBytes, 20), kBytes);
      CHECK(in_use() < few + kBytes);
      give_all(take_all(kBytes, 1000), kBytes);
      CHECK(in_use() < before + base::kKeptBytesOfClass + base::kDepotBytesMax + 60'000);
      const auto many = in_use();
      give_all(take_all(kLarge, 20), kLarge);
      CHECK(in_use() < many + kLarge);
    }
    base::empty_depot();
    CHECK(in_use() < before + 60'000);
  }).join();
}

TEST_CASE("What one thread allocates and another frees comes back to the first, many blocks at a time") {
  constexpr std::size_t kBytes = 100;
  constexpr int kBlocks = 4000;   // more than a thread keeps
  std::vector<void*> blocks;
  std::thread([&] {
    const base::KeptMemory kept;
    blocks = take_all(kBytes, kBlocks);
  }).join();
  std::thread([&] {
    const base::KeptMemory kept;
    give_all(blocks, kBytes);
  }).join();
  const std::set<void*> freed(blocks.begin(), blocks.end());
  std::thread([&] {
    const base::KeptMemory kept;
    const auto again = take_all(kBytes, 1000);
    CHECK(std::count_if(again.begin(), again.end(), [&](void* block) { return freed.count(block) != 0; }) == 1000);
    CHECK(std::set<void*>(again.begin(), again.end()).size() == 1000);
    give_all(again, kBytes);
  }).join();
  base::empty_depot();
}

TEST_CASE("Threads that hand each other blocks find each whole, and the depot ends empty") {
  base::empty_depot();
  const auto before = ::mallinfo2().uordblks;
  {
    std::mutex mutex;
    std::vector<void*> on_the_way;
    std::vector<std::thread> threads;
    for (int thread = 0; thread < 4; ++thread)
      threads.emplace_back([&, thread] {
        const base::KeptMemory kept;
        for (int round = 0; round < 2000; ++round) {
          auto mine = take_all(kSizes[1 + static_cast<std::size_t>(round + thread) % 9] + 8, 8);
          for (void* block : mine) std::memset(block, thread, 8);
          const std::lock_guard lock(mutex);
          mine.swap(on_the_way);
          for (void* block : mine) give_unsized(block);
        }
      });
    for (auto& thread : threads) thread.join();
    for (void* block : on_the_way) give_unsized(block);
  }
  base::empty_depot();
  CHECK(::mallinfo2().uordblks < before + 60'000);
}
#endif

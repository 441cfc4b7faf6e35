#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>
#include <string>
#include <vector>

#include "core/base/memory.hpp"

using namespace keelson;

namespace {

/// Of this process, as /proc says it in `file` under `name`.
long kib_of(const std::string& file, const std::string& name) {
  std::ifstream in("/proc/self/" + file);
  for (std::string line; std::getline(in, line);)
    if (line.starts_with(name + ":")) return std::stol(line.substr(name.size() + 1));
  return -1;
}
long resident_file_kib() { return kib_of("status", "RssFile"); }

constexpr std::size_t kBlocks = 40'000, kBlockBytes = 1'000;

std::vector<std::string> many_blocks(std::size_t count) {
  std::vector<std::string> blocks;
  for (std::size_t i = 0; i < count; ++i) blocks.emplace_back(kBlockBytes, 'x');
  return blocks;
}

}  // namespace

TEST_CASE("what is given back was resident, and everything works as before") {
  std::ostringstream before, after;
  before << 1.5 << ' ' << std::hex << 255;
  const long much = resident_file_kib();
  REQUIRE(much > 0);
  base::give_back_memory();
  const long little = resident_file_kib();
  CHECK(little < much);
  after << 1.5 << ' ' << std::hex << 255;
  CHECK(before.str() == after.str());
  CHECK_THROWS_AS(std::stol("no number"), std::invalid_argument);   // the tables for unwinding are files' pages too
}

#ifndef __SANITIZE_ADDRESS__
#ifndef __SANITIZE_THREAD__

TEST_CASE("what many small blocks took goes back to the system when they are freed and it is asked for") {
  auto blocks = many_blocks(kBlocks);
  const long full = kib_of("status", "RssAnon");
  CHECK(base::allocated_bytes() > kBlocks * kBlockBytes);
  blocks = {};
  base::give_back_memory();
  CHECK(base::allocated_bytes() < kBlocks * kBlockBytes);
  CHECK(full - kib_of("status", "RssAnon") > static_cast<long>(kBlocks * kBlockBytes / 1024 * 3 / 4));
}

TEST_CASE("a large heap lies in huge pages") {
  std::ifstream in("/sys/kernel/mm/transparent_hugepage/enabled");
  std::string modes;
  std::getline(in, modes);
  if (modes.empty() || modes.find("[never]") != std::string::npos) {
    WARN("skipped: this system has no huge pages");
    return;
  }
  base::use_huge_pages();
  const auto blocks = many_blocks(2 * kBlocks);   // more than was freed before
  CHECK(kib_of("smaps_rollup", "AnonHugePages") >= static_cast<long>(base::kHeapStepBytes / 1024));
}

#endif
#endif

#include <catch2/catch.hpp>

#include <fstream>
#include <sstream>
#include <string>

#include "core/base/memory.hpp"

using namespace keelson;

namespace {

/// Of this process, mapped from files and resident.
long resident_file_kib() {
  std::ifstream in("/proc/self/status");
  for (std::string line; std::getline(in, line);)
    if (line.starts_with("RssFile:")) return std::stol(line.substr(8));
  return -1;
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

#include <cstdlib>
#include <string>

#include "tests/fuzz/fuzz.hpp"

namespace keelson::fuzz {

std::vector<Target>& targets() {
  static std::vector<Target> all;
  return all;
}

const Target* find_target(std::string_view name) {
  for (const auto& target : targets())
    if (name == target.name) return &target;
  return nullptr;
}

void must_equal(std::string_view one, std::string_view other, std::string_view what) {
  if (one == other) return;
  std::fprintf(stderr, "broken: %s\n  %s\n  %s\n", std::string(what).c_str(), std::string(one).c_str(), std::string(other).c_str());
  std::abort();
}

}  // namespace keelson::fuzz

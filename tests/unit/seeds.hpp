// How many seeds a random test tries. With sanitizers in it code takes ten times as long; what they look for shows with fewer.
#pragma once
#include <algorithm>

namespace keelson::test {

inline constexpr int kSanitizedShare = 4;

constexpr int seeds(int all) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return std::max(1, all / kSanitizedShare);
#else
  return all;
#endif
}

}  // namespace keelson::test

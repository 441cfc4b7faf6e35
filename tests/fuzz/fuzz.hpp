// Fuzz targets: one function over bytes for every place where bytes come in from outside. The same functions are run by libFuzzer
// (./dev fuzz) and over the corpora by fuzz_replay (./dev test).
//
//   KEELSON_FUZZ(json, bytes) { ... must(holds, "what does not hold"); }
//
// Invariants: a target is a pure function of its bytes and returns for all of them; what it has to say it says by must().
// Threads: one. Errors: must() ends the process; a target that throws has failed.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <utility>
#include <vector>

namespace keelson::fuzz {

struct Target {
  const char* name;
  void (*run)(std::string_view bytes);
};
std::vector<Target>& targets();
const Target* find_target(std::string_view name);

struct Registration {
  Registration(const char* name, void (*run)(std::string_view)) { targets().push_back({name, run}); }
};

inline void must(bool holds, std::string_view what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %.*s\n", static_cast<int>(what.size()), what.data());
  std::abort();
}
/// Both must be the same text.
void must_equal(std::string_view one, std::string_view other, std::string_view what);

/// The first line and the rest, for targets with two operands.
inline std::pair<std::string_view, std::string_view> two(std::string_view bytes) {
  const auto end = bytes.find('\n');
  return end == std::string_view::npos ? std::pair(bytes, std::string_view()) : std::pair(bytes.substr(0, end), bytes.substr(end + 1));
}
/// Takes the first byte, 0 when there is none.
inline unsigned char take(std::string_view& bytes) {
  if (bytes.empty()) return 0;
  const auto first = static_cast<unsigned char>(bytes.front());
  bytes.remove_prefix(1);
  return first;
}

}  // namespace keelson::fuzz

#define KEELSON_FUZZ(name, bytes)                                                            \
  static void fuzz_##name(std::string_view bytes);                                           \
  static const keelson::fuzz::Registration registered_##name(#name, &fuzz_##name);           \
  static void fuzz_##name([[maybe_unused]] std::string_view bytes)

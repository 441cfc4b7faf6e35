// The targets under libFuzzer: $KEELSON_FUZZ names the one to run.
#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "core/base/log.hpp"
#include "tests/fuzz/fuzz.hpp"

namespace {
const keelson::fuzz::Target* chosen = nullptr;
}

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  const char* name = std::getenv("KEELSON_FUZZ");
  chosen = keelson::fuzz::find_target(name == nullptr ? "" : name);
  if (chosen == nullptr) {
    std::fprintf(stderr, "KEELSON_FUZZ must be one of:\n");
    for (const auto& target : keelson::fuzz::targets()) std::fprintf(stderr, "%s\n", target.name);
    std::exit(2);
  }
  keelson::base::set_log_level(keelson::base::LogLevel::error);
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  chosen->run({reinterpret_cast<const char*>(bytes), size});
  return 0;
}

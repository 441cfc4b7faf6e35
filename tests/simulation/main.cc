// simulation: a whole server on virtual time and a simulated disk, a run for each seed.
//
// usage: simulation [--seed N] [--seeds N] [--seconds N]
// One seed alone replays exactly; --seeds and --seconds go on with those that follow it. $KEELSON_PLUGIN_DIR has the controllers.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "core/base/log.hpp"
#include "tests/simulation/run.hpp"

namespace keelson::simulation {
namespace {

struct Options {
  std::uint64_t seed = 0, seeds = 1;
  std::int64_t seconds = 0;
};

/// A directory for the length of the process.
struct Scratch {
  Scratch() {
    auto pattern = (std::filesystem::temp_directory_path() / "keelson-simulation-XXXXXX").string();
    if (const auto* made = ::mkdtemp(pattern.data())) path = made;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!path.empty()) std::filesystem::remove_all(path, ignored);
  }
  std::filesystem::path path;
};

Options options_of(int count, char** arguments) {
  Options options;
  options.seed = base::real_runtime()->random_u64() % 1'000'000'007;
  for (int i = 1; i + 1 < count; i += 2) {
    if (std::strcmp(arguments[i], "--seed") == 0) options.seed = std::stoull(arguments[i + 1]);
    if (std::strcmp(arguments[i], "--seeds") == 0) options.seeds = std::stoull(arguments[i + 1]);
    if (std::strcmp(arguments[i], "--seconds") == 0) options.seconds = std::stoll(arguments[i + 1]);
  }
  return options;
}

int run(int count, char** arguments) {
  base::set_log_level(std::getenv("KEELSON_SIMULATION_LOG") != nullptr ? base::LogLevel::info : base::LogLevel::error);
  const auto options = options_of(count, arguments);
  const char* directory = std::getenv("KEELSON_PLUGIN_DIR");
  const std::string plugins = directory == nullptr ? "." : directory;
  const Scratch scratch;
  const auto clock = base::real_runtime();
  const auto end = clock->in_ms(options.seconds * 1'000);
  std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
  std::fflush(stdout);
  Counts counts;
  std::size_t fingerprint = 0;
  for (std::uint64_t i = 0; options.seconds > 0 ? clock->monotonic_ns() < end : i < options.seeds; ++i) {
    try {
      Run run(options.seed + i, {plugins + "/deployment.so", plugins + "/garbage-collector.so"}, scratch.path.string());
      run.go(counts);
      fingerprint = fingerprint * 31 + run.fingerprint();
    } catch (const std::exception& broken) {
      std::printf("BROKEN by seed %llu: %s\n", static_cast<unsigned long long>(options.seed + i), broken.what());
      return 1;
    }
  }
  std::printf("%zu seeds, %zu steps, %zu cuts, %zu restarts, %zu acknowledged writes, %zu events, %zu reconciles\n", counts.seeds, counts.steps, counts.cuts, counts.restarts, counts.writes,
              counts.events, counts.reconciles);
  std::printf("fingerprint %zx\n", fingerprint);
  return 0;
}

}  // namespace
}  // namespace keelson::simulation

int main(int count, char** arguments) { return keelson::simulation::run(count, arguments); }

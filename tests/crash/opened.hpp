// What the trials share: a store opened on a directory of its own, and giving up.
#pragma once
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <memory>
#include <string>

#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/store/hooks.hpp"
#include "core/store/store.hpp"

namespace keelson::store::crash {

[[noreturn]] inline void give_up(const std::string& why) {
  std::fprintf(stderr, "FAILED: %s\n", why.c_str());
  std::exit(1);
}

inline base::Outcome<std::unique_ptr<Store>> open_store(const std::filesystem::path& directory, rocksdb::Env* env, base::Runtime& runtime, base::Metrics& metrics,
                                                        std::function<void(const std::string&)> fatal = {}) {
  StoreOptions options;
  options.directory = directory;
  options.space_low_bytes = 0;
  auto hooks = std::make_shared<StoreHooks>();
  hooks->env = env;
  hooks->free_bytes = [] { return std::uint64_t{1} << 20; };   // not enough for a ballast, which would be laid with each start
  hooks->fatal = std::move(fatal);
  options.hooks = hooks;
  return open_rocksdb_store(options, runtime, metrics, {});
}

/// A store that has to open.
struct Opened {
  Opened(const std::filesystem::path& directory, rocksdb::Env* env, base::Runtime& runtime) : metrics(base::make_metrics()) {
    auto opened = open_store(directory, env, runtime, *metrics);
    if (!opened) give_up("open: " + opened.error().message);
    store = std::move(*opened);
  }
  std::unique_ptr<base::Metrics> metrics;
  std::unique_ptr<Store> store;
};

struct TemporaryDirectory {
  explicit TemporaryDirectory(base::Runtime& runtime) : path(root() / ("keelson-crash-" + base::uuid_v4(runtime))) {}
  ~TemporaryDirectory() { std::filesystem::remove_all(path); }
  // What the operating system syncs does not matter here: a killed process loses nothing that it wrote.
  static std::filesystem::path root() { return std::filesystem::exists("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path(); }
  const std::filesystem::path path;
};

/// The power is cut at random moments of what writers do to a store; `seconds` 0: at every moment of one run, several ways each.
int run_power(std::uint64_t seed, int seconds);
/// Every input and output call of a scripted run fails once, and then from there on for good; see README.md.
/// `seconds` 0: every place is tried; else as many as there is time for, from a random one on.
int run_faults(std::uint64_t seed, int seconds);
/// Every byte of a small store is changed once, every file cut at every length; the same `seconds`; the first `from` are left out.
int run_corruption(std::uint64_t seed, int seconds, std::size_t from);

}  // namespace keelson::store::crash

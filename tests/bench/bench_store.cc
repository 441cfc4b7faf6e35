// bench_store: what the store costs by itself: CPU per commit, creates per second, start with objects. Figures, never a
// pass or a fail. usage: bench_store [memory|rocksdb] [objects], or: bench_store DIRECTORY, which opens what a server left there (DIR/db)

#include <atomic>
#include <cstdio>
#include <filesystem>

#include "core/base/memory.hpp"
#include "core/base/metrics.hpp"
#include "core/store/store.hpp"
#include "tests/bench/usage.hpp"

namespace keelson::store {
namespace {

using usage::cpu_us;
using usage::resident_bytes;

constexpr std::size_t kBodyBytes = 1024;

Commit create(int number) {
  const Key key{Atom("pods"), "default", "pod-" + std::to_string(number)};
  std::string body = R"({"metadata":{"resourceVersion":")";
  const std::size_t slot = body.size();
  body.append(kRevisionSlotBytes, ' ');
  body += R"(},"text":")";
  for (int i = 0; body.size() < kBodyBytes; ++i) body += std::to_string(number * 31 + i * 7);
  body += "\"}";
  Columns columns;
  columns.key = key;
  columns.uid = "0b9ad6e2-3dc1-4f5e-9d0f-3f2d2a6f1c11";
  columns.labels = {{Atom("app"), "bench"}, {Atom("pod-template-hash"), "6d8f7c"}};
  columns.fields = {"node-1", "Running"};
  Commit commit;
  commit.cause = std::make_shared<const Cause>(Cause{"bench", "0b9ad6e2-3dc1-4f5e-9d0f-3f2d2a6f1c12", 0});
  Write& write = commit.writes.emplace_back();
  write.operation = Operation::create;
  write.key = key;
  write.draft.emplace(std::move(columns), std::move(body), slot);
  commit.expectations.push_back({key, Expectation::Kind::absent, 0});
  return commit;
}

// Keeps `outstanding` commits under way until `count` are done.
void run(base::Runtime& runtime, Store& store, int first, int count, int outstanding) {
  const auto waiter = runtime.waiter();
  std::atomic<int> started{0}, done{0};
  std::function<void()> next = [&] {
    const int number = started++;
    if (number >= count) return;
    store.commit(create(first + number), [&](CommitOutcome outcome) {
      if (!outcome.committed) std::abort();
      if (++done == count) waiter->notify();
      else next();
    });
  };
  const double cpu = cpu_us();
  const base::Monotonic begin = runtime.monotonic_ns();
  for (int i = 0; i < outstanding; ++i) next();
  waiter->wait_until(base::kForever);
  const double seconds = static_cast<double>(runtime.monotonic_ns() - begin) / 1e9;
  std::printf("  %4d under way: %9.0f creates/s  %6.1f us CPU each  resident %ld KiB\n", outstanding, count / seconds, (cpu_us() - cpu) / count, static_cast<long>(resident_bytes() / 1024));
}

std::unique_ptr<Store> opened(base::Runtime& runtime, base::Metrics& metrics, const StoreOptions& options) {
  const double cpu = cpu_us();
  const base::Monotonic begin = runtime.monotonic_ns();
  auto store = options.directory.empty() ? make_memory_store(runtime, metrics) : open_rocksdb_store(options, runtime, metrics, {}).value();
  std::size_t objects = 0;
  for (const Snapshot now = store->snapshot(); const Atom resource : now.resources()) objects += now.count(resource);
  std::printf("  open with %zu objects: %.1f ms, %.1f ms CPU, resident %ld KiB\n", objects, static_cast<double>(runtime.monotonic_ns() - begin) / 1e6, (cpu_us() - cpu) / 1e3, static_cast<long>(resident_bytes() / 1024));
  return store;
}

int bench(const std::string& kind, int objects) {
  const auto runtime = base::real_runtime();
  const auto metrics = base::make_metrics();
  StoreOptions options;
  const auto directory = std::filesystem::temp_directory_path() / ("keelson-bench-" + base::uuid_v4(*runtime));
  if (kind != "memory") options.directory = directory;
  const auto open = [&] { return opened(*runtime, *metrics, options); };
  std::printf("%s\n", kind.c_str());
  auto store = open();
  run(*runtime, *store, 0, 1000, 1);
  if (kind == "rocksdb") {
    store.reset();
    store = open();
  }
  int first = 1000;
  for (const int outstanding : {1, 8, 64, 256}) {
    run(*runtime, *store, first, objects, outstanding);
    first += objects;
  }
  if (kind == "rocksdb") {
    store.reset();
    store = open();
  }
  store.reset();
  std::filesystem::remove_all(directory);
  return 0;
}

int open_only(const std::string& directory) {
  const auto runtime = base::real_runtime();
  const auto metrics = base::make_metrics();
  StoreOptions options;
  options.directory = directory;
  opened(*runtime, *metrics, options);
  return 0;
}

}  // namespace
}  // namespace keelson::store

int main(int count, char** arguments) {
  keelson::base::use_huge_pages();   // as the server does
  const std::string kind = count > 1 ? arguments[1] : "rocksdb";
  if (kind.find('/') != std::string::npos) return keelson::store::open_only(kind);
  return keelson::store::bench(kind, count > 2 ? std::atoi(arguments[2]) : 10'000);
}

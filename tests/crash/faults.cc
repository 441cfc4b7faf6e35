// I/O faults at every call; see README.md.
#include <atomic>

#include "tests/crash/failing_fs.hpp"
#include "tests/crash/opened.hpp"
#include "tests/crash/workload.hpp"

namespace keelson::store::crash {
namespace {

constexpr int kCommits = 12;

struct Run {
  Model acknowledged, shown;
  std::size_t refused = 0;
  bool opened = false;
};

/// The same commits every time, so that the calls come in the same order as far as RocksDB's threads allow.
Run scripted(const std::filesystem::path& directory, rocksdb::Env* env, base::Runtime& runtime, const Model& base, const std::string& where) {
  const auto metrics = base::make_metrics();
  Run run;
  run.acknowledged = run.shown = base;
  std::atomic<bool> ended{false};
  auto store = open_store(directory, env, runtime, *metrics, [&](const std::string&) { ended = true; });
  if (!store) return run;
  run.opened = true;
  std::mt19937_64 random(1);
  for (int i = 0; i < kCommits; ++i) {
    Commit commit = next_commit(**store, i % kWriters, random);
    const auto removed = removals_of(commit);
    const bool was_over = ended;
    auto outcome = committed(**store, runtime, std::move(commit));
    if (!outcome) give_up(where + ": commit " + std::to_string(i) + " was never answered");
    if (outcome->mismatch) give_up(where + ": an expectation does not hold that held a moment ago");
    if (outcome->error) ++run.refused;
    else if (was_over) give_up(where + ": a write was acknowledged after the end");
    else for (const auto& [name, known] : acknowledged_by(removed, *outcome->committed)) run.acknowledged[name] = known;
  }
  run.shown = state_of(**store);
  (*store)->stop();
  return run;
}

Model living(Model model) {
  std::erase_if(model, [](const auto& entry) { return entry.second.text.empty(); });
  return model;
}

const char* name_of(Fault fault) { return fault == Fault::io_error ? "EIO" : fault == Fault::no_space ? "ENOSPC" : "a short write"; }

struct Trials {
  base::Runtime& runtime;
  std::filesystem::path before;   ///< what every trial begins with
  Model base;
  Revision since = 0;
  std::size_t refused_to_open = 0, refused_writes = 0;

  /// False: there are no calls left to fail.
  bool one(const FaultPlan& plan) {
    const std::string where = std::string(name_of(plan.fault)) + " at call " + std::to_string(plan.at) + (plan.for_good ? " and after" : "");
    const TemporaryDirectory directory(runtime);
    std::filesystem::copy(before, directory.path, std::filesystem::copy_options::recursive);
    const auto fs = std::make_shared<FailingFs>(plan);
    const auto env = rocksdb::NewCompositeEnv(fs);
    const Run run = scripted(directory.path, env.get(), runtime, base, where);
    if (fs->failed() == 0) return false;
    refused_to_open += !run.opened;
    refused_writes += run.refused;
    if (run.opened && run.shown != living(run.acknowledged)) give_up(where + ": what was shown is not what was acknowledged");
    judge(directory.path, run, where);
    return true;
  }

  void judge(const std::filesystem::path& directory, const Run& run, const std::string& where) {
    const Opened on(directory, nullptr, runtime);
    if (auto wrong = verify(*on.store, run.acknowledged, base, since); !wrong.empty()) give_up(where + ": " + wrong);
    std::mt19937_64 random(2);
    const auto outcome = committed(*on.store, runtime, next_commit(*on.store, 0, random));
    if (!outcome || !outcome->committed) give_up(where + ": no write is taken after the next start");
  }
};

}  // namespace

int run_faults(std::uint64_t seed, int seconds) {
  const auto runtime = base::real_runtime();
  const TemporaryDirectory start(*runtime);
  Trials trials{*runtime, start.path, {}, 0};
  {
    const Opened on(start.path, nullptr, *runtime);
    std::mt19937_64 random(7);
    for (int i = 0; i < kCommits; ++i)
      if (const auto outcome = committed(*on.store, *runtime, next_commit(*on.store, i % kWriters, random)); !outcome || !outcome->committed) give_up("the beginning failed");
    trials.base = state_of(*on.store);
    trials.since = on.store->snapshot().revision();
    on.store->stop();
  }
  std::vector<FaultPlan> kinds;
  for (const auto fault : {Fault::io_error, Fault::no_space, Fault::short_write})
    for (const bool for_good : {false, true}) kinds.push_back({0, fault, for_good});
  const auto end = seconds == 0 ? base::kForever : runtime->in_ms(seconds * 1000);
  const std::uint64_t stride = seconds == 0 ? 1 : 11;   // the places in between come with other seeds
  std::size_t runs = 0;
  for (std::uint64_t at = seconds == 0 ? 0 : seed % stride; runtime->monotonic_ns() < end; at += stride) {
    bool any = false;
    for (auto plan : kinds) {
      plan.at = at;
      any = trials.one(plan) || any;
      ++runs;
    }
    if (!any) break;
  }
  std::printf("faults: %zu runs with a fault, %zu starts refused, %zu writes refused, nothing acknowledged lost\n", runs, trials.refused_to_open, trials.refused_writes);
  return 0;
}

}  // namespace keelson::store::crash

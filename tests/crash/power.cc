// Power cuts; see README.md.
#include <mutex>

#include "core/store/acknowledged_mark.hpp"
#include "tests/crash/opened.hpp"
#include "tests/crash/traced_fs.hpp"
#include "tests/crash/workload.hpp"

namespace keelson::store::crash {
namespace {

constexpr std::size_t kAcknowledgementsMin = 20, kAcknowledgementsMax = 150, kAcknowledgementsWhole = 600;   // of one run
constexpr int kCutsPerRun = 200;
constexpr int kRunsPerStore = 10;                // then an empty one, so that its history does not grow for ever
constexpr int kWaysPerMoment = 3;                // when every moment is tried
constexpr int kSecondStartEvery = 4, kCutWhileStartingEvery = 8;

/// A store at rest.
struct Rest {
  Files files;
  Model model;
  Revision revision = 0;       // from where its numbering goes on
  Revision acknowledged = 0;
};

struct Acknowledged {
  std::size_t moment = 0;
  std::vector<std::pair<std::string, Known>> writes;
};

struct Disk {
  explicit Disk(std::shared_ptr<TracedFs> traced) : fs(std::move(traced)), env(rocksdb::NewCompositeEnv(fs)) {}
  explicit Disk(const Files& files) : Disk(std::make_shared<TracedFs>(files)) {}
  std::shared_ptr<TracedFs> fs;
  std::unique_ptr<rocksdb::Env> env;
};

class Power {
 public:
  Power(std::uint64_t seed, base::Runtime& runtime) : runtime_(runtime), directory_(runtime), random_(seed) { std::filesystem::create_directories(directory_.path); }

  int cuts() const { return cuts_; }

  /// One run of writers, then cuts at `count` moments of it, at every one if 0, until `end`.
  void run(int count, base::Monotonic end) {
    if (runs_++ % kRunsPerStore == 0) base_ = {};
    const auto fs = written(count == 0 ? kAcknowledgementsWhole : kAcknowledgementsMin + random_() % (kAcknowledgementsMax - kAcknowledgementsMin));
    const auto moments = fs->moment();
    std::optional<Rest> last;
    const auto tries = count > 0 ? static_cast<std::size_t>(count) : (moments + 1) * kWaysPerMoment;
    for (std::size_t i = 0; i < tries && runtime_.monotonic_ns() < end; ++i) last = judged(*fs, count > 0 ? random_() % (moments + 1) : i / kWaysPerMoment);
    if (last) base_ = settled(std::move(*last));
  }

 private:
  std::shared_ptr<TracedFs> written(std::size_t acknowledgements) {
    mark(base_.acknowledged);
    Disk disk(base_.files);
    acknowledged_.clear();
    std::mutex mutex;
    const auto waiter = runtime_.waiter();
    {
      const Opened on(directory_.path, disk.env.get(), runtime_);
      const Workload workload(*on.store, runtime_, random_(), [&](const auto& writes) {
        const std::lock_guard lock(mutex);
        acknowledged_.push_back({disk.fs->moment(), writes});
        if (writes.empty() || acknowledged_.size() == acknowledgements) waiter->notify();   // empty: refused, that writer is done
      });
      waiter->wait_until(base::kForever);
      closing_ = disk.fs->moment();
    }
    return disk.fs;
  }

  /// The mark is not synced: it may be of any time before.
  void mark(Revision newest) {
    const auto path = directory_.path / "acknowledged";
    std::filesystem::remove(path);
    if (random_() % 4 != 0) AcknowledgedMark(path).raise(random_() % 2 == 0 ? newest : base_.acknowledged);
  }

  Rest judged(const TracedFs& past, std::size_t moment) {
    Model promised = base_.model;
    Revision highest = base_.acknowledged;
    for (const auto& told : acknowledged_) {
      if (told.moment > moment) continue;
      for (const auto& [name, known] : told.writes) {
        if (known.revision > promised[name].revision) promised[name] = known;
        highest = std::max(highest, known.revision);
      }
    }
    const auto left = past.cut(moment, random_);
    ++cuts_;
    mark(highest);
    Disk disk(left);
    // One that was not closed may have given numbers that nobody knows of.
    const Revision beyond = highest > base_.acknowledged && moment <= closing_ ? highest + 1 : highest;
    Rest rest = started(disk, promised, beyond, moment);
    if (cuts_ % kCutWhileStartingEvery == 0) {
      ++cuts_;
      Disk again(disk.fs->cut(random_() % (disk.fs->moment() + 1), random_));
      mark(highest);
      (void)started(again, promised, highest, moment);
    }
    if (cuts_ % kSecondStartEvery == 0) found_again(rest);
    rest.acknowledged = highest;
    return rest;
  }

  Rest started(Disk& disk, const Model& promised, Revision at_least, std::size_t moment) {
    const auto where = "after a power cut at moment " + std::to_string(moment) + ": ";
    Rest rest;
    {
      const Opened on(directory_.path, disk.env.get(), runtime_);
      if (auto wrong = verify(*on.store, promised, base_.model, base_.revision); !wrong.empty()) give_up(where + wrong);
      rest.revision = on.store->snapshot().revision();
      if (rest.revision < at_least) give_up(where + "numbering would go on below an acknowledged revision");
      rest.model = state_of(*on.store);
    }
    rest.files = disk.fs->files();
    return rest;
  }

  /// With one more write: a number from which on there is a history.
  Rest settled(Rest rest) {
    Disk disk(flattened(rest.files));
    {
      const Opened on(directory_.path, disk.env.get(), runtime_);
      const auto outcome = committed(*on.store, runtime_, next_commit(*on.store, 0, random_));
      if (!outcome || !outcome->committed) give_up("no write is taken after a power cut");
      rest.model = state_of(*on.store);
      rest.revision = rest.acknowledged = on.store->snapshot().revision();
    }
    rest.files = disk.fs->files();
    return rest;
  }

  void found_again(const Rest& rest) {
    Disk disk(rest.files);
    const Opened on(directory_.path, disk.env.get(), runtime_);
    if (rest.model != state_of(*on.store)) give_up("a second start found something else");
  }

  base::Runtime& runtime_;
  const TemporaryDirectory directory_;   // of what is not RocksDB's
  std::mt19937_64 random_;
  Rest base_;
  std::vector<Acknowledged> acknowledged_;
  std::size_t closing_ = 0;              // the moment from which on the writers' store was being closed
  int runs_ = 0, cuts_ = 0;
};

}  // namespace

int run_power(std::uint64_t seed, int seconds) {
  const auto runtime = base::real_runtime();
  Power power(seed, *runtime);
  if (seconds == 0) power.run(0, base::kForever);
  for (const auto end = runtime->in_ms(seconds * 1000); runtime->monotonic_ns() < end;) power.run(kCutsPerRun, end);
  std::printf("power: %d cuts, nothing acknowledged lost\n", power.cuts());
  return 0;
}

}  // namespace keelson::store::crash

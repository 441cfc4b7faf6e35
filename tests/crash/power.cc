// Power cuts; see README.md.
#include <rocksdb/env.h>
#include <rocksdb/system_clock.h>

#include <mutex>

#include "core/base/log.hpp"
#include "core/store/acknowledged_mark.hpp"
#include "tests/crash/opened.hpp"
#include "tests/crash/traced_fs.hpp"
#include "tests/crash/workload.hpp"

namespace keelson::store::crash {
namespace {

constexpr std::size_t kAcknowledgementsMin = 5, kAcknowledgementsMax = 50, kAcknowledgementsWhole = 600;   // of one run
constexpr int kCutsPerRun = 200;
constexpr int kRunsPerStore = 3;                 // then an empty one, so that its history does not grow for ever
constexpr int kCutsPerWord = 100'000;            // of progress
constexpr int kWaysPerMoment = 3;                // when every moment is tried
constexpr int kLongTextsEvery = 4;
constexpr std::size_t kShortTextBytesMax = 100;  // most of a cut's time goes into bytes; records that span blocks come with the long ones
constexpr int kOrderlyEvery = 8;                 // that one is closed, started again, and its start and end are cut, too

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

/// RocksDB sleeps for a second after a background error, and closing waits for that.
class SleeplessClock final : public rocksdb::SystemClockWrapper {
 public:
  SleeplessClock() : SystemClockWrapper(rocksdb::SystemClock::Default()) {}
  const char* Name() const override { return "SleeplessClock"; }
  void SleepForMicroseconds(int) override {}
};

class TracedEnv final : public rocksdb::EnvWrapper {
 public:
  explicit TracedEnv(const std::shared_ptr<TracedFs>& fs) : EnvWrapper(rocksdb::NewCompositeEnv(fs)) { system_clock_ = std::make_shared<SleeplessClock>(); }
  const char* Name() const override { return "TracedEnv"; }
};

struct Disk {
  /// `with_notes`: takes RocksDB's files of its own settings, too. Nobody reads them, and writing them is a third of a start.
  explicit Disk(const Files& files, bool with_notes = true) : fs(std::make_shared<TracedFs>(files, with_notes)), env(std::make_unique<TracedEnv>(fs)) {}
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
    for (std::size_t i = 0; i < tries && runtime_.monotonic_ns() < end; ++i)
      last = judged(*fs, count > 0 ? random_() % (moments + 1) : i / kWaysPerMoment, i + 1 == tries);
    if (last && !last->files.empty()) base_ = settled(std::move(*last));
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
      const std::size_t text_bytes_max = random_() % kLongTextsEvery == 0 ? kTextBytesMax : kShortTextBytesMax;
      const Workload workload(*on.store, runtime_, random_(), text_bytes_max, [&](const auto& writes) {
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

  /// Without files unless it was closed.
  Rest judged(const TracedFs& past, std::size_t moment, bool is_last) {
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
    const bool orderly = is_last || cuts_ % kOrderlyEvery == 0;
    Disk disk(left, orderly);
    // One that was not closed may have given numbers that nobody knows of.
    const Revision beyond = highest > base_.acknowledged && moment <= closing_ ? highest + 1 : highest;
    Rest rest = started(disk, promised, beyond, moment, orderly);
    if (orderly) {
      found_again(rest);
      ++cuts_;
      Disk again(disk.fs->cut(random_() % (disk.fs->moment() + 1), random_));
      mark(highest);
      (void)started(again, promised, highest, moment, false);
    }
    rest.acknowledged = highest;
    return rest;
  }

  Rest started(Disk& disk, const Model& promised, Revision at_least, std::size_t moment, bool orderly) {
    const auto where = "after a power cut at moment " + std::to_string(moment) + ": ";
    Rest rest;
    {
      const Opened on(directory_.path, disk.env.get(), runtime_);
      if (auto wrong = verify(*on.store, promised, base_.model, base_.revision); !wrong.empty()) give_up(where + wrong);
      rest.revision = on.store->snapshot().revision();
      if (rest.revision < at_least) give_up(where + "numbering would go on below an acknowledged revision");
      rest.model = state_of(*on.store);
      if (!orderly) disk.fs->remove();
    }
    if (orderly) rest.files = disk.fs->files();
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
  base::set_log_level(base::LogLevel::none);   // a store whose disk goes complains each time
  const auto runtime = base::real_runtime();
  Power power(seed, *runtime);
  if (seconds == 0) power.run(0, base::kForever);
  for (const auto end = runtime->in_ms(seconds * 1000); runtime->monotonic_ns() < end;) {
    const int before = power.cuts();
    power.run(kCutsPerRun, end);
    if (before / kCutsPerWord != power.cuts() / kCutsPerWord) std::fprintf(stderr, "%d cuts\n", power.cuts());
  }
  std::printf("power: %d cuts, nothing acknowledged lost\n", power.cuts());
  return 0;
}

}  // namespace keelson::store::crash

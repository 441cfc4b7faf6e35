#include "tests/simulation/disk.hpp"

#include <algorithm>
#include <map>

#include "core/store/committer.hpp"
#include "core/store/record.hpp"
#include "tests/simulation/broken.hpp"

namespace keelson::simulation {
namespace {

constexpr std::uint64_t kColumnsVersion = 1;
constexpr std::int64_t kWriteMax_us = 200, kSyncMax_us = 2'000;
constexpr std::size_t kKeptMax = 40;   // changes that a compaction leaves, at most

Record record_of(const store::Change& change, bool ends_commit) {
  Record record;
  record.revision = change.revision;
  record.place = store::version_key(change.object->key(), change.revision);
  if (change.type == store::ChangeType::deleted) record.version = store::tombstone();
  else store::encode_version(*change.object, kColumnsVersion, record.place, nullptr, record.version);
  store::encode_log(change, ends_commit, 0, 0, record.entry);
  return record;
}

store::Change change_of(const Record& record, std::map<store::Key, store::ObjectRef>& state) {
  const auto entry = store::decode_log(record.entry);
  if (!entry) throw Broken("a log record cannot be read: " + entry.error().message);
  store::Change change;
  change.revision = record.revision;
  change.ends_commit = entry->ends_commit;
  change.cause = std::make_shared<const store::Cause>(entry->cause);
  change.previous = state[entry->key];
  if ((change.previous ? change.previous->revision() : 0) != entry->previous) throw Broken("the log skips a state of " + entry->key.name + " at revision " + std::to_string(record.revision));
  if (entry->operation == store::Operation::remove) {
    change.type = store::ChangeType::deleted;
    change.object = store::Draft::restamp(*change.previous, record.revision);
    state[entry->key] = nullptr;
    return change;
  }
  change.type = entry->operation == store::Operation::create ? store::ChangeType::added : store::ChangeType::modified;
  auto object = store::decode_version(entry->key, record.revision, record.version, kColumnsVersion, record.place, nullptr, nullptr);
  if (!object) throw Broken("a version cannot be read: " + object.error().message);
  state[entry->key] = change.object = std::move(*object);
  return change;
}

}  // namespace

void Disk::cut(std::mt19937_64& random) {
  batches_.resize(synced_ + random() % (batches_.size() - synced_ + 1));
  synced_ = batches_.size();
  clean_.reset();
  ++epoch_;
}

std::vector<store::Change> Disk::replay() const {
  std::vector<store::Change> changes;
  std::map<store::Key, store::ObjectRef> state;
  for (const auto& batch : batches_)
    for (const auto& record : batch) changes.push_back(change_of(record, state));
  return changes;
}

class DiskStorage final : public store::Storage {
 public:
  DiskStorage(Disk& disk, base::Runtime& runtime, std::uint64_t seed) : disk_(disk), runtime_(runtime), random_(seed), epoch_(disk.epoch_) {}

  base::Outcome<store::Recovered> recover() override {
    store::Recovered recovered;
    history_ = disk_.replay();
    std::map<store::Key, store::ObjectRef> state;
    for (const auto& change : history_) state[change.object->key()] = change.type == store::ChangeType::deleted ? nullptr : change.object;
    for (const auto& [key, object] : state)
      if (object) recovered.objects.push_back(object);
    const auto newest = history_.empty() ? 0 : history_.back().revision;
    recovered.revision = std::max(newest, disk_.clean_.value_or(disk_.ceiling_));
    recovered.ceiling = disk_.ceiling_ = std::max(disk_.ceiling_, recovered.revision + store::kCeilingStep);
    disk_.clean_.reset();
    disk_.synced_ = disk_.batches_.size();
    return recovered;
  }

  base::Outcome<void> append(std::span<const store::Change> changes, std::span<const store::Durability> durability, bool sync) override {
    pause(kWriteMax_us);
    if (alive()) disk_.batches_.push_back(records(changes, durability));
    if (sync) pause(kSyncMax_us);
    if (sync && alive()) disk_.synced_ = disk_.batches_.size();
    history_.insert(history_.end(), changes.begin(), changes.end());
    return {};
  }
  base::Outcome<void> sync() override {
    pause(kSyncMax_us);
    if (alive()) disk_.synced_ = disk_.batches_.size();
    return {};
  }
  base::Outcome<void> raise_ceiling(store::Revision ceiling) override {
    pause(kSyncMax_us);
    if (alive()) disk_.ceiling_ = ceiling;
    return {};
  }

  base::Outcome<store::HistoryPage> history(store::Atom resource, store::Revision after, const store::Snapshot& installed, std::size_t changes_max) const override {
    const auto upto = installed.revision();
    if (after < disk_.mark_) return base::expired("too old resource version: " + std::to_string(after));
    store::HistoryPage page{{}, upto};
    for (const auto& change : history_) {
      if (change.revision <= after || (!resource.empty() && change.object->key().resource != resource)) continue;
      if (change.revision > upto) break;
      if (page.changes.size() >= changes_max && page.changes.back().ends_commit) {
        page.upto = page.changes.back().revision;
        break;
      }
      page.changes.push_back(change);
    }
    return page;
  }
  base::Outcome<store::ObjectRef> get_at(const store::Key& key, store::Revision revision, const store::Snapshot&) const override {
    if (revision < disk_.mark_) return base::expired("too old");
    store::ObjectRef found;
    for (const auto& change : history_)
      if (change.revision <= revision && change.object->key() == key) found = change.type == store::ChangeType::deleted ? nullptr : change.object;
    return found;
  }
  store::Revision compacted(store::Atom) const override { return disk_.mark_; }
  bool compact(bool) override {
    pause(kSyncMax_us);
    const std::size_t kept = random_() % kKeptMax;
    if (alive() && history_.size() > kept) disk_.mark_ = std::max(disk_.mark_, history_[history_.size() - kept - 1].revision);
    return true;
  }
  base::Outcome<void> close(store::Revision revision) override {
    if (alive()) disk_.clean_ = revision, disk_.synced_ = disk_.batches_.size();
    return {};
  }

 private:
  bool alive() const { return epoch_ == disk_.epoch_; }
  void pause(std::int64_t most_us) {
    const auto us = static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(most_us));
    runtime_.waiter()->wait_until(runtime_.monotonic_ns() + us * 1'000);
  }
  static std::vector<Record> records(std::span<const store::Change> changes, std::span<const store::Durability> durability) {
    std::vector<Record> batch;
    for (std::size_t i = 0; i < changes.size(); ++i)
      if (durability[i] != store::Durability::volatile_) batch.push_back(record_of(changes[i], changes[i].ends_commit));
    return batch;
  }

  Disk& disk_;
  base::Runtime& runtime_;
  std::mt19937_64 random_;
  const int epoch_;
  std::vector<store::Change> history_;
};

std::unique_ptr<store::Storage> make_disk_storage(Disk& disk, base::Runtime& runtime, std::uint64_t seed) { return std::make_unique<DiskStorage>(disk, runtime, seed); }

}  // namespace keelson::simulation

// Dropping history: per resource by age, and by size so that a busy resource cannot push out a quiet one's. What each resource has is
// counted as it is written, so that a pass looks at what it drops and little else.
#include <rocksdb/write_batch.h>

#include <algorithm>

#include "core/base/log.hpp"
#include "core/store/meta_keys.hpp"
#include "core/store/rocksdb_storage.hpp"

namespace keelson::store {
namespace {

constexpr std::size_t kDropsPerWrite = 1000;
constexpr std::uint64_t kHardShare = 8;   // of the allowed bytes, when space is low

std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

// The share per resource that makes all of them fit into `allowed`: small ones keep all they have.
std::uint64_t fair_share(std::vector<std::uint64_t> sizes, std::uint64_t allowed) {
  std::sort(sizes.begin(), sizes.end());
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    const std::uint64_t share = allowed / (sizes.size() - i);
    if (sizes[i] > share) return share;
    allowed -= sizes[i];
  }
  return static_cast<std::uint64_t>(-1);
}

}  // namespace

/// What goes, some of it in one write each. A resource's mark rises before anything below it is deleted.
class RocksDbStorage::Dropping {
 public:
  explicit Dropping(RocksDbStorage& storage) : storage_(storage) {}
  ~Dropping() { flush(); }

  /// False: what goes with it cannot be found.
  bool drop(Revision revision, const LogEntry& entry) {
    if (!entry.rests && !drop_before(entry)) return false;
    marks_[entry.key.resource] = revision;
    bytes_[entry.key.resource] += entry.bytes;
    batch_.Delete(storage_.log_, encode_revision(revision));
    if (entry.operation == Operation::remove) batch_.Delete(storage_.versions_, version_key(entry.key, revision));
    if (batch_.Count() >= kDropsPerWrite) flush();
    return true;
  }

  void flush() {
    if (batch_.Count() == 0) return;
    {
      const std::unique_lock lock(storage_.marks_mutex_);
      for (const auto& [resource, mark] : marks_) storage_.marks_[resource] = std::max(storage_.marks_[resource], mark);
    }
    for (const auto& [resource, mark] : marks_) batch_.Put(storage_.meta_, meta::mark_key(resource), encode_revision(mark));
    if (const auto status = storage_.database_->Write(rocksdb::WriteOptions(), &batch_); status.ok()) storage_.history_.take_off(bytes_);
    else base::log_warn("store", "history could not be dropped", {{"error", status.ToString()}});
    batch_.Clear();
    marks_.clear();
    bytes_.clear();
  }

 private:
  // The version before, and if that may rest on others all before it: what is left behind would be taken for the object once its tombstone is
  // gone. Links are not followed, since what was sealed anew has none. Nor is looked beyond the object, where may lie much that was deleted.
  bool drop_before(const LogEntry& entry) {
    if (entry.previous == 0) return true;
    const std::string before = version_key(entry.key, entry.previous), end = version_key(entry.key, 0);
    if (!entry.previous_rests) return batch_.Delete(storage_.versions_, before).ok();
    const rocksdb::Slice bound(end);
    rocksdb::ReadOptions options;
    options.iterate_upper_bound = &bound;
    const std::unique_ptr<rocksdb::Iterator> at(storage_.database_->NewIterator(options, storage_.versions_));
    batch_.SetSavePoint();
    for (at->Seek(before); at->Valid(); at->Next()) batch_.Delete(storage_.versions_, at->key());
    if (at->status().ok()) return batch_.PopSavePoint().ok();
    batch_.RollbackToSavePoint();
    return false;
  }

  RocksDbStorage& storage_;
  rocksdb::WriteBatch batch_;
  std::unordered_map<Atom, Revision> marks_;
  HistoryBytes::Each bytes_;
};

// What lay there at the start is counted by the first pass, which has the time. False: the log cannot be read.
bool RocksDbStorage::count_history() {
  if (history_counted_) return true;
  HistoryBytes::Each found;
  const auto at = iterate(log_);
  for (at->SeekToFirst(); at->Valid() && decode_revision(view(at->key())) <= recovered_; at->Next()) {
    const auto entry = decode_log(view(at->value()));
    if (!entry) return false;
    found[entry->key.resource] += entry->bytes;
  }
  history_.add(found);
  return history_counted_ = true;
}

bool RocksDbStorage::drop_older(std::int64_t before_ms) {
  Dropping dropping(*this);
  const auto at = iterate(log_);
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const auto entry = decode_log(view(at->value()));
    if (!entry) return false;
    if (entry->unix_ms >= before_ms) break;
    if (!dropping.drop(decode_revision(view(at->key())), *entry)) return false;
  }
  return true;
}

/// Of each resource what it has beyond its share of `allowed_bytes`.
HistoryBytes::Each RocksDbStorage::excess(std::uint64_t allowed_bytes) const {
  auto kept = history_.now();
  std::vector<std::uint64_t> sizes;
  for (const auto& [resource, bytes] : kept) sizes.push_back(bytes);
  const std::uint64_t share = fair_share(std::move(sizes), allowed_bytes);
  std::erase_if(kept, [&](const auto& entry) { return entry.second <= share; });
  for (auto& [resource, bytes] : kept) bytes -= share;
  return kept;
}

Revision RocksDbStorage::least_mark(const HistoryBytes::Each& resources) const {
  Revision least = UINT64_MAX;
  const std::shared_lock lock(marks_mutex_);
  for (const auto& [resource, bytes] : resources) {
    const auto found = marks_.find(resource);
    least = std::min(least, found == marks_.end() ? 0 : found->second);
  }
  return least;
}

// From where the first of these resources has anything left.
void RocksDbStorage::drop_oldest(HistoryBytes::Each excess) {
  if (excess.empty()) return;
  Dropping dropping(*this);
  const auto at = iterate(log_);
  for (at->Seek(encode_revision(least_mark(excess))); at->Valid() && !excess.empty(); at->Next()) {
    const auto entry = decode_log(view(at->value()));
    if (!entry) return;
    const auto found = excess.find(entry->key.resource);
    if (found == excess.end()) continue;
    if (!dropping.drop(decode_revision(view(at->key())), *entry)) return;
    if (found->second > entry->bytes) found->second -= entry->bytes;
    else excess.erase(found);
  }
}

bool RocksDbStorage::compact(bool hard) {
  const std::int64_t age_ms = hard ? kExactReadMaxAge_ms : options_.history_max_age_ms;
  if (count_history() && drop_older(runtime_.unix_ns() / base::kNanosPerMs - age_ms)) drop_oldest(excess(hard ? options_.history_max_bytes / kHardShare : options_.history_max_bytes));
  const auto at = iterate(log_);
  at->SeekToFirst();
  const bool remain = at->Valid();
  if (!hard) return remain;
  // Deleted is not yet free: only rewriting the files gives the space back.
  rocksdb::CompactRangeOptions options;
  for (auto* family : {versions_, log_}) database_->CompactRange(options, family, nullptr, nullptr);
  return remain;
}

}  // namespace keelson::store

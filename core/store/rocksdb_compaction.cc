// Dropping history: per resource by age, and by size so that a busy resource cannot push out a quiet one's.
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

// Per resource: everything before `before_ms`, and of the rest the oldest `bytes`.
struct RocksDbStorage::Drops {
  std::int64_t before_ms = 0;
  std::unordered_map<Atom, std::uint64_t> bytes;
};

bool RocksDbStorage::plan(bool hard, Drops& drops) const {
  const std::int64_t age_ms = hard ? kExactReadMaxAge_ms : options_.history_max_age_ms;
  drops.before_ms = runtime_.unix_ns() / base::kNanosPerMs - age_ms;
  std::unordered_map<Atom, std::uint64_t> kept;
  bool old = false;
  const auto at = iterate(log_);
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const auto entry = decode_log(view(at->value()));
    if (!entry) return false;
    if (entry->unix_ms < drops.before_ms) old = true;
    else kept[entry->key.resource] += entry->bytes;
  }
  std::vector<std::uint64_t> sizes;
  for (const auto& [resource, bytes] : kept) sizes.push_back(bytes);
  const std::uint64_t share = fair_share(sizes, hard ? options_.history_max_bytes / kHardShare : options_.history_max_bytes);
  for (const auto& [resource, bytes] : kept)
    if (bytes > share) drops.bytes[resource] = bytes - share;
  return old || !drops.bytes.empty();
}

// Returns whether entries remain.
bool RocksDbStorage::drop(const Drops& drops) {
  std::unordered_map<Atom, std::uint64_t> bytes = drops.bytes;
  std::unordered_set<Atom> keeping;   // a resource's history is dropped from its beginning only
  std::unordered_map<Atom, Revision> marks;
  rocksdb::WriteBatch batch;
  bool remain = false;
  const auto flush = [&] {
    {
      std::unique_lock lock(marks_mutex_);
      for (const auto& [resource, mark] : marks) marks_[resource] = std::max(marks_[resource], mark);
    }
    for (const auto& [resource, mark] : marks) batch.Put(meta_, meta::mark_key(resource), encode_revision(mark));
    if (const auto status = database_->Write(rocksdb::WriteOptions(), &batch); !status.ok()) base::log_warn("store", "history could not be dropped", {{"error", status.ToString()}});
    batch.Clear();
    marks.clear();
  };
  const auto at = iterate(log_);
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const auto entry = decode_log(view(at->value()));
    if (!entry) return false;
    const Atom resource = entry->key.resource;
    std::uint64_t& excess = bytes[resource];
    if ((entry->unix_ms >= drops.before_ms && excess == 0) || keeping.contains(resource)) {
      keeping.insert(resource);
      remain = true;
      continue;
    }
    if (entry->unix_ms >= drops.before_ms) excess -= std::min(excess, entry->bytes);
    const Revision revision = decode_revision(view(at->key()));
    marks[resource] = revision;
    batch.Delete(log_, at->key());
    if (entry->previous != 0) batch.Delete(versions_, version_key(entry->key, entry->previous));
    if (entry->operation == Operation::remove) batch.Delete(versions_, version_key(entry->key, revision));
    if (batch.Count() >= kDropsPerWrite) flush();
  }
  if (batch.Count() > 0) flush();
  return remain;
}

bool RocksDbStorage::compact(bool hard) {
  Drops drops;
  if (!plan(hard, drops)) {
    const auto at = iterate(log_);
    at->SeekToFirst();
    return at->Valid();
  }
  const bool remain = drop(drops);
  if (!hard) return remain;
  // Deleted is not yet free: only rewriting the files gives the space back.
  rocksdb::CompactRangeOptions options;
  for (auto* family : {versions_, log_}) database_->CompactRange(options, family, nullptr, nullptr);
  return remain;
}

}  // namespace keelson::store

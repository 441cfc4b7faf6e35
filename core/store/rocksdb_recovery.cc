// How a store starts: what is on disk becomes durable first, then current.
#include <rocksdb/write_batch.h>

#include <algorithm>
#include <filesystem>
#include <map>

#include "core/base/log.hpp"
#include "core/store/committer.hpp"
#include "core/store/meta_keys.hpp"
#include "core/store/rocksdb_storage.hpp"

namespace keelson::store {
namespace {

std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

base::Error damaged(const std::string& what) { return base::internal("store: damaged: " + what); }

std::string write_ahead_logs(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code ignored;
  for (const auto& entry : std::filesystem::directory_iterator(directory, ignored))
    if (entry.path().extension() == ".log") names.push_back(entry.path().string());
  std::sort(names.begin(), names.end());
  std::string all;
  for (const auto& name : names) all += (all.empty() ? "" : ", ") + name;
  return all.empty() ? directory : all;
}

}  // namespace

base::Outcome<RocksDbStorage::Meta> RocksDbStorage::read_meta() {
  Meta meta;
  const auto at = iterate(meta_);
  for (at->SeekToFirst(); at->Valid(); at->Next()) {
    const std::string_view key = view(at->key()), value = view(at->value());
    if (key == meta::kFormat) meta.format = decode_revision(value);
    else if (key == meta::kCeiling) meta.ceiling = decode_revision(value);
    else if (key == meta::kClean) meta.clean = decode_revision(value);
    else if (key.starts_with(meta::kMark)) marks_[Atom(key.substr(meta::kMark.size()))] = decode_revision(value);
    else if (key.starts_with(meta::kVolatile)) volatile_resources_.insert(Atom(key.substr(meta::kVolatile.size())));
    else if (key.starts_with(meta::kGap)) gaps_.push_back({decode_revision(key.substr(meta::kGap.size())), decode_revision(value)});
  }
  if (!at->status().ok()) return disk_error(at->status());
  if (meta.format > kStoreFormat) return base::internal("store: its format is " + std::to_string(meta.format) + ", this program knows up to " + std::to_string(kStoreFormat));
  return meta;
}

// In place, under the same revisions: for everybody but the disk nothing happens. What is sealed is whole: as the newest of an object comes
// first, what a difference rests on is not sealed yet.
base::Outcome<void> RocksDbStorage::seal_anew(const std::vector<std::string>& stale) {
  if (stale.empty()) return {};
  rocksdb::WriteOptions options;
  options.sync = true;
  rocksdb::WriteBatch batch;
  std::size_t done = 0;
  for (std::size_t i = 0; i < stale.size(); ++i) {
    const auto place = parse_version_key(stale[i]);
    const Key key{Atom(place->resource), std::string(place->ns), std::string(place->name)};
    RecordChain chain(place->revision);
    rocksdb::PinnableSlice last;
    if (const auto status = read_chain(key, chain, last); !status.ok() && !status.IsNotFound()) return disk_error(status);
    std::string sealed;
    const auto whole = chain.whole(key);
    if (const auto made = whole ? reseal(*whole, stale[i], *transform_of(key.resource), sealed) : whole.error()) {
      batch.Put(versions_, stale[i], sealed);
      ++done;
    } else {   // an old state whose key is gone: it stays as it is
      base::log_warn("store", "an old version cannot be sealed anew", {{"resource", std::string(place->resource)}, {"namespace", key.ns}, {"name", key.name}, {"what", made.error().message}});
    }
    if (batch.GetDataSize() < kBatchBytesMax && i + 1 < stale.size()) continue;
    if (const auto status = database_->Write(options, &batch); !status.ok()) return disk_error(status);
    batch.Clear();
  }
  if (done == 0) return {};
  // What was there before has to leave the disk too.
  if (const auto status = database_->Flush(rocksdb::FlushOptions(), {versions_, log_, meta_}); !status.ok()) return disk_error(status);
  rocksdb::CompactRangeOptions all;
  all.bottommost_level_compaction = rocksdb::BottommostLevelCompaction::kForceOptimized;
  if (const auto status = database_->CompactRange(all, versions_, nullptr, nullptr); !status.ok()) return disk_error(status);
  base::log_info("store", "values were sealed anew", {{"values", std::to_string(done)}});
  return {};
}

Revision RocksDbStorage::last_logged() {
  const auto at = iterate(log_);
  at->SeekToLast();
  return at->Valid() ? decode_revision(view(at->key())) : 0;
}

// The newest log entry of a key must be what `versions` holds as its newest.
base::Outcome<void> RocksDbStorage::check_tail(const std::vector<ObjectRef>& objects) {
  std::map<Key, Revision> newest;   // 0: removed
  const auto at = iterate(log_);
  std::size_t checked = 0;
  for (at->SeekToLast(); at->Valid() && checked < kTailChecked; at->Prev(), ++checked) {
    auto entry = decode_log(view(at->value()));
    if (!entry) return entry.error();
    newest.emplace(std::move(entry->key), entry->operation == Operation::remove ? 0 : decode_revision(view(at->key())));
  }
  if (!at->status().ok()) return disk_error(at->status());
  for (const auto& [key, revision] : newest) {
    const auto found = std::lower_bound(objects.begin(), objects.end(), key, [](const ObjectRef& object, const Key& wanted) { return object->key() < wanted; });
    const bool there = found != objects.end() && (*found)->key() == key;
    if (there && (*found)->revision() != revision) return damaged("log and versions disagree about " + key.name);
    if (!there && revision != 0) return damaged("the log names versions that are not there");
  }
  return {};
}

base::Outcome<void> RocksDbStorage::check_acknowledged(Revision newest) const {
  const Revision acknowledged = acknowledged_->read();
  if (newest >= acknowledged) return {};
  return damaged("changes up to revision " + std::to_string(acknowledged) + " were acknowledged, what can be read ends at " + std::to_string(newest) + ": " +
                 write_ahead_logs(options_.directory) + " is not whole. Restore the folder from a copy, or remove " + acknowledged_->path() + " to go on without those changes");
}

// Decides where numbering goes on, and makes that and everything recovered durable.
base::Outcome<void> RocksDbStorage::settle(const Meta& meta, Revision newest, Recovered& recovered) {
  rocksdb::FlushOptions flush;
  flush.wait = true;
  if (const auto status = database_->Flush(flush, {versions_, log_, meta_}); !status.ok()) return disk_error(status);
  rocksdb::WriteBatch batch;
  recovered.revision = std::max(newest, meta.clean.value_or(meta.ceiling));
  if (!meta.clean && meta.ceiling > newest) {
    gaps_.push_back({newest, recovered.revision});
    batch.Put(meta_, meta::gap_key(newest), encode_revision(recovered.revision));
    base::log_warn("store", "the last run did not end orderly", {{"last_revision", std::to_string(newest)}, {"goes_on_at", std::to_string(recovered.revision)}});
  }
  recovered.ceiling = std::max(meta.ceiling, recovered.revision + kCeilingStep);
  batch.Put(meta_, meta::kFormat, encode_revision(kStoreFormat));
  batch.Put(meta_, meta::kCeiling, encode_revision(recovered.ceiling));
  batch.Delete(meta_, meta::kClean);
  rocksdb::WriteOptions options;
  options.sync = true;
  if (const auto status = database_->Write(options, &batch); !status.ok()) return disk_error(status);
  recovered_ = recovered.revision;
  for (const Atom resource : volatile_resources_) ring_.set_compacted(resource, recovered.revision);
  return {};
}

base::Outcome<Recovered> RocksDbStorage::recover() {
  auto recovered = recover_all();
  if (!recovered) return in_directory(options_.directory, recovered.error());
  return recovered;
}

base::Outcome<Recovered> RocksDbStorage::recover_all() {
  const auto meta = read_meta();
  if (!meta) return meta.error();
  Recovered recovered;
  Revision newest = last_logged();
  for (const auto& [resource, mark] : marks_) newest = std::max(newest, mark);
  std::vector<std::string> stale;   // sealed by an old key, or not at all
  auto objects = scan_versions(newest, stale);
  if (!objects) return objects.error();
  recovered.objects = std::move(*objects);
  // First: of a log that was cut, the rest may well agree with itself.
  if (const auto checked = check_acknowledged(newest); !checked) return checked.error();
  if (const auto checked = check_tail(recovered.objects); !checked) return checked.error();
  if (const auto sealed = seal_anew(stale); !sealed) return sealed.error();
  if (const auto settled = settle(*meta, newest, recovered); !settled) return settled.error();
  return recovered;
}

}  // namespace keelson::store

#include "core/store/rocksdb_storage.hpp"

#include <filesystem>

#include "core/base/durable_file.hpp"
#include "core/base/log.hpp"
#include "core/store/committer.hpp"
#include "core/store/meta_keys.hpp"

namespace keelson::store {
namespace {

constexpr mode_t kPrivateDirectory = 0700;
constexpr std::int64_t kLoadWindow_ms = 2000;
constexpr std::size_t kKeptBatchBytes = 64u << 10;
constexpr std::size_t kReadaheadBytes = 256u << 10;
constexpr std::uint64_t kLoadBytes = 16u << 20;   // written within the window: the buffers may grow

rocksdb::WriteOptions write_options(bool sync) {
  rocksdb::WriteOptions options;
  options.sync = sync;
  return options;
}

}  // namespace

base::Error disk_error(const rocksdb::Status& status) { return base::internal("store: " + status.ToString()); }

base::Error in_directory(const std::string& directory, base::Error error) {
  if (error.message.find(directory) == std::string::npos) error.message += " (in " + directory + ")";
  return error;
}

RocksDbStorage::RocksDbStorage(StoreOptions options, base::Runtime& runtime, ColumnsOf columns_of)
    : options_(std::move(options)), runtime_(runtime), columns_of_(std::move(columns_of)), tuning_(options_.hooks ? options_.hooks->env : nullptr),
      ring_({kVolatileBytesMax, kVolatileChangesMax, 0}) {}

RocksDbStorage::~RocksDbStorage() {
  if (!database_) return;
  for (auto* family : {default_, versions_, log_, meta_})
    if (family) database_->DestroyColumnFamilyHandle(family);
  database_->Close();
}

base::Outcome<void> RocksDbStorage::open() {
  if (auto made = base::make_durable_directory(options_.directory, kPrivateDirectory); !made) return made;
  std::error_code ignored;
  std::filesystem::permissions(options_.directory, std::filesystem::perms::owner_all, ignored);
  const std::vector<rocksdb::ColumnFamilyDescriptor> families = {{rocksdb::kDefaultColumnFamilyName, tuning_.small}, {"versions", tuning_.bodies}, {"log", tuning_.small}, {"meta", tuning_.small}};
  std::vector<rocksdb::ColumnFamilyHandle*> handles;
  rocksdb::DB* database = nullptr;
  const auto status = rocksdb::DB::Open(tuning_.database, options_.directory, families, &handles, &database);
  if (!status.ok()) return in_directory(options_.directory, disk_error(status));
  database_.reset(database);
  acknowledged_.emplace(options_.directory + "/acknowledged");
  default_ = handles[0];
  versions_ = handles[1];
  log_ = handles[2];
  meta_ = handles[3];
  return {};
}

std::unique_ptr<rocksdb::Iterator> RocksDbStorage::iterate(rocksdb::ColumnFamilyHandle* family) const {
  rocksdb::ReadOptions options;
  options.fill_cache = false;
  options.readahead_size = kReadaheadBytes;
  return std::unique_ptr<rocksdb::Iterator>(database_->NewIterator(options, family));
}

std::shared_ptr<const ValueTransform> RocksDbStorage::transform_of(Atom resource) const {
  if (!options_.hooks || !options_.hooks->transform_of) return nullptr;
  return options_.hooks->transform_of(resource);
}

// Fills scratch_.value. What was written before is there to be compared with, unless this program only found it on the disk: that then is
// written whole first. A value that is sealed says nothing of the one before.
void RocksDbStorage::encode(const Change& change) {
  auto& [place, value, entry, before, difference] = scratch_;
  const auto transform = transform_of(change.object->key().resource);
  encode_version(*change.object, options_.columns_version, place, transform.get(), value);
  if (transform) return;
  std::uint8_t rests_on = 0;
  if (const auto below = change.previous ? change.previous->rests_on() : std::nullopt; below && *below < kDifferencesMax) {
    encode_version(*change.previous, options_.columns_version, {}, nullptr, before);
    if (encode_difference(change.previous->revision(), before, value, difference)) {
      value.swap(difference);
      rests_on = static_cast<std::uint8_t>(*below + 1);
    }
  }
  change.object->set_rests_on(rests_on);
}

void RocksDbStorage::put_change(const Change& change, bool ends_commit, std::int64_t now_ms) {
  auto& [place, value, entry, before, difference] = scratch_;
  for (std::string* text : {&place, &value, &entry, &before, &difference}) text->clear();
  const Key& key = change.object->key();
  append_version_key(key, change.revision, place);
  if (change.type == ChangeType::deleted) value = tombstone();
  else encode(change);
  const std::uint64_t bytes = place.size() * 2 + value.size();
  encode_log(change, ends_commit, now_ms, bytes, entry);
  appended_bytes_[key.resource] += bytes;
  batch_.Put(versions_, place, value);
  batch_.Put(log_, encode_revision(change.revision), entry);
}

// A resource's first volatile write is remembered on disk, once: after a restart its history has a hole.
bool RocksDbStorage::note_volatile(std::span<const Change> changes, std::span<const Durability> durability) {
  bool noted = false;
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (durability[i] != Durability::volatile_) continue;
    const Atom resource = changes[i].object->key().resource;
    if (!volatile_resources_.insert(resource).second) continue;
    batch_.Put(meta_, meta::volatile_key(resource), "");
    noted = true;
  }
  return noted;
}

base::Outcome<void> RocksDbStorage::append(std::span<const Change> changes, std::span<const Durability> durability, bool sync) {
  batch_.Clear();
  appended_bytes_.clear();
  const std::int64_t now_ms = runtime_.unix_ns() / base::kNanosPerMs;
  const bool noted = note_volatile(changes, durability);
  // A commit may end with a volatile change, which is not on disk.
  std::vector<bool> ends_commit(changes.size());
  bool ends = false;
  for (std::size_t i = changes.size(); i-- > 0;) {
    ends = ends || changes[i].ends_commit;
    if (durability[i] != Durability::volatile_) ends_commit[i] = std::exchange(ends, false);
  }
  for (std::size_t i = 0; i < changes.size(); ++i) {
    if (durability[i] == Durability::volatile_) continue;
    put_change(changes[i], ends_commit[i], now_ms);
    appended_ = std::max(appended_, changes[i].revision);
  }
  if (batch_.Count() > 0) {
    breathe(batch_.GetDataSize());
    const auto status = database_->Write(write_options(sync || noted), &batch_);
    if (!status.ok()) return disk_error(status);
    if (sync || noted) acknowledged_->raise(appended_);
    history_.add(appended_bytes_);
  }
  keep_little();
  const base::Monotonic now = runtime_.monotonic_ns();
  for (std::size_t i = 0; i < changes.size(); ++i)
    if (durability[i] == Durability::volatile_) ring_.append(changes[i], now);
  return {};
}

// The next batch is made where this one was, unless that is large: under load one large batch follows the other, and the memory
// of each anew costs more than filling it.
void RocksDbStorage::keep_little() {
  const bool loaded = tuning_.buffers->buffer_size() == kWriteBuffersLoaded;
  batch_room_ = std::max(batch_room_, batch_.GetDataSize());
  if (!loaded && batch_room_ > kKeptBatchBytes) batch_ = rocksdb::WriteBatch(), batch_room_ = 0;
  for (std::string* text : {&scratch_.value, &scratch_.before, &scratch_.difference})
    if (text->capacity() > kKeptBatchBytes) *text = std::string();
}

// Small write buffers at rest; under load flushing that often would cost more than the memory.
void RocksDbStorage::breathe(std::size_t bytes) {
  const base::Monotonic now = runtime_.monotonic_ns();
  if (now - load_since_ > kLoadWindow_ms * base::kNanosPerMs) {
    tuning_.buffers->SetBufferSize(load_bytes_ >= kLoadBytes ? kWriteBuffersLoaded : kWriteBuffersAtRest);
    load_since_ = now;
    load_bytes_ = 0;
  }
  load_bytes_ += bytes;
  if (load_bytes_ >= kLoadBytes && tuning_.buffers->buffer_size() != kWriteBuffersLoaded) tuning_.buffers->SetBufferSize(kWriteBuffersLoaded);
}

// Else the buffers keep what was written until somebody writes again.
void RocksDbStorage::rest() {
  tuning_.buffers->SetBufferSize(kWriteBuffersAtRest);
  if (const auto status = database_->Flush(rocksdb::FlushOptions(), {versions_, log_, meta_}); !status.ok()) base::log_warn("store", "the write buffers could not be flushed", {{"error", status.ToString()}});
}

base::Outcome<void> RocksDbStorage::sync() {
  const auto status = database_->SyncWAL();
  if (!status.ok()) return disk_error(status);
  acknowledged_->raise(appended_);
  return {};
}

base::Outcome<void> RocksDbStorage::raise_ceiling(Revision ceiling) {
  const auto status = database_->Put(write_options(true), meta_, meta::kCeiling, encode_revision(ceiling));
  if (!status.ok()) return disk_error(status);
  return {};
}

base::Outcome<void> RocksDbStorage::close(Revision revision) {
  auto status = database_->Put(write_options(true), meta_, meta::kClean, encode_revision(revision));
  if (!status.ok()) return disk_error(status);
  // The next start then has nothing to replay.
  status = database_->Flush(rocksdb::FlushOptions(), {versions_, log_, meta_});
  if (!status.ok()) return disk_error(status);
  return {};
}

base::Outcome<std::unique_ptr<Store>> open_rocksdb_store(StoreOptions options, base::Runtime& runtime, base::Metrics& metrics, ColumnsOf columns_of) {
  auto storage = std::make_unique<RocksDbStorage>(options, runtime, std::move(columns_of));
  if (auto opened = storage->open(); !opened) return opened.error();
  return make_store(make_local_log(std::move(storage), runtime, metrics, options), runtime, metrics);
}

}  // namespace keelson::store

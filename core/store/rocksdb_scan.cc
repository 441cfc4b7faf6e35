// Reading all current objects at start, by several threads: each takes the next range of keys, as long as there are some.
#include <rocksdb/metadata.h>

#include <algorithm>
#include <atomic>

#include "core/base/log.hpp"
#include "core/store/rocksdb_storage.hpp"
#include "core/store/unreadable.hpp"

namespace keelson::store {
namespace {

/// A range has about this much of the tables or more, so that a small store is read by the thread that opens it.
constexpr std::uint64_t kRangeBytesMin = 1u << 20;

constexpr std::size_t kReadersMax = 8;

std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

std::string_view without_revision(std::string_view place) { return place.substr(0, place.size() - std::min(place.size(), kRevisionBytes)); }

base::Error damaged(const std::string& what) { return base::internal("store: damaged: " + what); }

ObjectRef unreadable(const Key& key, Revision revision, std::string_view value, const base::Error& why) {
  base::log_error("store", "a stored object cannot be read; all others are served", {{"resource", std::string(key.resource.text())}, {"namespace", key.ns}, {"name", key.name}, {"what", why.message}});
  const char* what = sealed_by(value).empty() ? "object not decodable" : "data from the storage is not transformable";
  return make_unreadable(key, revision, std::string(what) + " revision=" + std::to_string(revision) + ": " + (why.causes.empty() ? why.message : why.causes.front().message));
}

}  // namespace

/// All versions of the keys from `from` on and before `to`; "" is the beginning and the end.
struct RocksDbStorage::Range {
  std::string from, to;
  std::vector<ObjectRef> objects;
  std::vector<std::string> stale;   // sealed by an old key, or not at all
  Revision newest = 0;
  std::optional<base::Error> error;
};

// Cut where tables end: there it costs nothing to know how much lies between. All versions of a key are in one range.
std::vector<RocksDbStorage::Range> RocksDbStorage::ranges() const {
  rocksdb::ColumnFamilyMetaData family;
  database_->GetColumnFamilyMetaData(versions_, &family);
  std::vector<std::pair<std::string, std::uint64_t>> ends;
  for (const auto& level : family.levels)
    for (const auto& table : level.files) ends.emplace_back(without_revision(table.largestkey), table.size);
  std::sort(ends.begin(), ends.end());
  std::vector<Range> ranges(1);
  std::uint64_t bytes = 0;
  for (const auto& [end, size] : ends) {
    bytes += size;
    if (bytes < kRangeBytesMin || end == ranges.back().from) continue;
    ranges.back().to = end;
    ranges.emplace_back().from = end;
    bytes = 0;
  }
  return ranges;
}

void RocksDbStorage::take(Range& range, const Key& key, RecordChain& chain, const ValueTransform* transform) const {
  const Revision revision = chain.revision();
  const auto record = chain.whole(key);
  auto object = record ? decode_version(key, revision, *record, options_.columns_version, version_key(key, revision), transform, columns_of_) : record.error();
  range.objects.push_back(object ? std::move(*object) : unreadable(key, revision, record ? *record : "", object.error()));
}

// An object's records come newest first: what one rests on comes next.
void RocksDbStorage::scan(Range& range) const {
  std::string prefix;   // of the key whose newest version was seen
  Key key;
  RecordChain chain(0);
  std::shared_ptr<const ValueTransform> transform;
  const auto at = iterate(versions_);
  for (at->Seek(range.from); at->Valid() && (range.to.empty() || at->key().compare(range.to) < 0); at->Next()) {
    const std::string_view place = view(at->key()), value = view(at->value());
    const auto parsed = parse_version_key(place);
    if (!parsed) return void(range.error = damaged("a key of `versions`"));
    if (without_revision(place) != prefix) {
      if (chain.wanted() != 0) take(range, key, chain, transform.get());
      prefix = without_revision(place);
      if (key.resource.text() != parsed->resource) transform = transform_of(key.resource = Atom(parsed->resource));
      key.ns = parsed->ns;
      key.name = parsed->name;
      range.newest = std::max(range.newest, parsed->revision);
      chain = RecordChain(is_tombstone(value) ? 0 : parsed->revision);
    }
    if (transform && !is_tombstone(value) && !transform->current(sealed_by(value))) range.stale.emplace_back(place);
    if (parsed->revision != chain.wanted()) continue;
    chain.add(value);
    if (chain.wanted() == 0) take(range, key, chain, transform.get());
  }
  if (chain.wanted() != 0) take(range, key, chain, transform.get());
  if (!at->status().ok()) range.error = disk_error(at->status());
}

base::Outcome<std::vector<ObjectRef>> RocksDbStorage::scan_versions(Revision& newest, std::vector<std::string>& stale) {
  auto all = ranges();
  std::atomic<std::size_t> next{0};
  const auto work = [&] {
    for (std::size_t i = next++; i < all.size(); i = next++) scan(all[i]);
  };
  const std::size_t readers = std::min({all.size(), kReadersMax, runtime_.processors()});
  std::vector<std::unique_ptr<base::Thread>> others;
  for (std::size_t i = 1; i < readers; ++i) others.push_back(runtime_.spawn("store-read", work));
  work();
  others.clear();
  std::vector<ObjectRef> objects;
  for (Range& range : all) {
    if (range.error) return *range.error;
    newest = std::max(newest, range.newest);
    std::move(range.objects.begin(), range.objects.end(), std::back_inserter(objects));
    std::move(range.stale.begin(), range.stale.end(), std::back_inserter(stale));
  }
  return objects;
}

}  // namespace keelson::store

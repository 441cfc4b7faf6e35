// Reading the past: slices of the log, versions of an object.
#include <algorithm>

#include "core/base/log.hpp"
#include "core/store/not_answering.hpp"
#include "core/store/rocksdb_storage.hpp"

namespace keelson::store {
namespace {

std::string_view view(const rocksdb::Slice& slice) { return {slice.data(), slice.size()}; }

base::Error too_old(Revision after, Revision current) {
  return base::expired("too old resource version: " + std::to_string(after) + " (" + std::to_string(current) + ")");
}

base::Error exact_read_expired() { return base::expired("The resourceVersion for the provided list is too old."); }

// A disk that fails may answer later; what it answers wrongly stays so.
base::Error read_error(const rocksdb::Status& status) {
  const auto error = disk_error(status);
  if (!status.IsIOError() && !status.IsTimedOut() && !status.IsTryAgain() && !status.IsBusy()) return error;
  base::log_error("store", "reading the log failed", {{"error", error.message}});
  return not_answering();
}

// Two slices of disjoint changes into one; what is beyond either's end waits for the next slice.
HistoryPage merge(HistoryPage a, HistoryPage b, std::size_t changes_max) {
  HistoryPage page;
  page.upto = std::min(a.upto, b.upto);
  std::merge(std::make_move_iterator(a.changes.begin()), std::make_move_iterator(a.changes.end()), std::make_move_iterator(b.changes.begin()), std::make_move_iterator(b.changes.end()), std::back_inserter(page.changes), [](const Change& x, const Change& y) { return x.revision < y.revision; });
  std::erase_if(page.changes, [&](const Change& change) { return change.revision > page.upto; });
  if (page.changes.size() > changes_max) {
    page.changes.resize(changes_max);
    page.upto = page.changes.back().revision;
  }
  return page;
}

}  // namespace

bool RocksDbStorage::in_gap(Revision revision) const {
  return std::any_of(gaps_.begin(), gaps_.end(), [&](const Gap& gap) { return revision > gap.after && revision < gap.before; });
}

Revision RocksDbStorage::compacted(Atom resource) const {
  Revision mark = ring_.compacted(resource);
  std::shared_lock lock(marks_mutex_);
  if (!resource.empty()) {
    const auto found = marks_.find(resource);
    return found == marks_.end() ? mark : std::max(mark, found->second);
  }
  for (const auto& [each, value] : marks_) mark = std::max(mark, value);
  return mark;
}

rocksdb::Status RocksDbStorage::read_chain(const Key& key, RecordChain& chain, rocksdb::PinnableSlice& last) const {
  while (chain.wanted() != 0) {
    last.Reset();
    const auto status = database_->Get(rocksdb::ReadOptions(), versions_, version_key(key, chain.wanted()), &last);
    if (!status.ok()) return status;
    chain.add(view(last));
  }
  return rocksdb::Status::OK();
}

base::Outcome<ObjectRef> RocksDbStorage::version(const Key& key, Revision revision, const Snapshot& installed) const {
  ObjectRef current = installed.get(key);
  if (current && current->revision() == revision) return current;
  RecordChain chain(revision);
  rocksdb::PinnableSlice last;
  const auto status = read_chain(key, chain, last);
  if (status.IsNotFound()) return exact_read_expired();   // compacted meanwhile
  if (!status.ok()) return read_error(status);
  const auto record = chain.whole(key);
  if (!record) return record.error();
  return decode_version(key, revision, *record, options_.columns_version, version_key(key, revision), transform_of(key.resource).get(), columns_of_);
}

base::Outcome<Change> RocksDbStorage::change_of(Revision revision, const LogEntry& entry, const Snapshot& installed, std::unordered_map<std::string, ObjectRef>& seen) const {
  Change change;
  change.revision = revision;
  change.ends_commit = entry.ends_commit;
  change.cause = std::make_shared<const Cause>(entry.cause);
  ObjectRef& known = seen[version_prefix(entry.key)];
  if (entry.previous != 0) {
    if (!known || known->revision() != entry.previous) {
      auto previous = version(entry.key, entry.previous, installed);
      if (!previous) return previous.error();
      known = std::move(*previous);
    }
    change.previous = known;
  }
  if (entry.operation == Operation::remove) {
    if (!change.previous) return base::internal("store: damaged: a delete without a state before");
    change.type = ChangeType::deleted;
    change.object = Draft::restamp(*change.previous, revision);
    return change;
  }
  auto object = version(entry.key, revision, installed);
  if (!object) return object.error();
  change.type = entry.operation == Operation::create ? ChangeType::added : ChangeType::modified;
  change.object = known = std::move(*object);
  return change;
}

base::Outcome<HistoryPage> RocksDbStorage::read_log(Atom resource, Revision after, const Snapshot& installed, std::size_t changes_max) const {
  HistoryPage page;
  page.upto = installed.revision();
  std::unordered_map<std::string, ObjectRef> seen;
  const auto at = iterate(log_);
  std::size_t scanned = 0;
  for (at->Seek(encode_revision(after + 1)); at->Valid(); at->Next()) {
    const Revision revision = decode_revision(view(at->key()));
    if (revision > installed.revision()) break;
    const auto entry = decode_log(view(at->value()));
    if (!entry) return entry.error();
    if (resource.empty() || entry->key.resource == resource) {
      auto change = change_of(revision, *entry, installed, seen);
      if (!change) return change.error();
      page.changes.push_back(std::move(*change));
    }
    if (page.changes.size() < changes_max && ++scanned < kHistoryScanMax) continue;
    page.upto = revision;
    break;
  }
  if (!at->status().ok()) return read_error(at->status());
  return page;
}

base::Outcome<HistoryPage> RocksDbStorage::history(Atom resource, Revision after, const Snapshot& installed, std::size_t changes_max) const {
  if (in_gap(after)) return too_old(after, installed.revision());
  auto page = read_log(resource, after, installed, changes_max);
  HistoryPage in_memory = ring_.history(resource, after, installed.revision(), changes_max);
  // Marks rise before anything is dropped, so asking after reading finds every hole.
  if (after < compacted(resource)) return too_old(after, installed.revision());
  if (!page || in_memory.changes.empty()) return page;
  return merge(std::move(*page), std::move(in_memory), changes_max);
}

base::Outcome<ObjectRef> RocksDbStorage::get_at(const Key& key, Revision revision, const Snapshot& installed) const {
  if (in_gap(revision)) return exact_read_expired();
  ObjectRef found = installed.get(key);
  if (!found || found->revision() > revision) {
    Change next = ring_.first_after(key, revision);
    found = next.previous;
    const std::string prefix = version_prefix(key);
    const auto at = iterate(versions_);
    if (!next.object) at->Seek(version_key(key, revision));
    if (!next.object && at->Valid() && at->key().starts_with(prefix) && !is_tombstone(view(at->value()))) {
      auto object = version(key, parse_version_key(view(at->key()))->revision, installed);
      if (!object) return object.error();
      found = std::move(*object);
    }
    if (!at->status().ok()) return read_error(at->status());
  }
  if (revision < compacted(key.resource)) return exact_read_expired();
  return found;
}

}  // namespace keelson::store

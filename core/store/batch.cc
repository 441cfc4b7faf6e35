#include "core/store/batch.hpp"

namespace keelson::store {
namespace {

bool holds(const Expectation& expectation, const ObjectRef& found) {
  switch (expectation.kind) {
    case Expectation::Kind::absent: return !found;
    case Expectation::Kind::exists: return found != nullptr;
    case Expectation::Kind::at_revision: break;
  }
  return found && found->revision() == expectation.revision;
}

// Separators of the keys on disk.
bool has_nul(const Key& key) {
  return key.ns.find('\0') != std::string::npos || key.name.find('\0') != std::string::npos;
}

}  // namespace

std::optional<base::Error> malformed(const Commit& commit) {
  for (const Write& write : commit.writes) {
    if (write.key.resource.empty() || write.key.name.empty() || has_nul(write.key)) return base::internal("malformed key");
    if ((write.operation == Operation::remove) == write.draft.has_value()) return base::internal("a write has a draft unless it removes");
    if (!write.draft) continue;
    if (!(write.draft->columns().key == write.key)) return base::internal("draft of another key");
    if (write.draft->body().size() > kObjectBytesMax) return base::raw_500("etcdserver: request is too large");
  }
  return std::nullopt;
}

ObjectRef Batch::current(const Key& key) const {
  const auto found = pending_.find(&key);
  return found != pending_.end() ? found->second : installed_->get(key);
}

// What a commit's expectations and writes ask about the same key is looked up once.
ObjectRef Batch::current(const Key& key, Seen& seen) const {
  if (!seen.key || !(*seen.key == key)) seen = {&key, current(key)};
  return seen.object;
}

std::optional<Mismatch> Batch::check(const Commit& commit, Seen& seen) const {
  for (std::size_t i = 0; i < commit.expectations.size(); ++i) {
    ObjectRef found = current(commit.expectations[i].key, seen);
    if (!holds(commit.expectations[i], found)) return Mismatch{i, std::move(found)};
  }
  return check_writes(commit, seen);
}

// A create needs absence, the others presence, each after the commit's own writes before it.
std::optional<Mismatch> Batch::check_writes(const Commit& commit, Seen& seen) const {
  std::unordered_map<Key, bool, KeyHash> present;
  for (std::size_t i = 0; i < commit.writes.size(); ++i) {
    const Write& write = commit.writes[i];
    const auto own = present.find(write.key);
    const bool there = own != present.end() ? own->second : current(write.key, seen) != nullptr;
    if (there == (write.operation == Operation::create)) return Mismatch{commit.expectations.size() + i, current(write.key)};
    if (commit.writes.size() > 1) present[write.key] = write.operation != Operation::remove;
  }
  return std::nullopt;
}

ObjectRef Batch::number(Write& write, const CauseRef& cause, ObjectRef previous) {
  const bool removed = write.operation == Operation::remove;
  Change change;
  change.revision = ++last_;
  change.previous = std::move(previous);
  change.ends_commit = false;
  change.type = removed ? ChangeType::deleted : change.previous ? ChangeType::modified : ChangeType::added;
  change.cause = cause;
  change.object = removed ? Draft::restamp(*change.previous, last_) : std::move(*write.draft).freeze(last_);
  ObjectRef object = change.object;
  pending_.insert_or_assign(&object->key(), removed ? nullptr : object);
  sync_ = sync_ || write.durability == Durability::synced;
  relaxed_ = relaxed_ || write.durability == Durability::relaxed;
  durability_.push_back(write.durability);
  changes_.push_back(std::move(change));
  return object;
}

void Batch::expect(std::size_t commits) {
  answers_.reserve(commits);
  changes_.reserve(commits);
  durability_.reserve(commits);
}

void Batch::take(Commit commit, OnLogged done) {
  CommitOutcome outcome;
  Seen seen;
  if (auto mismatch = check(commit, seen)) {
    outcome.mismatch = std::move(mismatch);
  } else {
    Committed& committed = outcome.committed.emplace();
    committed.objects.reserve(commit.writes.size());
    for (Write& write : commit.writes) {
      committed.objects.push_back(number(write, commit.cause, current(write.key, seen)));
      seen = {};   // the next write may be to the same key
    }
    if (!commit.writes.empty()) changes_.back().ends_commit = true;
    committed.revision = last_;
  }
  answers_.push_back({std::move(done), std::move(outcome), last_});
}

}  // namespace keelson::store

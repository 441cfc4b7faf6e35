// Batch: what the committer is about to append: it checks each commit against the state that those before it leave,
// numbers its writes and remembers the answers.
//
// Invariants: a refused commit leaves no trace and takes no number; numbers grow by one per write.
// Threads: the committer only. Ownership: of the commits given to it.
#pragma once
#include <unordered_map>

#include "core/store/log.hpp"

namespace keelson::store {

struct KeyHash {
  std::size_t operator()(const Key& key) const {
    const std::hash<std::string_view> hash;
    return key.resource.hash() ^ (hash(key.ns) * 31) ^ (hash(key.name) * 1'000'003);
  }
};

struct Answer {
  OnLogged done;
  CommitOutcome outcome;
  Revision as_of = 0;
};

class Batch {
 public:
  Batch(Snapshot installed, Revision last) : installed_(std::move(installed)), last_(last) {}
  /// Room for that many commits.
  void expect(std::size_t commits);
  void take(Commit commit, OnLogged done);
  void refuse(OnLogged done, base::Error error) { answers_.push_back({std::move(done), {{}, {}, std::move(error)}, last_}); }

  /// Nothing more to take: gives up the snapshot, so that what the batch replaces can be freed by whoever replaces it.
  void let_go() { installed_.reset(); }

  Revision last() const { return last_; }
  bool sync() const { return sync_; }
  bool relaxed() const { return relaxed_; }
  std::vector<Change>& changes() { return changes_; }
  const std::vector<Durability>& durability() const { return durability_; }
  std::vector<Answer>& answers() { return answers_; }

 private:
  /// The key that was looked up last.
  struct Seen {
    const Key* key = nullptr;
    ObjectRef object;
  };
  ObjectRef current(const Key& key) const;
  ObjectRef current(const Key& key, Seen& seen) const;
  std::optional<Mismatch> check(const Commit& commit, Seen& seen) const;
  std::optional<Mismatch> check_writes(const Commit& commit, Seen& seen) const;
  ObjectRef number(Write& write, const CauseRef& cause, ObjectRef previous);

  std::optional<Snapshot> installed_;
  Revision last_;
  bool sync_ = false, relaxed_ = false;
  struct AddressedHash {
    std::size_t operator()(const Key* key) const { return KeyHash{}(*key); }
  };
  struct AddressedEqual {
    bool operator()(const Key* a, const Key* b) const { return *a == *b; }
  };
  std::unordered_map<const Key*, ObjectRef, AddressedHash, AddressedEqual> pending_;   // keys of changes_; null: removed
  std::vector<Change> changes_;
  std::vector<Durability> durability_;
  std::vector<Answer> answers_;
};

/// What no state could make right: malformed keys, too large bodies, a draft of another key.
std::optional<base::Error> malformed(const Commit& commit);

}  // namespace keelson::store

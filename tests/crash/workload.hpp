// Workload: writers that each change keys of their own, and what the store must still know after a crash.
//
// Invariants: a writer has one commit under way; so beside what was acknowledged a crash may show at most one more commit
//   of each writer.
// Threads: acknowledgements come on the committer thread. Ownership: must go before its store.
#pragma once
#include <atomic>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <vector>

#include "core/base/runtime.hpp"
#include "core/store/store.hpp"

namespace keelson::store::crash {

inline constexpr int kWriters = 4;
inline constexpr int kKeysPerWriter = 16;
inline constexpr int kWritesPerCommitMax = 3;
inline constexpr std::size_t kTextBytesMax = 3000;
inline constexpr std::int64_t kAnswer_ms = 20'000;

/// What is known of a key: its last acknowledged revision, and the text, empty when it was deleted.
struct Known {
  Revision revision = 0;
  std::string text;
  bool operator==(const Known&) const = default;
};
using Model = std::map<std::string, Known>;
using OnAck = std::function<void(const std::vector<std::pair<std::string, Known>>&)>;

class Workload {
 public:
  Workload(Store& store, base::Runtime& runtime, std::uint64_t seed, std::size_t text_bytes_max, OnAck on_ack);
  ~Workload();

 private:
  void write(int writer, std::uint64_t seed);

  Store& store_;
  base::Runtime& runtime_;
  const std::size_t text_bytes_max_;
  const OnAck on_ack_;
  std::atomic<bool> stop_{false};
  std::vector<std::unique_ptr<base::Thread>> threads_;
};

/// One commit of what `writer` owns, from what the store shows now.
Commit next_commit(const Store& store, int writer, std::mt19937_64& random, std::size_t text_bytes_max = kTextBytesMax);
/// Which of its writes remove; asked before the commit is given away.
std::vector<bool> removals_of(const Commit& commit);
/// What its acknowledgement promises.
std::vector<std::pair<std::string, Known>> acknowledged_by(const std::vector<bool>& removed, const Committed& committed);

/// A commit's answer; none: it did not come within kAnswer_ms.
std::optional<CommitOutcome> committed(Store& store, base::Runtime& runtime, Commit commit);

/// Empty: the store holds what it must. Else what is wrong. `base`: the state at `since`, from where the log is replayed.
std::string verify(const Store& store, const Model& acknowledged, const Model& base, Revision since);
/// All objects as a model.
Model state_of(const Store& store);

}  // namespace keelson::store::crash

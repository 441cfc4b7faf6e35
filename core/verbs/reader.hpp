// Reader: get, list and watch: at which revision a read is answered, and from which snapshot.
//
// Invariants: a read without resourceVersion sees every write that was acknowledged before it. Pages of one list show
//   one revision, or say 410 with a token for an inconsistent rest.
// Threads: any; callbacks as the store calls. Ownership: borrows the Core.
#pragma once
#include "core/verbs/core.hpp"

namespace keelson::verbs {

class Reader {
 public:
  explicit Reader(const Core& core) : core_(core) {}

  void get(const Context& context, Target target, ReadOptions options, std::function<void(base::Outcome<store::ObjectRef>)> done) const;
  /// `authorize`: false when the caller asked for another verb already.
  void list(const Context& context, Target target, ListOptions options, std::function<void(base::Outcome<Listed>)> done, bool authorize = true) const;
  base::Outcome<std::unique_ptr<watch::Watch>> watch(const Context& context, Target target, watch::WatchRequest request, watch::WatchSink& sink) const;

 private:
  using OnSnapshot = std::function<void(base::Outcome<store::Snapshot>)>;
  /// A snapshot that shows at least `revision` (unset: every acknowledged write), or 504.
  void at_least(const Context& context, std::optional<store::Revision> revision, OnSnapshot done) const;

  const Core& core_;
};

}  // namespace keelson::verbs

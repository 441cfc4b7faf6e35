// Notes: what the parts that a request passes have for its audit event. A request that is not audited has none.
//
// Invariants: the first annotation of a key stays, but for the decision, of which the last counts.
// Threads: any. Ownership: shared by the request and the event.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/auth/auth.hpp"

namespace keelson::audit {

inline constexpr const char* kDecision = "authorization.k8s.io/decision";
inline constexpr const char* kReason = "authorization.k8s.io/reason";
/// Where the watch log has the change, and the change that led to it.
inline constexpr const char* kRevision = "keelson.dev/revision";
inline constexpr const char* kTrigger = "keelson.dev/trigger";

class Notes {
 public:
  using Annotations = std::map<std::string, std::string>;

  void decided(const auth::Verdict& verdict) {
    const std::lock_guard lock(mutex_);
    annotations_[kDecision] = verdict.decision == auth::Decision::allow ? "allow" : "forbid";
    annotations_[kReason] = verdict.reason;
  }
  void annotate(const std::vector<std::pair<std::string, std::string>>& more) {
    const std::lock_guard lock(mutex_);
    for (const auto& [key, value] : more) annotations_.emplace(key, value);
  }
  Annotations annotations() const {
    const std::lock_guard lock(mutex_);
    return annotations_;
  }

 private:
  mutable std::mutex mutex_;
  Annotations annotations_;   // under mutex_
};
using NotesRef = std::shared_ptr<Notes>;

}  // namespace keelson::audit

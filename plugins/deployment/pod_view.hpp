// PodView: the few facts of a Pod that a ReplicaSet decides by, and a cache of them, so that one changed pod among a
// thousand costs one decode.
//
// Invariants: a view is taken from exactly the revision it names. Threads: PodViews from any; it holds no lock over a
// decode. Ownership: values.
#pragma once
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include <keelson/sdk.hpp>

namespace deployment {

using keelson::core_v1::Pod;

struct PodView {
  keelson::Key key;
  std::string uid, node, phase;
  std::uint64_t revision = 0;
  bool deleting = false, ready = false;
  std::int64_t ready_since_unix_s = 0, creation_unix_s = 0, deletion_cost = 0, restarts = 0;
  std::map<std::string, std::string> labels;

  bool terminal() const { return phase == "Succeeded" || phase == "Failed"; }
  bool active() const { return !terminal() && !deleting; }
  bool available(std::int64_t now_unix_s, std::int32_t min_ready_s) const {
    return ready && (min_ready_s == 0 || ready_since_unix_s + min_ready_s <= now_unix_s);
  }
};
using PodViewRef = std::shared_ptr<const PodView>;

/// Of a Pod as it is stored. Throws DecodeError.
PodView view_of(std::string_view pod_json, std::uint64_t revision);

class PodViews {
 public:
  PodViewRef of(const keelson::Ref<Pod>& pod);
  void forget(std::string_view uid);

 private:
  std::mutex mutex_;
  std::unordered_map<std::string, PodViewRef> by_uid_;
};

/// Orders victims first: the pods that a scale-down takes, by upstream's ranking. `crowd` counts the active pods of all
/// sets of the same owner per node.
void rank_for_deletion(std::vector<PodViewRef>& pods, const std::unordered_map<std::string, int>& crowd, std::int64_t now_unix_s);

}  // namespace deployment

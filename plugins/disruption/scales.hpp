// Scales: how many pods the owners of pods are meant to have.
//
// Invariants: an owner that cannot be counted is an error, so that nobody takes its pods for spare ones. Any kind with the subresource
//   `scale` counts, by its spec.replicas; for a ReplicaSet of a Deployment the Deployment's.
// Threads: any; one mutex over the known kinds, held over no call but that for them. Ownership: values.
#pragma once
#include <mutex>

#include "pod_state.hpp"

namespace disruption {

class Scales {
 public:
  struct Expected {
    std::int32_t pods = 0;
    std::vector<std::string> unmanaged;   ///< pods without a controller: nothing tells how many of them there should be
  };
  /// The sum over all controllers of `pods`, each counted once.
  keelson::Outcome<Expected> of(keelson::Context& ctx, const std::vector<keelson::Ref<PodState>>& pods);

 private:
  struct Scaled {
    std::string uid;
    std::int32_t replicas = 0;
  };
  keelson::Outcome<Scaled> scale_of(keelson::Context& ctx, std::string_view ns, const keelson::meta_v1::OwnerReference& owner);
  std::optional<keelson::KindInfo> kind_of(keelson::Context& ctx, const keelson::meta_v1::OwnerReference& owner);

  std::mutex mutex_;
  std::vector<keelson::KindInfo> scalable_;   // under mutex_
};

}  // namespace disruption

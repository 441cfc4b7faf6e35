// Protection: claims stay while a pod uses them, volumes while they are bound. Admission marks both with a finalizer when they
// are made; here it is taken off.
//
// Invariants: a mark goes only from what is being deleted, and only when the store itself shows nobody who uses it. What has
//   no mark and is not being deleted gets one.
// Threads: note() from the event thread, reconcile() from a worker; one mutex.
#pragma once
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include <keelson/sdk.hpp>

namespace gc {

/// Which claims wait for their pods to go.
class Waiting {
 public:
  /// Takes in a change of any kind; answers the work that follows from it: namespace, and "<storage key>/<name>".
  std::vector<keelson::Key> note(std::string_view what, const keelson::KindInfo& kind, const keelson::ObjectHandle& now, const keelson::ObjectHandle& before);

 private:
  std::mutex mutex_;
  std::set<keelson::Key> claims_;
};

std::unique_ptr<keelson::KeyReconciler> make_protector();

}  // namespace gc

// Protection: claims stay while a pod uses them, volumes while they are bound, classes of attributes while a claim or volume has them.
// Admission marks all with a finalizer when they are made; here it is taken off.
//
// Invariants: a mark goes only from what is being deleted, and only when the store itself shows nobody who uses it. What has
//   no mark and is not being deleted gets one.
// Threads: note() from the event thread, reconcile() from a worker; one mutex.
#pragma once
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include <keelson/sdk.hpp>

namespace gc {

struct Guarded;

/// The kinds that Waiting and Ended look at, plain objects too: storage keys.
std::vector<std::string> kinds_of_interest();

/// Which claims wait for their pods to go, and which classes for their claims and volumes.
class Waiting {
 public:
  /// Takes in a change of any kind; answers the work that follows from it: namespace, and "<storage key>/<name>".
  std::vector<keelson::Key> note(std::string_view what, const keelson::KindInfo& kind, const keelson::ObjectHandle& now, const keelson::ObjectHandle& before);

 private:
  void wake(const Guarded& what, std::string_view ns, std::vector<keelson::Key>& work) const;
  std::mutex mutex_;
  std::set<keelson::Key> waiting_;
};

std::unique_ptr<keelson::KeyReconciler> make_protector();

}  // namespace gc

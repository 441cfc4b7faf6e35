// Graph: who is owned by whom, by uid, kept by changes.
//
// Invariants: holds exactly the objects that own, are owned, or wait for their dependents; an edge exists as long as the
//   dependent names the owner. Threads: changes from the event thread, questions from workers; one mutex.
#pragma once
#include <map>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include <keelson/sdk.hpp>

namespace gc {

using keelson::meta_v1::OwnerReference;

/// Names an object in the work queue: namespace, and "<storage key>/<name>".
keelson::Key work_key(std::string_view storage_key, std::string_view ns, std::string_view name);

class Graph {
 public:
  /// Takes in a change; answers what has to be looked at because of it.
  std::vector<keelson::Key> update(std::string_view what, const keelson::KindInfo& kind, const keelson::ObjectHandle& now, const keelson::ObjectHandle& before);
  struct Dependent {
    keelson::Key key;
    bool blocks = false;   ///< its reference says blockOwnerDeletion
    bool waits = false;    ///< it is itself being deleted in the foreground
  };
  std::vector<Dependent> dependents(const std::string& owner_uid) const;
  bool has_dependents(const std::string& owner_uid) const;
  /// Where an object with this uid is; nullopt: nowhere that was shown so far.
  std::optional<keelson::Key> where(const std::string& uid) const;

 private:
  struct Entry {
    keelson::Key key;
    std::vector<OwnerReference> owners;
    bool waits_for_dependents = false;   ///< being deleted in the foreground
  };
  void link(const std::string& uid, const std::vector<OwnerReference>& owners);
  void unlink(const std::string& uid);
  void owners_waiting(const std::vector<OwnerReference>& owners, std::vector<keelson::Key>& work) const;

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;                              // by uid
  std::unordered_map<std::string, std::map<std::string, bool>> dependents_;     // owner uid -> dependent uid -> blocks
};

/// What the collector reads of any object.
struct Subject {
  std::string uid, resource_version;
  std::vector<OwnerReference> owners;
  std::vector<std::string> finalizers;
  bool deleting = false;
  bool has(std::string_view finalizer) const;
};
Subject subject_of(const keelson::ObjectHandle& object);

}  // namespace gc

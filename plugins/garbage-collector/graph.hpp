// Graph: who is owned by whom, by uid, kept by changes.
//
// Invariants: holds only objects that have owners, that wait for their dependents, or that a dependent names and somebody has
//   found (learn): of most objects nothing is kept, and plain ones (without owners, not being deleted) are not even shown. An edge exists as long as the dependent names the owner.
// Threads: changes from the event thread, questions from workers; one mutex.
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

/// What the collector reads of any object.
struct Subject {
  std::string uid, resource_version;
  std::vector<OwnerReference> owners;
  std::vector<std::string> finalizers;
  bool deleting = false;
  bool has(std::string_view finalizer) const;
};
Subject subject_of(const keelson::ObjectHandle& object);

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
  struct Owner {
    bool known = false;                 ///< false: to be looked for in the store
    std::optional<keelson::Key> where;  ///< nullopt and known: gone
  };
  Owner owner(const std::string& uid) const;
  /// What the store said of an owner that dependents name; nullopt: it is nowhere. What a change says later counts more.
  void learn(const std::string& owner_uid, const std::optional<keelson::Key>& where);

 private:
  struct Entry {
    keelson::Key key;
    std::vector<OwnerReference> owners;
    bool waits_for_dependents = false;   ///< being deleted in the foreground
  };
  struct Owned {
    std::map<std::string, bool> dependents;   ///< by uid: whether its reference blocks the owner's deletion
    bool owner_gone = false;
  };
  std::vector<keelson::Key> forget(const Subject& subject);
  std::vector<keelson::Key> take_in(const Subject& subject, const keelson::Key& key, bool waits);
  bool stands(const OwnerReference& owner, std::string_view ns) const;
  void link(const std::string& uid, const std::vector<OwnerReference>& owners);
  void unlink(const std::string& uid);
  void drop_if_idle(const std::string& uid);
  void owners_waiting(const std::vector<OwnerReference>& owners, std::vector<keelson::Key>& work) const;

  mutable std::mutex mutex_;
  std::unordered_map<std::string, Entry> entries_;   // by uid
  std::unordered_map<std::string, Owned> owned_;     // by the owner's uid
};

}  // namespace gc

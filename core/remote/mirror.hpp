// Mirror: a store that shows what a remote server has, as far as its watches told, with this process's own writes on top
// until the watches show them too.
//
// Invariants: objects keep the server's resourceVersion; the order in which changes were learnt has revisions of its own,
//   never below the newest resourceVersion in it. A write of our own is seen by every read after it returned, and nothing
//   older replaces it. Commits are refused: writes go to the server.
// Threads: changes on the client's thread only; the store as any store. Ownership: the store shares what the mirror keeps.
#pragma once
#include <boost/json/value.hpp>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "core/base/metrics.hpp"
#include "core/kinds/kind.hpp"
#include "core/store/store.hpp"

namespace keelson::remote {

/// Changes that are kept for those who fell behind.
inline constexpr std::size_t kMirrorChangesMax = 100'000;
inline constexpr std::uint64_t kMirrorHistoryBytesMax = 64ull << 20;

/// An object as the server printed it; what lists leave out (apiVersion, kind) comes from the kind.
base::Outcome<store::ObjectRef> object_from(const kinds::Kind& kind, boost::json::value value);

class Mirror {
 public:
  Mirror(base::Runtime& runtime, base::Metrics& metrics);
  ~Mirror();
  store::Store& store() { return *store_; }

  // --- what the server says ---
  /// All objects of a resource as of `upto`.
  void replace(store::Atom resource, std::vector<store::ObjectRef> objects, store::Revision upto);
  void show(store::ObjectRef object);
  /// Its last state, under the revision of its deletion.
  void show_deleted(const store::ObjectRef& object);
  /// Nothing of this resource happened up to here that was not shown.
  void passed(store::Atom resource, store::Revision upto);

  // --- what this process did ---
  void wrote(store::ObjectRef object);
  void removed(const store::Key& key, const std::string& uid);

 private:
  class Changes;
  /// A write of our own that the watch has not shown yet.
  struct Own {
    store::Revision revision = 0;    // 0: removed
    std::string uid;
  };
  struct KeyHash {
    std::size_t operator()(const store::Key& key) const { return std::hash<std::string>()(key.name) ^ std::hash<std::string>()(key.ns) * 31; }
  };
  void put(store::ObjectRef object);
  void erase(const store::Key& key);
  /// Whether the watch's news about a key is older than what we did to it.
  bool outdated(const store::Object& object);
  void install(std::vector<store::Change> changes);

  std::shared_ptr<Changes> changes_;
  std::unique_ptr<store::Store> store_;
  std::unordered_map<store::Key, Own, KeyHash> own_;
  std::unordered_map<store::Atom, store::Revision> shown_;   ///< by resource: how far its watch is
};

}  // namespace keelson::remote

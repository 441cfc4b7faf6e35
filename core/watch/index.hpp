// Index: the live subscriptions, found by what a change is about, so that a change costs what its watchers cost.
//
// Invariants: a Group stands in exactly one bucket: fixed name, else one selectable field, else one equality label (the
//   rarest so far), else namespace, else the whole resource. Each change visits every Group that may match its old or
//   new state, each once.
// Threads: guarded by the hub's mutex. Ownership: Groups are shared with the watchers in them and events on their way.
#pragma once
#include <functional>
#include <map>
#include <unordered_map>

#include "core/watch/watcher.hpp"

namespace keelson::watch {

/// Watchers with the same resource, namespace, selector and encoding: matched once, encoded once.
struct Group {
  std::string id;
  store::Atom resource;
  std::string ns;
  Selector selector;
  Encoding encoding;
  std::vector<WatcherRef> members;
  std::string bucket;             ///< where the index keeps it
  std::uint64_t visited = 0;      ///< by which change last

  bool matches(const store::Object& object) const { return (ns.empty() || object.key().ns == ns) && selector.matches(object); }
};
using GroupRef = std::shared_ptr<Group>;

class Index {
 public:
  /// The group of equal requests, made if it is the first.
  GroupRef join(const WatchRequest& request);
  /// Forgets a group without members.
  void leave(const GroupRef& group);
  /// Every group that may want `change`.
  void candidates(const store::Change& change, const std::function<void(const GroupRef&)>& visit);
  void each(const std::function<void(const GroupRef&)>& visit) const;

 private:
  using Bucket = std::vector<GroupRef>;
  struct PerResource {
    std::unordered_map<std::string, Bucket> buckets;
    std::size_t by_name = 0, by_field = 0, by_label = 0;   ///< groups of each sort: a sort without any is not looked up
  };

  std::string bucket_for(const PerResource& resource, const Group& group) const;
  static std::size_t* counter_of(PerResource& resource, const std::string& bucket);

  std::unordered_map<store::Atom, PerResource> resources_;
  std::unordered_map<std::string, GroupRef> groups_;
  std::uint64_t change_ = 0;
};

}  // namespace keelson::watch

// Feed: the one subscription of all plugins to the store. Hands each commit to the indexes and to the inboxes of those
// plugins that want one of its resources.
//
// Invariants: an inbox gets every matching change after it was added, in order, or is told that it lost some. The
//   committer never waits for a plugin.
// Threads: any. Ownership: inboxes are shared between the feed and their plugin.
#pragma once
#include <algorithm>
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/runtime.hpp"
#include "core/plugins/index.hpp"
#include "core/store/store.hpp"

namespace keelson::plugins {

/// Changes that wait for one plugin; beyond it the plugin reads them from the log instead.
inline constexpr std::size_t kInboxChangesMax = 65'536;

/// What was published together, for all who want most of it: nobody's copy, for the counts of its objects are what all of them would touch.
using Changes = std::shared_ptr<const std::vector<store::Change>>;

/// What is being published, and its one copy for all inboxes. Threads: that which delivers.
class Delivery {
 public:
  explicit Delivery(std::span<const store::Change> changes) : changes_(changes) {}
  std::span<const store::Change> changes() const { return changes_; }
  const Changes& whole() {
    if (!whole_) whole_ = std::make_shared<const std::vector<store::Change>>(changes_.begin(), changes_.end());
    return whole_;
  }

 private:
  const std::span<const store::Change> changes_;
  Changes whole_;
};

class Inbox {
 public:
  explicit Inbox(std::shared_ptr<base::Waiter> waiter) : waiter_(std::move(waiter)) {}
  /// Before it is added to a feed. `name`: of objects of this name only, and of those of other calls.
  void want(store::Atom resource, std::string_view name = {});
  /// Everything, but what is not wanted by want() may come late: see Feed.
  void want_all() { all_ = true; }
  void want_deletions() { deletions_ = true; }
  /// Of every resource what `wanted` says, and that may come late, too.
  void want_if(std::function<bool(const store::Change&)> wanted) { conditions_.push_back(std::move(wanted)); }
  /// Before it is added to a feed: what of `resource` needs no thread. `route` gets its changes on the thread that delivers them, under
  /// no lock of the inbox, once open() was called; it must not wait. They can be taken too, but nobody is woken for them at once
  /// unless want() names the resource as well.
  using Route = std::function<void(const store::Change&)>;
  void want_at_once(store::Atom resource, Route route) { routes_[resource].push_back(std::move(route)); }
  /// The revision after which all were routed.
  store::Revision open();
  /// Some objects of the resource at least.
  bool wants(store::Atom resource) const { return all_ || !conditions_.empty() || wanted_.contains(resource) || routes_.contains(resource); }
  bool wants(const store::Change& change) const {
    const auto& key = change.object->key();
    return all_ || (deletions_ && change.type == store::ChangeType::deleted) || routes_.contains(key.resource) || wants_soon(key) ||
           std::any_of(conditions_.begin(), conditions_.end(), [&](const auto& wanted) { return wanted(change); });
  }

  /// True: it got something that may wait for a later wake-up.
  bool offer(Delivery& delivery);
  /// Takes all that is there, and some beside it that nobody here wants(). True: some were lost since the last take.
  bool take(std::vector<Changes>& out);
  /// What is in it is lost.
  void lose();
  base::Waiter& waiter() { return *waiter_; }

 private:
  bool keep(Delivery& delivery, bool& soon);
  Changes wanted_of(Delivery& delivery, std::size_t count) const;
  void drop();
  bool wants_soon(const store::Key& key) const;

  std::unordered_map<store::Atom, std::set<std::string, std::less<>>> wanted_;   // resources; no names: all of them
  std::unordered_map<store::Atom, std::vector<Route>> routes_;
  std::vector<std::function<bool(const store::Change&)>> conditions_;
  bool all_ = false, deletions_ = false;
  const std::shared_ptr<base::Waiter> waiter_;   // shared: one thread may wait for several things
  std::mutex mutex_;
  std::vector<Changes> changes_;
  std::size_t wanted_changes_ = 0;   // of changes_
  bool lost_ = false;
  bool open_ = false;
  store::Revision last_ = 0;   // offered
};

class Feed final : public store::FeedSink {
 public:
  /// Observers of everything are woken for what only they want at most once in `late_ms`: they clean up, and waking a
  /// thread costs more than what it does for one change. 0: at once.
  Feed(store::Store& store, base::Runtime& runtime, std::int64_t late_ms);
  ~Feed() override;
  void add(std::shared_ptr<Inbox> inbox);
  void remove(const Inbox& inbox);
  void on_changes(std::span<const store::Change> changes) override;
  /// All inboxes lose what they have, and are told so.
  void lose();
  Indexes& indexes() { return indexes_; }

 private:
  void wake_later(std::vector<std::shared_ptr<Inbox>> late);

  /// What the timer holds instead of the feed.
  struct Late {
    std::mutex mutex;
    std::vector<std::shared_ptr<Inbox>> inboxes;
  };
  Indexes indexes_;
  base::Runtime& runtime_;
  const std::int64_t late_ms_;
  const std::shared_ptr<Late> late_ = std::make_shared<Late>();
  std::mutex mutex_;
  std::vector<std::shared_ptr<Inbox>> inboxes_;
  std::unique_ptr<store::Subscription> subscription_;   // last: ends the calls before the rest goes
};

}  // namespace keelson::plugins

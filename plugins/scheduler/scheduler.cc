// scheduler: pods without a node get one. Bindings are submitted without waiting, so that one worker keeps many in flight.
#include <algorithm>
#include <memory>
#include <set>

#include "cluster.hpp"

namespace scheduler {
namespace {

constexpr std::string_view kProfile = "default-scheduler";
constexpr int kBindingsPerLook = 512;
constexpr std::int64_t kBackoffFirst_s = 1, kBackoffMax_s = 10;
constexpr const char* kLook = "look";          // take what waits
constexpr const char* kLookAgain = "again";    // the same, with those that were put aside

/// Pods that wait: those to look at now, by priority and age, and those that did not fit the last time.
class Waiting {
 public:
  void add(Candidate candidate) {
    std::lock_guard lock(mutex_);
    drop(candidate.uid);
    const auto uid = candidate.uid;
    const Rank rank{-candidate.priority, next_++, uid};
    ready_.insert(rank);
    entries_[uid] = {std::move(candidate), rank, 0};
  }
  void remove(const std::string& uid) {
    std::lock_guard lock(mutex_);
    drop(uid);
  }
  std::optional<Candidate> take() {
    std::lock_guard lock(mutex_);
    if (ready_.empty()) return std::nullopt;
    const auto uid = ready_.begin()->uid;
    ready_.erase(ready_.begin());
    return entries_[uid].candidate;
  }
  /// It did not fit or its binding failed: waits for room, or for its back-off. Answers that back-off in seconds.
  std::int64_t put_aside(const std::string& uid) {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(uid);
    if (found == entries_.end()) return kBackoffMax_s;
    const auto tries = std::min(found->second.tries++, 8);
    aside_.insert(uid);
    return std::min(kBackoffFirst_s << tries, kBackoffMax_s);
  }
  /// Something changed that may help: all that were put aside are looked at again.
  bool reconsider() {
    std::lock_guard lock(mutex_);
    for (const auto& uid : aside_) ready_.insert(entries_[uid].rank);
    return std::exchange(aside_, {}).size() > 0;
  }

 private:
  struct Rank {
    std::int64_t negated_priority;
    std::uint64_t order;
    std::string uid;
    auto operator<=>(const Rank&) const = default;
  };
  struct Entry {
    Candidate candidate;
    Rank rank;
    int tries = 0;
  };
  void drop(const std::string& uid) {
    const auto found = entries_.find(uid);
    if (found == entries_.end()) return;
    ready_.erase(found->second.rank);
    aside_.erase(uid);
    entries_.erase(found);
  }

  std::mutex mutex_;
  std::uint64_t next_ = 0;
  std::set<Rank> ready_;
  std::set<std::string> aside_;
  std::unordered_map<std::string, Entry> entries_;
};

/// What observers, worker and completions share.
struct Shared {
  Cluster cluster;
  Waiting waiting;
  std::function<void(const char* look, std::int64_t delay_s)> wake;
  std::mutex bound_mutex;
  std::vector<Candidate> bound;         ///< bindings that succeeded and have no event so far

  void look_again() { if (waiting.reconsider()) wake(kLook, 0); }
};

bool wants_node(const keelson::Ref<Pod>& pod) {
  return pod.field("spec.nodeName").empty() && !pod.deleting() && pod.field("spec.schedulerName") == kProfile && pod->spec.schedulingGates.empty() &&
         pod.field("status.phase") != "Succeeded" && pod.field("status.phase") != "Failed";
}

std::string fit_error(const Choice& choice) {
  std::vector<std::string> counted;
  for (const auto& [reason, count] : choice.reasons) counted.push_back(keelson::str(count, " ", reason));
  std::sort(counted.begin(), counted.end());
  std::string text = keelson::str("0/", choice.nodes, " nodes are available");
  if (counted.empty()) return choice.nodes == 0 ? "no nodes available to schedule pods" : text + ".";
  for (std::size_t i = 0; i < counted.size(); ++i) text += (i == 0 ? ": " : ", ") + counted[i];
  return text + ".";
}

class SchedulingLoop final : public keelson::KeyReconciler {
 public:
  explicit SchedulingLoop(std::shared_ptr<Shared> shared) : shared_(std::move(shared)) {}

  keelson::Result reconcile(keelson::Context& ctx, const keelson::Key& key) override {
    if (key.name == kLookAgain) shared_->waiting.reconsider();
    tell_bound(ctx);
    for (int i = 0; i < kBindingsPerLook; ++i) {
      const auto candidate = shared_->waiting.take();
      if (!candidate) return keelson::done();
      const auto choice = shared_->cluster.choose(*candidate, ctx.random());
      if (choice.node.empty()) refuse(ctx, *candidate, fit_error(choice));
      else bind(ctx, *candidate, choice.node);
    }
    shared_->wake(kLook, 0);
    return keelson::done();
  }

 private:
  void tell_bound(keelson::Context& ctx) {
    std::vector<Candidate> bound;
    {
      std::lock_guard lock(shared_->bound_mutex);
      bound.swap(shared_->bound);
    }
    for (const auto& candidate : bound) {
      ctx.event(*candidate.pod, keelson::Normal, "Scheduled",
                keelson::str("Successfully assigned ", candidate.key.ns, "/", candidate.key.name, " to ", candidate.node));
    }
  }

  void bind(keelson::Context& ctx, Candidate candidate, const std::string& node) {
    candidate.node = node;
    const auto body = keelson::str(R"({"apiVersion":"v1","kind":"Binding","metadata":{"name":")", candidate.key.name, R"(","namespace":")", candidate.key.ns,
                                   R"(","uid":")", candidate.uid, R"("},"target":{"apiVersion":"v1","kind":"Node","name":")", node, R"("}})");
    ctx.submit_post(Pod::gvk, candidate.key, "binding", body, [shared = shared_, candidate](const keelson::Error* error) {
      if (!error) {
        std::lock_guard lock(shared->bound_mutex);
        shared->bound.push_back(candidate);
        return shared->wake(kLook, 0);
      }
      shared->cluster.forget(candidate.uid);
      if (error->code == 404 || error->code == 409) return shared->waiting.remove(candidate.uid);   // gone, or bound by another
      shared->wake(kLookAgain, shared->waiting.put_aside(candidate.uid));
    });
  }

  /// Says once why; the same text again moves nothing.
  void refuse(keelson::Context& ctx, const Candidate& candidate, const std::string& why) {
    shared_->waiting.put_aside(candidate.uid);
    const auto pod = ctx.find<Pod>(candidate.key);
    if (!pod || pod.uid() != candidate.uid) return shared_->waiting.remove(candidate.uid);
    ctx.event(*pod, keelson::Warning, "FailedScheduling", why);
    Pod next = *pod;
    auto& conditions = next.status.conditions;
    const auto held = std::find_if(conditions.begin(), conditions.end(), [](const auto& c) { return c.type == "PodScheduled"; });
    if (held != conditions.end() && held->message == why && held->reason == "Unschedulable") return;
    keelson::core_v1::PodCondition condition;
    condition.type = "PodScheduled";
    condition.status = "False";
    condition.reason = "Unschedulable";
    condition.message = why;
    condition.lastTransitionTime = held != conditions.end() && held->status == "False" ? held->lastTransitionTime : keelson::Time(ctx.unix_ns() / 1'000'000'000);
    if (held != conditions.end()) conditions.erase(held);
    conditions.push_back(condition);
    if (const auto written = ctx.modify_status(*pod, next); !written) ctx.log("warn", keelson::str("condition of ", candidate.key.name, ": ", written.error().message));
  }

  std::shared_ptr<Shared> shared_;
};

void pod_observed(Shared& shared, const keelson::Observed<Pod>& change) {
  using What = keelson::Observed<Pod>::What;
  if (change.what == What::synced) return shared.wake(kLook, 0);
  const bool room = shared.cluster.pod_changed(change);
  const auto& shown = change.what == What::deleted ? change.before : change.now;
  if (change.what == What::deleted || !wants_node(shown)) shared.waiting.remove(std::string(shown.uid()));
  else if (change.what == What::added || !wants_node(change.before) || change.before->spec != shown->spec || change.before->meta.labels != shown->meta.labels) {
    shared.waiting.add(candidate_of(*shown));
    shared.wake(kLook, 0);
  }
  if (room) shared.look_again();
}

}  // namespace
}  // namespace scheduler

KEELSON_PLUGIN("scheduler", "0.1.0", setup) {
  using namespace scheduler;
  setup.component("default-scheduler");
  auto shared = std::make_shared<Shared>();
  auto& loop = setup.keyed_controller("scheduler", std::make_unique<SchedulingLoop>(shared));
  shared->wake = [&loop](const char* look, std::int64_t delay_s) { loop.trigger({"", look}, std::chrono::seconds(delay_s)); };
  setup.observe<Node>([shared](const keelson::Observed<Node>& change) {
    if (shared->cluster.node_changed(change)) shared->look_again();
  });
  setup.observe<Pod>([shared](const keelson::Observed<Pod>& change) { pod_observed(*shared, change); });
}

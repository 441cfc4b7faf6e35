// scheduler: pods without a node get one. Bindings are submitted without waiting, so that one worker keeps many in flight.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <iterator>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <tuple>

#include "cluster.hpp"
#include "extensions.hpp"

namespace scheduler {
namespace {

constexpr std::string_view kProfile = "default-scheduler";
constexpr int kBindingsPerLook = 512;
constexpr std::size_t kBoundTogether = 64;     // bindings that are submitted at once
constexpr std::size_t kEventsPerLook = 256;
constexpr std::size_t kUntoldMax = 16'384;     // bindings whose events wait for others to be bound
constexpr std::chrono::nanoseconds kUntoldLongest = std::chrono::seconds(1);   // and how long they do
constexpr std::size_t kFewUntold = 8;          // are told as soon as none is being bound
constexpr std::chrono::nanoseconds kQuiet = std::chrono::milliseconds(20);    // more of them when nothing was bound for so long
constexpr std::int64_t kBackoffFirst_s = 1, kBackoffMax_s = 10;
constexpr const char* kLook = "look";          // take what waits
constexpr const char* kLookAgain = "again";    // the same, with those that were put aside

using CandidateRef = std::shared_ptr<const Candidate>;   // shared: a binding under way outlives its place in the queue

/// Pods that wait: those to look at now, by priority and age, and those that did not fit the last time.
class Waiting {
 public:
  void add(Candidate candidate) {
    auto shared = std::make_shared<const Candidate>(std::move(candidate));
    std::lock_guard lock(mutex_);
    drop(shared->uid);
    const Rank rank{-shared->priority, next_++};
    auto& entry = entries_[shared->uid] = {shared, rank};
    make_ready(entry);
  }
  void remove(const std::string& uid) {
    std::lock_guard lock(mutex_);
    drop(uid);
  }
  /// Null: none is ready.
  CandidateRef take() {
    std::lock_guard lock(mutex_);
    if (ready_.empty()) return nullptr;
    auto& entry = *ready_.begin()->second;
    ready_.erase(ready_.begin());
    entry.ready = false;
    return entry.candidate;
  }
  /// It did not fit or its binding failed: waits for room, or for its back-off. Answers that back-off in seconds.
  std::int64_t put_aside(const std::string& uid) {
    std::lock_guard lock(mutex_);
    const auto found = entries_.find(uid);
    if (found == entries_.end()) return kBackoffMax_s;
    const auto tries = std::min(found->second.tries++, 8);
    if (!found->second.ready) aside_.insert(uid);   // it has changed meanwhile
    return std::min(kBackoffFirst_s << tries, kBackoffMax_s);
  }
  /// Something changed that may help: all that were put aside are looked at again.
  bool reconsider() {
    std::lock_guard lock(mutex_);
    for (const auto& uid : aside_) make_ready(entries_[uid]);
    return std::exchange(aside_, {}).size() > 0;
  }

 private:
  struct Rank {
    std::int64_t negated_priority = 0;
    std::uint64_t order = 0;                 // no two have the same
    auto operator<=>(const Rank&) const = default;
  };
  struct Entry {
    CandidateRef candidate;
    Rank rank;
    int tries = 0;
    bool ready = false;   // it is in ready_
  };
  void make_ready(Entry& entry) {
    ready_.emplace_hint(ready_.end(), entry.rank, &entry);
    entry.ready = true;
  }
  void drop(const std::string& uid) {
    const auto found = entries_.find(uid);
    if (found == entries_.end()) return;
    if (found->second.ready) ready_.erase(found->second.rank);
    else aside_.erase(uid);
    entries_.erase(found);
  }

  std::mutex mutex_;
  std::uint64_t next_ = 0;
  std::map<Rank, Entry*> ready_;   // of entries_
  std::set<std::string> aside_;    // none of them ready
  std::unordered_map<std::string, Entry> entries_;
};

/// A pod and where it is bound to.
struct Bound {
  CandidateRef candidate;
  std::string node;
  std::int64_t since_ns = 0;
};

/// What observers, worker and completions share.
struct Shared {
  Cluster cluster;
  Waiting waiting;
  std::function<void(const char* look, std::chrono::nanoseconds delay)> wake;
  std::mutex bound_mutex;
  std::deque<Bound> bound;              ///< bindings that succeeded and have no event so far
  std::atomic<int> binding{0};          ///< bindings under way
  std::vector<Bound> unbound;           ///< bindings that failed and whose reservations are still held

  void look_again() { if (waiting.reconsider()) wake(kLook, {}); }
  void remember_bound(Bound to) {
    std::lock_guard lock(bound_mutex);
    bound.push_back(std::move(to));
  }
  /// After what became of it was noted. The last one brings the worker to tell of all.
  void binding_ended() {
    if (--binding == 0) wake(kLook, {});
  }
};

bool wants_node(const keelson::Ref<Pod>& pod) {
  return pod.field("spec.nodeName").empty() && !pod.deleting() && pod.field("spec.schedulerName") == kProfile && pod->spec.schedulingGates.empty() &&
         pod.field("status.phase") != "Succeeded" && pod.field("status.phase") != "Failed";
}

std::string reference_to(const Candidate& pod) {
  return keelson::str(R"({"kind":"Pod","apiVersion":"v1","namespace":")", pod.key.ns, R"(","name":")", pod.key.name, R"(","uid":")", pod.uid, R"(","resourceVersion":")", pod.revision, R"("})");
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
    Extensions extensions(ctx);
    give_back(ctx, extensions);
    const bool more = work_off(ctx, extensions);
    const auto untold = tell_bound(ctx, more);
    if (more) shared_->wake(kLook, {});
    else if (untold) shared_->wake(kLook, *untold);
    return keelson::done();
  }

 private:
  /// False: no pod is left that could be looked at now.
  bool work_off(keelson::Context& ctx, Extensions& extensions) {
    const bool others_have_a_say = extensions.choose() || extensions.place();
    std::vector<Bound> chosen;
    CandidateRef candidate;
    for (int i = 0; i < kBindingsPerLook && (candidate = shared_->waiting.take()); ++i) {
      if (others_have_a_say) {
        schedule(ctx, candidate, extensions);
        continue;
      }
      auto choice = shared_->cluster.choose(*candidate, ctx.random());
      const bool fits = !choice.node.empty();
      if (fits) chosen.push_back({candidate, std::move(choice.node), ctx.monotonic_ns()});
      if (!fits || chosen.size() == kBoundTogether) bind(ctx, std::exchange(chosen, {}), false);
      if (!fits) refuse(ctx, *candidate, fit_error(choice));
    }
    bind(ctx, std::move(chosen), false);
    return candidate != nullptr;
  }

  /// Pods that wait or are being bound come first: what is told of those that have a node can wait. Answers when to go on with it.
  std::optional<std::chrono::nanoseconds> tell_bound(keelson::Context& ctx, bool others_wait) {
    std::vector<Bound> told;
    bool left = false;
    {
      std::lock_guard lock(shared_->bound_mutex);
      auto& untold = shared_->bound;
      if (untold.empty()) return std::nullopt;
      const auto passed = [&](const Bound& bound) { return std::chrono::nanoseconds(ctx.monotonic_ns() - bound.since_ns); };
      const bool others_come_first = others_wait || shared_->binding > 0;   // and bring the worker back
      const bool quiet = untold.size() <= kFewUntold || passed(untold.back()) >= kQuiet;
      if ((others_come_first || !quiet) && untold.size() < kUntoldMax && passed(untold.front()) < kUntoldLongest) return others_come_first ? std::nullopt : std::make_optional(kQuiet);
      const auto end = untold.begin() + static_cast<std::ptrdiff_t>(std::min(untold.size(), kEventsPerLook));
      told.assign(std::make_move_iterator(untold.begin()), std::make_move_iterator(end));
      untold.erase(untold.begin(), end);
      left = !untold.empty();
    }
    for (const auto& [candidate, node, since_ns] : told)
      ctx.record_event(reference_to(*candidate), keelson::Normal, "Scheduled", keelson::str("Successfully assigned ", candidate->key.ns, "/", candidate->key.name, " to ", node));
    if (left) return std::chrono::nanoseconds(0);
    return std::nullopt;
  }

  /// One pod with the say of other plugins. It waits when one of them wants that or cannot answer.
  void schedule(keelson::Context& ctx, const CandidateRef& waits, Extensions& extensions) {
    const auto& candidate = *waits;
    const auto pod = ctx.find_raw(Pod::gvk, candidate.key);
    if (!pod || pod.uid() != candidate.uid) return shared_->waiting.remove(candidate.uid);
    Choice choice;
    auto fits = shared_->cluster.fits(candidate, choice);
    if (const auto weighed = extensions.weigh(pod, fits, choice); !weighed) return refuse(ctx, candidate, weighed.error().message, true);
    const auto node = best_of(fits, ctx.random());
    if (node.empty()) return refuse(ctx, candidate, fit_error(choice), choice.excluded_by_others);
    if (!shared_->cluster.take(candidate, node)) return shared_->wake(kLookAgain, std::chrono::seconds(shared_->waiting.put_aside(candidate.uid)));   // filled up meanwhile
    if (const auto reserved = extensions.reserve(pod, node); !reserved) {
      shared_->cluster.forget(candidate.uid);
      return refuse(ctx, candidate, reserved.error().message, true);
    }
    const auto bound = extensions.bind(pod, node);
    if (bound && !*bound) return bind(ctx, {{waits, node, ctx.monotonic_ns()}}, true);
    if (bound) return shared_->remember_bound({waits, node, ctx.monotonic_ns()});
    extensions.unreserve(pod, node);
    shared_->cluster.forget(candidate.uid);
    refuse(ctx, candidate, bound.error().message, true);
  }

  static std::string best_of(const std::vector<Fit>& fits, std::uint64_t draw) {
    std::vector<const Fit*> best;
    for (const auto& fit : fits) {
      if (!best.empty() && fit.score > best.front()->score) best.clear();
      if (best.empty() || fit.score == best.front()->score) best.push_back(&fit);
    }
    return best.empty() ? std::string() : std::string(best[draw % best.size()]->node.name());
  }

  /// What others reserved for bindings that failed.
  void give_back(keelson::Context& ctx, Extensions& extensions) {
    std::vector<Bound> unbound;
    {
      std::lock_guard lock(shared_->bound_mutex);
      unbound.swap(shared_->unbound);
    }
    for (const auto& [candidate, node, since_ns] : unbound)
      if (const auto pod = ctx.find_raw(Pod::gvk, candidate->key)) extensions.unreserve(pod, node);
  }

  void bind(keelson::Context& ctx, std::vector<Bound> all, bool reserved) {
    std::vector<keelson::Context::Submitted> bindings;
    bindings.reserve(all.size());
    for (auto& to : all) {
      const auto& [uid, key] = std::tie(to.candidate->uid, to.candidate->key);
      auto body = keelson::str(R"({"apiVersion":"v1","kind":"Binding","metadata":{"name":")", key.name, R"(","namespace":")", key.ns, R"(","uid":")", uid,
                               R"("},"target":{"apiVersion":"v1","kind":"Node","name":")", to.node, R"("}})");
      bindings.push_back({key, std::move(body), [shared = shared_, to = std::move(to), reserved](const keelson::Error* error) {
        if (error) failed(*shared, to, reserved, *error);
        else shared->remember_bound(to);
        shared->binding_ended();
      }});
    }
    shared_->binding += static_cast<int>(bindings.size());
    ctx.submit_posts(Pod::gvk, "binding", std::move(bindings));
  }

  static void failed(Shared& shared, const Bound& to, bool reserved, const keelson::Error& error) {
    const auto& uid = to.candidate->uid;
    shared.cluster.forget(uid);
    if (reserved) {
      std::lock_guard lock(shared.bound_mutex);
      shared.unbound.push_back(to);
      shared.wake(kLook, {});
    }
    if (error.code == 404 || error.code == 409) return shared.waiting.remove(uid);   // gone, or bound by another
    shared.wake(kLookAgain, std::chrono::seconds(shared.waiting.put_aside(uid)));
  }

  /// Says once why; the same text again moves nothing. `again`: room alone does not help, it is tried after its back-off, too.
  void refuse(keelson::Context& ctx, const Candidate& candidate, const std::string& why, bool again = false) {
    const auto delay_s = shared_->waiting.put_aside(candidate.uid);
    if (again) shared_->wake(kLookAgain, std::chrono::seconds(delay_s));
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
  if (change.what == What::synced) return shared.wake(kLook, {});
  if (shared.cluster.stays(change)) return;
  const bool room = shared.cluster.pod_changed(change);
  const auto& shown = change.what == What::deleted ? change.before : change.now;
  if (change.what == What::deleted || !wants_node(shown)) shared.waiting.remove(std::string(shown.uid()));
  else if (change.what == What::added || !wants_node(change.before) || change.before->spec != shown->spec || change.before->meta.labels != shown->meta.labels) {
    shared.waiting.add(shared.cluster.candidate_of(shown));
    shared.wake(kLook, {});
  }
  if (room) shared.look_again();
}

}  // namespace
}  // namespace scheduler

KEELSON_PLUGIN("scheduler", "0.1.0", setup) {
  using namespace scheduler;
  setup.component("default-scheduler");
  setup.may({{"get", "list", "watch"}, {""}, {"nodes", "pods"}});
  setup.may({{"create"}, {""}, {"pods/binding"}});
  setup.may({{"patch"}, {""}, {"pods/status"}});
  for (const auto point : kPoints) setup.point(point);
  auto shared = std::make_shared<Shared>();
  auto& loop = setup.keyed_controller("scheduler", std::make_unique<SchedulingLoop>(shared));
  shared->wake = [&loop](const char* look, std::chrono::nanoseconds delay) { loop.trigger({"", look}, delay); };
  setup.observe<Node>([shared](const keelson::Observed<Node>& change) {
    if (shared->cluster.node_changed(change)) shared->look_again();
  });
  setup.observe<Pod>([shared](const keelson::Observed<Pod>& change) { pod_observed(*shared, change); });
}

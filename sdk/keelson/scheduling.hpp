// Scheduling: another plugin's say in where a pod goes. The scheduler plugin owns the points scheduler.filter, .score, .reserve,
// .unreserve and .bind; each is asked when somebody overrides it.
//
// Invariants: filter and score see the nodes that fit by the scheduler's own rules, all in one call. A pod counts on its node
//   from before reserve() on. Who cannot answer (HookOptions::on_failure = refuse) leaves the pod waiting.
// Threads: workers of the plugin, many at once.
#pragma once
#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <keelson/admission.hpp>

namespace keelson {

namespace core_v1 {
struct Pod;
struct Node;
}  // namespace core_v1

inline constexpr std::int64_t kNodeScoreMax = 100;

/// The nodes that are left for a pod.
class NodeChoice {
 public:
  explicit NodeChoice(std::vector<ObjectHandle> nodes) : nodes_(std::move(nodes)) {}
  std::size_t size() const { return nodes_.size(); }
  std::string_view name(std::size_t index) const { return nodes_[index].name(); }
  Ref<core_v1::Node> node(std::size_t index) const { return Ref<core_v1::Node>(nodes_[index]); }
  /// In filter(): not this one. The reason is counted in the pod's FailedScheduling event.
  void exclude(std::size_t index, std::string_view reason) { said_ += str(index, '\t', reason, '\n'); }
  /// In score(): adds 0 to kNodeScoreMax points, times `weight`.
  void add_score(std::size_t index, std::int64_t points, std::int64_t weight = 1) { said_ += str(index, '\t', std::clamp<std::int64_t>(points, 0, kNodeScoreMax) * weight, '\n'); }
  const std::string& said() const { return said_; }

 private:
  std::vector<ObjectHandle> nodes_;
  std::string said_;
};

class SchedulerExtension {
 public:
  using Pod = Ref<core_v1::Pod>;
  virtual ~SchedulerExtension() = default;
  virtual Result filter(Context& ctx, const Pod& pod, NodeChoice& nodes) { (void)ctx; (void)pod; (void)nodes; return done(); }
  virtual Result score(Context& ctx, const Pod& pod, NodeChoice& nodes) { (void)ctx; (void)pod; (void)nodes; return done(); }
  /// The pod is going to `node`: takes what it needs there. denied(): it waits for another try.
  virtual Result reserve(Context& ctx, const Pod& pod, const std::string& node) { (void)ctx; (void)pod; (void)node; return done(); }
  /// It is not, after all. Only after a reserve().
  virtual Result unreserve(Context& ctx, const Pod& pod, const std::string& node) { (void)ctx; (void)pod; (void)node; return done(); }
  /// True: has bound the pod itself. The first that does so ends the question; nobody: the scheduler binds it.
  virtual Outcome<bool> bind(Context& ctx, const Pod& pod, const std::string& node) { (void)ctx; (void)pod; (void)node; return false; }
};

namespace detail {
using NodesFunction = std::function<Result(Context&, const Ref<core_v1::Pod>&, NodeChoice&)>;
using PlaceFunction = std::function<Result(Context&, const Ref<core_v1::Pod>&, const std::string& node)>;
using BindFunction = std::function<Outcome<bool>(Context&, const Ref<core_v1::Pod>&, const std::string& node)>;
HookFunction nodes_hook(NodesFunction function);
HookFunction place_hook(PlaceFunction function);
HookFunction bind_hook(BindFunction function);
/// done(), or what the reply was told: denied() and invalid() refuse, other failures are failures.
Result answered(Result result, HookReply& reply);
}  // namespace detail

}  // namespace keelson

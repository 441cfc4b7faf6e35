// Extensions: what other plugins say at the scheduler's points (keelson/scheduling.hpp has their side).
//
// Invariants: nodes that the scheduler itself rules out are shown to nobody. A hook that could not answer and whose policy is to
//   refuse makes the step fail; the pod waits. Threads: a value of one look of the scheduling worker.
#pragma once
#include <keelson/hooks.hpp>

#include "cluster.hpp"

namespace scheduler {

class Extensions {
 public:
  explicit Extensions(keelson::Context& ctx);
  bool choose() const { return filter_ || score_; }
  bool place() const { return reserve_ || bind_ || unreserve_; }

  /// Takes out of `fits` what others exclude (counted in `choice`), and adds their points.
  keelson::Outcome<void> weigh(const keelson::ObjectHandle& pod, std::vector<Fit>& fits, Choice& choice);
  /// A failure: another plugin wants it to wait.
  keelson::Outcome<void> reserve(const keelson::ObjectHandle& pod, const std::string& node);
  void unreserve(const keelson::ObjectHandle& pod, const std::string& node);
  /// True: somebody has bound the pod.
  keelson::Outcome<bool> bind(const keelson::ObjectHandle& pod, const std::string& node);

 private:
  keelson::Outcome<std::vector<keelson::HookAnswer>> ask(std::string_view point, const keelson::ObjectHandle& pod, const std::vector<Fit>& fits);
  keelson::Context& ctx_;
  const bool filter_, score_, reserve_, unreserve_, bind_;
};

/// The points, for Setup::point.
inline constexpr std::string_view kPoints[] = {"scheduler.filter", "scheduler.score", "scheduler.reserve", "scheduler.unreserve", "scheduler.bind"};

}  // namespace scheduler

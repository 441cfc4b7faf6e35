// ProbeState: the arithmetic of thresholds of one probe of one container. Pure.
#pragma once
#include <cstdint>

namespace keelson::node {

enum class ProbeKind { liveness, readiness, startup };
enum class ProbeOutcome { unknown, success, failure };

class ProbeState {
 public:
  ProbeState(ProbeKind kind, int success_threshold, int failure_threshold)
      : success_threshold_(success_threshold > 0 ? success_threshold : 1), failure_threshold_(failure_threshold > 0 ? failure_threshold : 3),
        result_(kind == ProbeKind::liveness ? ProbeOutcome::success : kind == ProbeKind::readiness ? ProbeOutcome::failure : ProbeOutcome::unknown) {}

  ProbeOutcome result() const { return result_; }
  /// Takes over what an earlier agent found out.
  void adopt(ProbeOutcome result) { result_ = result; }
  /// Counts one attempt. True: the result changed.
  bool feed(bool success) {
    const auto now = success ? ProbeOutcome::success : ProbeOutcome::failure;
    run_ = now == last_ ? run_ + 1 : 1;
    last_ = now;
    if (run_ < (success ? success_threshold_ : failure_threshold_) || result_ == now) return false;
    result_ = now;
    return true;
  }

 private:
  int success_threshold_, failure_threshold_;
  ProbeOutcome result_;
  ProbeOutcome last_ = ProbeOutcome::unknown;
  int run_ = 0;
};

}  // namespace keelson::node

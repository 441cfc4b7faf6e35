// The columns of a pod, which sum up all of its containers in a few words.
#include "core/kinds/json_access.hpp"
#include "core/kinds/json_print.hpp"
#include "core/kinds/table/rules.hpp"
#include "core/kinds/time_text.hpp"

namespace keelson::kinds {
namespace {

struct Summary {
  std::string reason;
  std::int64_t restarts = 0;
  std::string last_restart;   // RFC 3339, "" = unknown
  std::int64_t ready = 0, total = 0;
};

std::string_view reason_of(const json::value* state) { return text_of(member(state, "reason")); }

void note_restart(const json::value& status, std::int64_t& restarts, std::string& last) {
  restarts += integer_of(member(&status, "restartCount"));
  const auto finished = text_of(member(member(member(&status, "lastState"), "terminated"), "finishedAt"));
  if (finished > last) last = finished;   // canonical times order as text
}

std::string signal_or_exit_code(const json::value* terminated) {
  if (const auto signal = integer_of(member(terminated, "signal"))) return "Signal:" + std::to_string(signal);
  return "ExitCode:" + std::to_string(integer_of(member(terminated, "exitCode")));
}

bool condition_is_true(const json::value& pod, std::string_view type) {
  const auto* conditions = as_array(at_path(pod, "status.conditions"));
  if (!conditions) return false;
  for (const auto& condition : *conditions)
    if (text_of(member(&condition, "type")) == type && text_of(member(&condition, "status")) == "True") return true;
  return false;
}

class Reader {
 public:
  explicit Reader(const json::value& pod) : pod_(pod) {}

  Summary read() {
    summary_.reason = text_at(pod_, "status.phase");
    if (const auto reason = text_at(pod_, "status.reason"); !reason.empty()) summary_.reason = reason;
    note_gates();
    summary_.total = static_cast<std::int64_t>(length_of(at_path(pod_, "spec.containers")));
    init_ = as_array(at_path(pod_, "spec.initContainers"));
    if (init_)
      for (const auto& container : *init_) summary_.total += text_of(member(&container, "restartPolicy")) == "Always";
    const bool initializing = read_init_containers();
    if (!initializing || condition_is_true(pod_, "Initialized")) read_containers();
    note_deletion();
    return summary_;
  }

 private:
  void note_gates() {
    const auto* conditions = as_array(at_path(pod_, "status.conditions"));
    if (!conditions) return;
    for (const auto& condition : *conditions)
      if (text_of(member(&condition, "type")) == "PodScheduled" && reason_of(&condition) == "SchedulingGated") summary_.reason = "SchedulingGated";
  }

  bool is_sidecar(std::string_view name) const {
    if (!init_) return false;
    for (const auto& container : *init_)
      if (text_of(member(&container, "name")) == name) return text_of(member(&container, "restartPolicy")) == "Always";
    return false;
  }

  // True when one of them is not done yet.
  bool read_init_containers() {
    const auto* statuses = as_array(at_path(pod_, "status.initContainerStatuses"));
    if (!statuses) return false;
    for (std::size_t i = 0; i < statuses->size(); ++i) {
      const auto& status = (*statuses)[i];
      note_restart(status, summary_.restarts, summary_.last_restart);
      const bool sidecar = is_sidecar(text_of(member(&status, "name")));
      if (sidecar) note_restart(status, sidecar_restarts_, sidecar_last_);
      const auto* state = member(&status, "state");
      const auto* terminated = member(state, "terminated");
      if (terminated && integer_of(member(terminated, "exitCode")) == 0) continue;
      if (sidecar && truth_of(member(&status, "started"))) {
        summary_.ready += truth_of(member(&status, "ready"));
        continue;
      }
      summary_.reason = init_reason(terminated, member(state, "waiting"), i);
      return true;
    }
    return false;
  }

  std::string init_reason(const json::value* terminated, const json::value* waiting, std::size_t index) const {
    if (terminated) return "Init:" + (reason_of(terminated).empty() ? signal_or_exit_code(terminated) : std::string(reason_of(terminated)));
    const auto reason = reason_of(waiting);
    if (!reason.empty() && reason != "PodInitializing") return "Init:" + std::string(reason);
    return "Init:" + std::to_string(index) + "/" + std::to_string(init_ ? init_->size() : 0);
  }

  void read_containers() {
    summary_.restarts = sidecar_restarts_;
    summary_.last_restart = sidecar_last_;
    const auto* statuses = as_array(at_path(pod_, "status.containerStatuses"));
    if (!statuses) return;
    bool running = false;
    std::string failure;   // why one ended that did not end well
    for (std::size_t i = statuses->size(); i-- > 0;) {
      const auto& status = (*statuses)[i];
      note_restart(status, summary_.restarts, summary_.last_restart);
      const auto* state = member(&status, "state");
      const auto* terminated = member(state, "terminated");
      if (const auto waiting = reason_of(member(state, "waiting")); !waiting.empty()) {
        summary_.reason = waiting;
      } else if (terminated) {
        summary_.reason = reason_of(terminated).empty() ? signal_or_exit_code(terminated) : std::string(reason_of(terminated));
        if (integer_of(member(terminated, "exitCode")) != 0) failure = summary_.reason;
      } else if (truth_of(member(&status, "ready")) && member(state, "running")) {
        running = true;
        ++summary_.ready;
      }
    }
    if (summary_.reason != "Completed" || !running) return;
    summary_.reason = condition_is_true(pod_, "Ready") ? "Running" : failure.empty() ? "NotReady" : failure;
  }

  void note_deletion() {
    if (text_at(pod_, "metadata.deletionTimestamp").empty()) return;
    const auto phase = text_at(pod_, "status.phase");
    if (text_at(pod_, "status.reason") == "NodeLost") summary_.reason = "Unknown";
    else if (phase != "Succeeded" && phase != "Failed") summary_.reason = "Terminating";
  }

  const json::value& pod_;
  const json::array* init_ = nullptr;
  Summary summary_;
  std::int64_t sidecar_restarts_ = 0;
  std::string sidecar_last_;
};

}  // namespace

void cell_pod_ready(const RowContext& row, std::string& out) {
  const auto summary = Reader(row.object).read();
  print_string(out, std::to_string(summary.ready) + "/" + std::to_string(summary.total));
}

void cell_pod_status(const RowContext& row, std::string& out) { print_string(out, Reader(row.object).read().reason); }

void cell_pod_restarts(const RowContext& row, std::string& out) {
  const auto summary = Reader(row.object).read();
  auto text = std::to_string(summary.restarts);
  if (summary.restarts != 0 && !summary.last_restart.empty()) text += " (" + age_text(summary.last_restart, row.now_unix_s) + " ago)";
  print_string(out, text);
}

void cell_pod_readiness_gates(const RowContext& row, std::string& out) {
  const auto* gates = as_array(at_path(row.object, "spec.readinessGates"));
  if (!gates || gates->empty()) return print_string(out, "<none>");
  std::size_t open = 0;
  for (const auto& gate : *gates) open += condition_is_true(row.object, text_of(member(&gate, "conditionType")));
  print_string(out, std::to_string(open) + "/" + std::to_string(gates->size()));
}

std::string pod_row_conditions(const json::value& pod) {
  const auto phase = text_at(pod, "status.phase");
  if (phase == "Succeeded") return R"([{"type":"Completed","status":"True","reason":"Succeeded","message":"The pod has completed successfully."}])";
  if (phase == "Failed") return R"([{"type":"Completed","status":"True","reason":"Failed","message":"The pod failed."}])";
  return {};
}

}  // namespace keelson::kinds

#include "prober.hpp"

#include <algorithm>

namespace keelson::node {
namespace {

constexpr std::int64_t kNs = 1'000'000'000;
constexpr std::size_t kProbeMessageBytesMax = 1024;
constexpr char kServiceField = 0x0A, kStatusField = 0x08;   // of HealthCheckRequest and HealthCheckResponse, as protobuf
constexpr const char* kHealth[] = {"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"};
constexpr std::size_t kServing = 1;

const char* kind_name(ProbeKind kind) {
  return kind == ProbeKind::liveness ? "Liveness" : kind == ProbeKind::readiness ? "Readiness" : "Startup";
}

std::string host_port(const NetRequest& request) {
  const bool v6 = request.address.find(':') != std::string::npos;
  return (v6 ? "[" + request.address + "]" : request.address) + ":" + std::to_string(request.port);
}

const Container* container_of(const Pod& pod, const std::string& name) {
  for (const auto* list : {&pod.spec.containers, &pod.spec.initContainers})
    for (const auto& container : *list)
      if (container.name == name) return &container;
  return nullptr;
}

}  // namespace

struct Prober::Probe {
  std::shared_ptr<const Pod> pod;
  Container container;
  core_v1::Probe spec;
  std::string container_id, pod_ip;
  ProbeKind kind;
  ProbeState state;
  bool gone = false, running = false;

  std::int64_t period_ns() const { return std::max(1, spec.periodSeconds == 0 ? 10 : spec.periodSeconds) * kNs; }
  std::int64_t timeout_s() const { return std::max(1, spec.timeoutSeconds); }
};

int resolve_port(const IntOrString& port, const Container& container) {
  if (port.is_int()) return port.number();
  const auto& name = std::get<std::string>(port.value);
  for (const auto& candidate : container.ports)
    if (candidate.name == name) return candidate.containerPort;
  return 0;
}

NetRequest http_request(const core_v1::HTTPGetAction& action, const Container& container, const std::string& pod_ip) {
  NetRequest request;
  request.address = action.host.empty() ? pod_ip : action.host;
  request.port = resolve_port(action.port, container);
  request.tls = action.scheme == "HTTPS";
  request.path = action.path.empty() ? "/" : action.path[0] == '/' ? action.path : "/" + action.path;
  for (const auto& header : action.httpHeaders) request.headers.emplace_back(header.name, header.value);
  return request;
}

std::string http_failure(const NetRequest& request, const NetResult& result) {
  if (result.status >= 200 && result.status < 400) return {};
  if (result.status != 0) return "HTTP probe failed with statuscode: " + std::to_string(result.status);
  const std::string url = std::string(request.tls ? "https" : "http") + "://" + host_port(request) + request.path;
  if (result.timed_out)
    return "Get \"" + url + "\": " + (result.connected ? "context deadline exceeded (Client.Timeout exceeded while awaiting headers)" : "dial tcp " + host_port(request) + ": i/o timeout (Client.Timeout exceeded while awaiting headers)");
  return "Get \"" + url + "\": " + (result.connected ? result.error : "dial tcp " + host_port(request) + ": " + result.error);
}

NetRequest health_request(const core_v1::GRPCAction& action, const std::string& pod_ip) {
  NetRequest request;
  request.address = pod_ip;
  request.port = action.port;
  request.grpc_method = "/grpc.health.v1.Health/Check";
  const auto service = action.service.value_or("");
  if (service.empty()) return request;
  request.grpc_message = kServiceField;
  std::size_t size = service.size();
  for (; size > 0x7F; size >>= 7) request.grpc_message += static_cast<char>(size | 0x80);
  request.grpc_message += static_cast<char>(size) + service;
  return request;
}

/// As grpc-go writes a status (internal/status.Error).
std::string shown(const GrpcStatus& status) {
  static constexpr std::string_view names[] = {"OK", "Canceled", "Unknown", "InvalidArgument", "DeadlineExceeded", "NotFound", "AlreadyExists", "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
                                               "Aborted", "OutOfRange", "Unimplemented", "Internal", "Unavailable", "DataLoss", "Unauthenticated"};
  const auto code = static_cast<std::size_t>(status.code);
  return "rpc error: code = " + (code < std::size(names) ? std::string(names[code]) : "Code(" + std::to_string(code) + ")") + " desc = " + status.message;
}

std::string health_failure(const NetRequest& request, const NetResult& result, std::int64_t timeout_s) {
  const std::string address = "\"" + host_port(request) + "\"", within = " within " + std::to_string(timeout_s) + "s";
  if (!result.connected && result.timed_out) return "timeout: failed to connect service " + address + within + ": context deadline exceeded";
  if (!result.connected) return "error: failed to connect service at " + address + ": " + result.error;
  if (result.timed_out) return "timeout: health rpc did not complete" + within;
  if (result.grpc.code == GrpcCode::unimplemented) return "error: this server does not implement the grpc health protocol (grpc.health.v1.Health): " + result.grpc.message;
  if (result.grpc.code != GrpcCode::ok) return "error: health rpc probe failed: " + shown(result.grpc);
  // The answer's only field is its status; left out it is 0.
  const auto& bytes = result.grpc_answer;
  const std::size_t status = bytes.size() == 2 && bytes[0] == kStatusField ? static_cast<unsigned char>(bytes[1]) : 0;
  if (status == kServing) return {};
  return std::string("service unhealthy (responded with \"") + kHealth[std::min(status, std::size(kHealth) - 1)] + "\")";
}

void Prober::sync(const std::shared_ptr<const Pod>& pod, const PodView& view, const std::string& pod_ip, std::int64_t unix_now_ns) {
  const std::lock_guard lock(mutex_);
  auto& probes = pods_[pod->meta.uid];
  for (auto at = probes.begin(); at != probes.end();) {
    const bool alive = std::any_of(view.containers.begin(), view.containers.end(), [&](const auto& container) {
      return container.id == at->second->container_id && container.state == RunState::running;
    });
    at->second->gone = !alive;
    at = alive ? std::next(at) : probes.erase(at);
  }
  for (const auto& running : view.containers) {
    if (running.state != RunState::running) continue;
    if (const auto* container = container_of(*pod, running.name)) add(pod, *container, running, pod_ip, unix_now_ns);
  }
}

void Prober::add(const std::shared_ptr<const Pod>& pod, const Container& container, const RunContainer& running, const std::string& pod_ip,
                 std::int64_t unix_now_ns) {
  const auto* old = old_status(*pod, container.name);
  const bool same = old != nullptr && old->containerID == "containerd://" + running.id;
  const auto one = [&](ProbeKind kind, const Box<core_v1::Probe>& spec) {
    const std::string key = running.id + "/" + kind_name(kind);
    auto& slot = pods_[pod->meta.uid][key];
    if (!spec) return;
    if (slot) {
      slot->pod = pod;
      return;
    }
    slot = std::make_shared<Probe>(Probe{pod, container, *spec, running.id, pod_ip, kind, ProbeState(kind, spec->successThreshold, spec->failureThreshold)});
    if (same && kind == ProbeKind::readiness && old->ready) slot->state.adopt(ProbeOutcome::success);
    if (same && kind == ProbeKind::startup && old->started.value_or(false)) slot->state.adopt(ProbeOutcome::success);
    const std::int64_t age = std::max<std::int64_t>(0, unix_now_ns - running.started_ns);
    schedule(slot, loop_.now() + std::max<std::int64_t>(0, spec->initialDelaySeconds * kNs - age));
  };
  one(ProbeKind::startup, container.startupProbe);
  one(ProbeKind::liveness, container.livenessProbe);
  one(ProbeKind::readiness, container.readinessProbe);
  std::erase_if(pods_[pod->meta.uid], [](const auto& entry) { return entry.second == nullptr; });
}

Prober::ProbePtr Prober::sibling(const Probe& probe, ProbeKind kind) const {
  const auto pod = pods_.find(probe.pod->meta.uid);
  if (pod == pods_.end()) return nullptr;
  const auto found = pod->second.find(probe.container_id + "/" + kind_name(kind));
  return found == pod->second.end() ? nullptr : found->second;
}

/// Not now: the startup probe has not passed, or the probe has said its last word about this container.
bool Prober::held(const Probe& probe) const {
  if (probe.kind == ProbeKind::startup) return probe.state.result() != ProbeOutcome::unknown;
  if (probe.kind == ProbeKind::liveness && probe.state.result() == ProbeOutcome::failure) return true;
  if (probe.kind == ProbeKind::liveness && probe.pod->meta.deletionTimestamp) return true;
  const auto startup = sibling(probe, ProbeKind::startup);
  return startup && startup->state.result() != ProbeOutcome::success;
}

void Prober::schedule(const ProbePtr& probe, std::int64_t deadline_ns) {
  loop_.at(deadline_ns, [this, weak = std::weak_ptr(probe)] {
    if (const auto alive = weak.lock()) attempt(alive);
  });
}

void Prober::attempt(const ProbePtr& probe) {
  {
    const std::lock_guard lock(mutex_);
    if (probe->gone || probe->running) return;
    const bool over = probe->kind != ProbeKind::readiness && probe->state.result() != ProbeOutcome::unknown &&
                      !(probe->kind == ProbeKind::liveness && probe->state.result() == ProbeOutcome::success);
    if (over) return;
    if (held(*probe)) {
      schedule(probe, loop_.now() + std::min<std::int64_t>(probe->period_ns(), kNs));
      return;
    }
    probe->running = true;
  }
  if (probe->spec.exec) attempt_exec(probe);
  else if (probe->spec.httpGet) attempt_http(probe);
  else if (probe->spec.tcpSocket) attempt_tcp(probe);
  else if (probe->spec.grpc) attempt_grpc(probe);
  else ended(probe, true, {});   // as upstream does for a missing handler
}

void Prober::attempt_exec(const ProbePtr& probe) {
  cri_.exec_sync(probe->container_id, probe->spec.exec->command, probe->timeout_s(), [this, probe](const Error* error, const ExecResult& result) {
    if (error == nullptr) return ended(probe, result.exit_code == 0, result.output);
    // No runtime says nothing about the container.
    if (error->code == 503) {
      const std::lock_guard lock(mutex_);
      probe->running = false;
      return schedule(probe, loop_.now() + probe->period_ns());
    }
    ended(probe, false, error->code == 504 ? "command timed out" : error->message);
  });
}

void Prober::attempt_http(const ProbePtr& probe) {
  auto request = http_request(*probe->spec.httpGet, probe->container, probe->pod_ip);
  request.deadline_ns = loop_.now() + probe->timeout_s() * kNs;
  loop_.request(request, [this, probe, request](const NetResult& result) {
    const auto failure = http_failure(request, result);
    ended(probe, failure.empty(), failure);
  });
}

void Prober::attempt_tcp(const ProbePtr& probe) {
  NetRequest request;
  request.address = probe->spec.tcpSocket->host.empty() ? probe->pod_ip : probe->spec.tcpSocket->host;
  request.port = resolve_port(probe->spec.tcpSocket->port, probe->container);
  request.tcp_only = true;
  request.deadline_ns = loop_.now() + probe->timeout_s() * kNs;
  loop_.request(request, [this, probe, request](const NetResult& result) {
    const std::string text = result.connected ? "" : "dial tcp " + host_port(request) + ": " + (result.timed_out ? "i/o timeout" : result.error);
    ended(probe, result.connected, text);
  });
}

void Prober::attempt_grpc(const ProbePtr& probe) {
  auto request = health_request(*probe->spec.grpc, probe->pod_ip);
  request.deadline_ns = loop_.now() + probe->timeout_s() * kNs;
  loop_.request(request, [this, probe, request](const NetResult& result) {
    const auto failure = health_failure(request, result, probe->timeout_s());
    ended(probe, failure.empty(), failure);
  });
}

void Prober::ended(const ProbePtr& probe, bool success, const std::string& message) {
  bool turned = false, gone = false;
  std::shared_ptr<const Pod> pod;
  {
    const std::lock_guard lock(mutex_);
    probe->running = false;
    gone = probe->gone;
    pod = probe->pod;
    if (!gone) {
      turned = probe->state.feed(success);
      schedule(probe, loop_.now() + probe->period_ns());
    }
  }
  if (gone) return;
  if (!success) report_(pod, probe->container.name, std::string(kind_name(probe->kind)) + " probe failed: " + message.substr(0, kProbeMessageBytesMax));
  if (turned) changed_({pod->meta.namespace_, pod->meta.name});
}

ProbeVerdicts Prober::verdicts(const std::string& uid) const {
  const std::lock_guard lock(mutex_);
  ProbeVerdicts all;
  const auto pod = pods_.find(uid);
  if (pod == pods_.end()) return all;
  for (const auto& [key, probe] : pod->second) {
    auto& verdict = all[probe->container_id];
    const auto result = probe->state.result();
    if (probe->kind == ProbeKind::startup) {
      verdict.started = result == ProbeOutcome::success;
      verdict.startup_failed = result == ProbeOutcome::failure;
    } else if (probe->kind == ProbeKind::readiness) {
      verdict.ready = result == ProbeOutcome::success;
    } else {
      verdict.liveness_failed = result == ProbeOutcome::failure;
    }
  }
  return all;
}

void Prober::forget(const std::string& uid) {
  const std::lock_guard lock(mutex_);
  const auto pod = pods_.find(uid);
  if (pod == pods_.end()) return;
  for (const auto& [key, probe] : pod->second) probe->gone = true;
  pods_.erase(pod);
}

}  // namespace keelson::node

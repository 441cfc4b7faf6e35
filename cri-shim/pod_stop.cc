// Ending containers and pods: hooks, grace, terminal status, removal from the API.
#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "agent.hpp"
#include "logs.hpp"
#include "pod_facts.hpp"

namespace keelson::node {
namespace {

constexpr std::size_t kTailBytesMax = 2048;
constexpr int kTailLinesMax = 80;

const Container* spec_of(const Pod& pod, const std::string& name) {
  for (const auto* list : {&pod.spec.containers, &pod.spec.initContainers})
    for (const auto& container : *list)
      if (container.name == name) return &container;
  return nullptr;
}

bool sidecar_named(const Pod& pod, const std::string& name) {
  return std::any_of(pod.spec.initContainers.begin(), pod.spec.initContainers.end(),
                     [&](const auto& container) { return container.name == name && is_sidecar(container); });
}

std::int64_t probe_grace(const Container& container, std::int64_t otherwise) {
  for (const auto* probe : {&container.livenessProbe, &container.startupProbe})
    if (*probe && (*probe)->terminationGracePeriodSeconds) return *(*probe)->terminationGracePeriodSeconds;
  return otherwise;
}

}  // namespace

void Agent::run_hook(const RecordPtr& record, const Container& container, const core_v1::LifecycleHandler& handler, const std::string& id,
                     std::int64_t timeout_s, std::function<void(const std::string&)> done) {
  if (handler.exec) {
    return parts_.cri.exec_sync(id, handler.exec->command, timeout_s, [done](const Error* error, const ExecResult& result) {
      if (error != nullptr) return done(error->message);
      done(result.exit_code == 0 ? "" : "command exited with " + std::to_string(result.exit_code) + ": " + result.output);
    });
  }
  if (handler.sleep) return parts_.loop.at(parts_.loop.now() + std::min(handler.sleep->seconds, timeout_s) * kSecondNs, [done] { done(""); });
  if (handler.httpGet) {
    const auto address = record->ips.empty() ? (parts_.settings.host_ips.empty() ? std::string("127.0.0.1") : parts_.settings.host_ips.front()) : record->ips.front();
    auto request = http_request(*handler.httpGet, container, address);
    request.deadline_ns = parts_.loop.now() + timeout_s * kSecondNs;
    return parts_.loop.request(request, [done, request](const NetResult& result) { done(http_failure(request, result)); });
  }
  done("");
}

/// TERM and, after the grace, KILL; a stop that runs already is only made shorter.
void Agent::stop_now(const RecordPtr& record, const Key& key, const std::string& id, std::int64_t grace_s) {
  {
    const std::lock_guard lock(record->mutex);
    auto& stop = record->stops[id];
    if (stop.running && stop.grace_s <= grace_s) return;
    stop = {true, false, grace_s, {}};
  }
  parts_.cri.stop_container(id, grace_s, [this, record, key, id](const Error* error) {
    {
      const std::lock_guard lock(record->mutex);
      auto& stop = record->stops[id];
      stop.running = false;
      stop.done = error == nullptr;
      stop.error = error == nullptr ? std::string() : error->message;
    }
    parts_.wake(key, error == nullptr ? 0 : kRetryTransientNs);
  });
}

void Agent::begin_stop(const Sync& sync, const RunContainer& container, std::int64_t grace_s) {
  const auto record = sync.record;
  const Key key = sync.key;
  const std::string id = container.id;
  const auto* spec = spec_of(*sync.pod, container.name);
  const bool hook = spec != nullptr && spec->lifecycle && spec->lifecycle->preStop && grace_s > 0;
  if (!hook) return stop_now(record, key, id, std::max(grace_s, kGraceMinS));
  {
    const std::lock_guard lock(record->mutex);
    auto& stop = record->stops[id];
    if (stop.running && stop.grace_s <= grace_s) return;
    const bool shorten = stop.running;
    stop = {true, false, grace_s, {}};
    if (shorten) return;   // its hook runs; what is left of the grace is counted when it ends
  }
  const std::int64_t begun = parts_.loop.now();
  const auto pod = sync.pod;
  run_hook(record, *spec, *spec->lifecycle->preStop, id, grace_s, [this, record, key, id, begun](const std::string&) {
    std::int64_t grace = 0;
    {
      const std::lock_guard lock(record->mutex);
      grace = record->stops[id].grace_s;
      record->stops[id].running = false;
    }
    const std::int64_t spent = (parts_.loop.now() - begun) / kSecondNs;
    stop_now(record, key, id, std::max(grace - spent, kGraceMinS));
  });
}

void Agent::kill(Sync& sync, const PlannedKill& planned) {
  const auto& running = *planned.container;
  {
    const std::lock_guard lock(sync.record->mutex);
    if (sync.record->stops.contains(running.id) && sync.record->stops[running.id].running) return;
  }
  const auto* spec = spec_of(*sync.pod, running.name);
  std::int64_t grace = sync.pod->spec.terminationGracePeriodSeconds.value_or(30);
  if (planned.by_probe && spec != nullptr) grace = probe_grace(*spec, grace);
  event(sync, running.name, false, "Killing", planned.message.empty() ? "Stopping container " + running.name : planned.message);
  begin_stop(sync, running, grace);
}

/// Regular containers together, then sidecars one by one from the last. True: nothing runs any more.
bool Agent::stop_containers(Sync& sync, std::int64_t grace_s) {
  const auto stop = [&](const RunContainer& container) {
    bool first = false;
    {
      const std::lock_guard lock(sync.record->mutex);
      first = !sync.record->stops.contains(container.id);
    }
    if (first) event(sync, container.name, false, "Killing", "Stopping container " + container.name);
    begin_stop(sync, container, grace_s);
  };
  bool running = false;
  for (const auto& container : sync.view.containers) {
    if (container.state != RunState::running || sidecar_named(*sync.pod, container.name)) continue;
    running = true;
    stop(container);
  }
  if (running) return false;
  for (auto spec = sync.pod->spec.initContainers.rbegin(); spec != sync.pod->spec.initContainers.rend(); ++spec) {
    const auto* newest = sync.view.newest(spec->name);
    if (newest == nullptr || newest->state != RunState::running) continue;
    stop(*newest);
    return false;
  }
  return true;
}

void Agent::terminate(Sync& sync) {
  sync.record->waiting.clear();
  const bool deleting = static_cast<bool>(sync.pod->meta.deletionTimestamp);
  const bool stopped = stop_containers(sync, deleting ? grace_period(*sync.pod) : sync.pod->spec.terminationGracePeriodSeconds.value_or(30));
  if (!stopped) {
    parts_.prober.sync(sync.pod, sync.view, sync.record->ips.empty() ? "127.0.0.1" : sync.record->ips.front(), now());
    write_status(sync, false);
    return;
  }
  parts_.prober.forget(sync.record->uid);
  if (const auto done = detach_and_stop(sync); !done) {
    sync.next.within(kRetryTransientNs);
    return;
  }
  sync.sandbox_ready = false;
  if (!write_status(sync, true)) return;
  room_freed();
  if (deleting) finish_deletion(sync);
}

void Agent::finish_deletion(Sync& sync) {
  if (const auto removed = remove_all(sync.record->uid, sync.key, sync.view); !removed) {
    sync.api.log("warning", "pod " + sync.key.ns + "/" + sync.key.name + ": " + removed.error().message);
    sync.next.within(kRetryTransientNs);
    return;
  }
  if (sync.record->removal_sent) return;   // only finalizers keep it now
  const auto removed = sync.api.remove_pod(sync.key, sync.record->uid);
  if (!removed && removed.error().code != 404 && removed.error().code != 409) {
    sync.next.within(kRetryTransientNs);
    return;
  }
  const auto left = sync.api.pod(sync.key);
  if (left && left->meta.uid == sync.record->uid) sync.record->removal_sent = true;
  else forget(sync.record->uid);
}

std::string Agent::termination_message(const std::string& pod_dir, const RunContainer& container) const {
  std::string count = container.annotation(label::restart_count);
  if (count.empty()) count = std::to_string(container.attempt);
  auto text = read_file(pod_dir + "/containers/" + container.name + "/" + count, kTerminationMessageMax).value_or("");
  const bool fallback = container.annotation(label::termination_policy) == "FallbackToLogsOnError" && container.exit_code != 0;
  return text.empty() && fallback ? log_tail(container.log_path) : text;
}

std::string log_tail(const std::string& path) {
  const int fd = open_log(path);
  if (fd < 0) return {};
  std::ifstream file("/proc/self/fd/" + std::to_string(fd), std::ios::binary);
  ::close(fd);
  std::vector<std::string> lines;
  for (std::string line; std::getline(file, line);) {
    // "<time> <stream> <tag> <text>"
    std::size_t at = 0;
    for (int field = 0; field < 3 && at != std::string::npos; ++field) at = line.find(' ', at == 0 ? 0 : at) == std::string::npos ? std::string::npos : line.find(' ', at) + 1;
    if (at == std::string::npos) continue;
    lines.push_back(line.substr(at) + "\n");
    if (lines.size() > static_cast<std::size_t>(kTailLinesMax)) lines.erase(lines.begin());
  }
  std::string out;
  for (const auto& line : lines) out += line;
  return out.size() > kTailBytesMax ? out.substr(out.size() - kTailBytesMax) : out;
}

}  // namespace keelson::node

#include "agent.hpp"

#include "cgroups.hpp"
#include "pod_facts.hpp"

#include <algorithm>
#include <filesystem>

namespace keelson::node {

RecordPtr Agent::record_of(const std::string& uid) {
  const std::lock_guard lock(mutex_);
  auto& slot = records_[uid];
  if (!slot) {
    slot = std::make_shared<PodRecord>();
    slot->uid = uid;
  }
  return slot;
}

void Agent::forget(const std::string& uid) {
  parts_.prober.forget(uid);
  parts_.images.forget(uid);
  {
    const std::lock_guard lock(mutex_);
    if (const auto found = records_.find(uid); found != records_.end()) {
      for (const auto& [id, container] : found->second->ended) {
        owners_.erase(id);
        exits_seen_.erase(id);
      }
      records_.erase(found);
    }
    demands_.erase(uid);
    restarts_.forget_prefix(uid + "_");
  }
  room_freed();
}

std::map<std::string, PodView> Agent::by_uid(PodView all) const {
  std::map<std::string, PodView> views;
  for (auto& sandbox : all.sandboxes) views[sandbox.uid].sandboxes.push_back(std::move(sandbox));
  for (auto& container : all.containers) views[container.pod_uid].containers.push_back(std::move(container));
  return views;
}

void Agent::container_exited(const std::string& container_id) {
  Key key;
  {
    const std::lock_guard lock(mutex_);
    const auto found = owners_.find(container_id);
    if (found == owners_.end()) return;
    exits_seen_.insert(container_id);
    key = found->second;
  }
  parts_.wake(key, kExitSettleNs);
}

std::vector<Key> Agent::relist(Cluster& api) {
  std::set<Key> keys;
  std::set<std::string> alive;
  const auto all = parts_.cri.view({}, {});
  if (!all) return {};
  for (const auto& sandbox : all->sandboxes) {
    keys.insert(Key{sandbox.ns, sandbox.name});   // bare braces would be a list of two keys
    alive.insert(sandbox.uid);
  }
  for (const auto& container : all->containers) {
    keys.insert(Key{container.pod_ns, container.pod_name});
    alive.insert(container.pod_uid);
  }
  const std::lock_guard lock(mutex_);
  for (const auto& sandbox : all->sandboxes) owners_[sandbox.id] = {sandbox.ns, sandbox.name};
  for (const auto& container : all->containers) owners_[container.id] = {container.pod_ns, container.pod_name};
  // Directories of pods that ended while the agent was away and left nothing in the runtime.
  for (const auto& uid : parts_.volumes.uids())
    if (!alive.contains(uid) && !records_.contains(uid))
      if (const auto removed = parts_.volumes.teardown(uid); !removed) api.log("warning", removed.error().message);
  return {keys.begin(), keys.end()};
}

void Agent::remember_readers(const Pod& pod) {
  const Key key{pod.meta.namespace_, pod.meta.name};
  const std::lock_guard lock(mutex_);
  for (const auto& name : config_maps_of(pod)) readers_[key.ns + "/ConfigMap/" + name].insert(key);
  for (const auto& name : secrets_of(pod)) readers_[key.ns + "/Secret/" + name].insert(key);
}

void Agent::forget_reader(const Key& key) {
  const std::lock_guard lock(mutex_);
  for (auto at = readers_.begin(); at != readers_.end();) {
    at->second.erase(key);
    at = at->second.empty() ? readers_.erase(at) : std::next(at);
  }
}

std::vector<Key> Agent::readers_of(const std::string& ns, const std::string& kind, const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = readers_.find(ns + "/" + kind + "/" + name);
  if (found == readers_.end()) return {};
  return {found->second.begin(), found->second.end()};
}

/// An exit event runs ahead of the runtime's own state by some milliseconds.
void Agent::exit_settle(Sync& sync, RunContainer& container) {
  const std::lock_guard lock(mutex_);
  if (container.state != RunState::running) {
    exits_seen_.erase(container.id);
    sync.record->settle_tries.erase(container.id);
  } else if (exits_seen_.contains(container.id)) {
    if (++sync.record->settle_tries[container.id] > kExitSettleTries) exits_seen_.erase(container.id);
    else sync.next.within(kExitSettleNs);
  }
}

/// False: the runtime cannot say now; nothing may be concluded from that.
bool Agent::load_container(Sync& sync, RunContainer& container) {
  auto& record = *sync.record;
  {
    const std::lock_guard lock(mutex_);
    owners_[container.id] = sync.key;
  }
  if (const auto known = record.ended.find(container.id); known != record.ended.end()) {
    container = known->second;
    return true;
  }
  auto status = parts_.cri.container_status(container.id);
  if (!status) return false;
  status->sandbox_id = container.sandbox_id;
  container = std::move(*status);
  exit_settle(sync, container);
  if (container.state != RunState::exited) return true;
  record.messages[container.id] = termination_message(parts_.volumes.pod_dir(record.uid), container);
  record.ended[container.id] = container;
  return true;
}

bool Agent::load_addresses(Sync& sync) {
  auto& record = *sync.record;
  sync.sandbox_ready = false;
  if (sync.view.sandboxes.empty()) return true;
  const auto& newest = sync.view.sandboxes.front();
  {
    const std::lock_guard lock(mutex_);
    owners_[newest.id] = sync.key;
  }
  if (!newest.ready) return true;
  if (record.ip_sandbox != newest.id) {
    const auto status = parts_.cri.sandbox_status(newest.id);
    if (!status) return false;
    if (!status->ready) return true;
    auto addresses = sync.api.attach(sync.key, parts_.settings.node_name, newest.id, status->ips);
    if (!addresses) {
      event(sync, {}, true, "FailedNetworkAttach", addresses.error().message);
      if (!sync.pod->meta.deletionTimestamp) return false;
    }
    record.ip_sandbox = newest.id;
    record.ips = addresses ? std::move(*addresses) : status->ips;
  }
  sync.sandbox_ready = sync.pod->spec.hostNetwork || !record.ips.empty();
  return true;
}

bool Agent::load(Sync& sync) {
  for (auto& container : sync.view.containers)
    if (!load_container(sync, container)) return false;
  return load_addresses(sync);
}

Next Agent::reconcile(Cluster& api, const Key& key) {
  Next next;
  auto pod = api.pod(key);
  if (pod && pod->spec.nodeName != parts_.settings.node_name) pod = nullptr;
  auto listed = parts_.cri.view(key.ns, key.name);
  if (!listed) {
    if (listed.error().code != 503) next.within(kRetryErrorNs);   // away: its return wakes every pod
    return next;
  }
  auto views = by_uid(std::move(*listed));
  for (auto& [uid, view] : views)
    if (!pod || uid != pod->meta.uid) next.merge(tear_down(uid, key, view));
  if (!pod) {
    forget_reader(key);
    return next;
  }
  remember_readers(*pod);
  Sync sync{api, key, pod, std::move(views[pod->meta.uid]), record_of(pod->meta.uid), {}, false};
  if (!load(sync)) {
    next.within(kRetryTransientNs);
    return next;
  }
  const bool ended = pod->status.phase == "Succeeded" || pod->status.phase == "Failed";
  if (pod->meta.deletionTimestamp || ended || !sync.record->failure_reason.empty()) terminate(sync);
  else run(sync);
  next.merge(sync.next);
  return next;
}

Outcome<void> Agent::detach_and_stop(Sync& sync) {
  for (const auto& sandbox : sync.view.sandboxes) {
    if (sync.record->stopped_sandboxes.contains(sandbox.id)) continue;
    const auto addresses = sandbox.id == sync.record->ip_sandbox ? sync.record->ips : std::vector<std::string>();
    if (const auto told = sync.api.detach(sync.key, parts_.settings.node_name, sandbox.id, addresses); !told && told.error().code != 403) return told.error();
  }
  return stop_sandboxes(*sync.record, sync.view);
}

Outcome<void> Agent::stop_sandboxes(PodRecord& record, const PodView& view) {
  for (const auto& sandbox : view.sandboxes) {
    if (record.stopped_sandboxes.contains(sandbox.id)) continue;
    const auto stopped = parts_.cri.stop_sandbox(sandbox.id);
    if (!stopped && stopped.error().code != 404) return stopped.error();
    record.stopped_sandboxes.insert(sandbox.id);
  }
  return {};
}

/// Removes what is stopped: containers, sandboxes, volumes, control groups, logs.
Outcome<void> Agent::remove_all(const std::string& uid, const Key& key, const PodView& view) {
  for (const auto& container : view.containers) {
    const auto removed = parts_.cri.remove_container(container.id);
    if (!removed && removed.error().code != 404) return removed.error();
    const std::lock_guard lock(mutex_);
    owners_.erase(container.id);
    exits_seen_.erase(container.id);
  }
  for (const auto& sandbox : view.sandboxes) {
    const auto removed = parts_.cri.remove_sandbox(sandbox.id);
    if (!removed && removed.error().code != 404) return removed.error();
    const std::lock_guard lock(mutex_);
    owners_.erase(sandbox.id);
    exits_seen_.erase(sandbox.id);
  }
  KEELSON_TRY_VOID(parts_.volumes.teardown(uid));
  remove_cgroups(uid);
  std::error_code ignored;
  std::filesystem::remove_all(pod_log_dir(parts_.settings, key.ns, key.name, uid), ignored);
  return {};
}

/// A pod that the API no longer has (or has under another uid): its containers get a short grace, then everything goes.
Next Agent::tear_down(const std::string& uid, const Key& key, PodView& view) {
  Next next;
  const auto record = record_of(uid);
  bool running = false;
  for (const auto& container : view.containers) {
    if (container.state != RunState::running) continue;
    running = true;
    stop_now(record, key, container.id, kGraceMinS);
  }
  if (running) return next;
  auto done = stop_sandboxes(*record, view);
  if (done) done = remove_all(uid, key, view);
  if (!done) next.within(kRetryTransientNs);
  else forget(uid);
  return next;
}

void Agent::event(Sync& sync, const std::string& container, bool warning, std::string_view reason, const std::string& note) {
  sync.api.event({*sync.pod, field_path(*sync.pod, container)}, warning, reason, note);
}

std::string field_path(const Pod& pod, const std::string& container) {
  const auto found = find_container(pod, container);
  return found.list.empty() ? std::string() : "spec." + found.list + "{" + container + "}";
}

}  // namespace keelson::node

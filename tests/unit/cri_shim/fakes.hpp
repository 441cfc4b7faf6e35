// An in-memory runtime and API for tests of the agent. Every call of the runtime can be made to fail once, by its number.
#pragma once
#include <unistd.h>

#include <filesystem>
#include <keelson/sdk.hpp>
#include <mutex>

#include "agent.hpp"
#include "runtime.pb.h"

namespace keelson::node::testing {

inline Pod pod_from(const std::string& json) { return decode<Pod>(json); }

struct Event {
  bool warning;
  std::string reason, note, field_path;
};

class FakeCluster final : public node::Cluster {
 public:
  std::map<Key, std::shared_ptr<const Pod>> pods;
  std::map<Key, std::shared_ptr<const core_v1::ConfigMap>> config_maps;
  std::map<Key, std::shared_ptr<const core_v1::Secret>> secrets;
  std::vector<std::shared_ptr<const core_v1::Service>> service_list;
  std::vector<Event> events;
  std::vector<Key> removed;
  std::int64_t* clock_ns = nullptr;
  int tokens_asked = 0;
  Outcome<void> admission;                      ///< what other plugins say
  Outcome<std::vector<std::string>> network = std::vector<std::string>();
  std::vector<std::string> asked;               ///< "admit", "attach 10.42.0.7", "detach 10.9.9.9"

  Outcome<void> admit(const Key&, const std::string&) override { return asked.emplace_back("admit"), admission; }
  Outcome<std::vector<std::string>> attach(const Key&, const std::string&, const std::string&, const std::vector<std::string>& addresses) override {
    asked.push_back("attach " + (addresses.empty() ? std::string() : addresses.front()));
    return network && network->empty() ? Outcome<std::vector<std::string>>(addresses) : network;
  }
  Outcome<void> detach(const Key&, const std::string&, const std::string&, const std::vector<std::string>& addresses) override {
    asked.push_back("detach " + (addresses.empty() ? std::string() : addresses.front()));
    return {};
  }

  std::shared_ptr<const Pod> pod(const Key& key) override { return pods.contains(key) ? pods[key] : nullptr; }
  std::shared_ptr<const core_v1::ConfigMap> config_map(const Key& key) override { return config_maps.contains(key) ? config_maps[key] : nullptr; }
  std::shared_ptr<const core_v1::Secret> secret(const Key& key) override { return secrets.contains(key) ? secrets[key] : nullptr; }
  std::vector<std::shared_ptr<const core_v1::Service>> services(const std::string& ns) override {
    std::vector<std::shared_ptr<const core_v1::Service>> out;
    for (const auto& service : service_list)
      if (service->meta.namespace_ == ns) out.push_back(service);
    return out;
  }
  std::vector<std::shared_ptr<const Pod>> pods_on(const std::string& node) override {
    std::vector<std::shared_ptr<const Pod>> found;
    for (const auto& [key, pod] : pods)
      if (pod->spec.nodeName == node) found.push_back(pod);
    return found;
  }
  Outcome<void> write_status(const Pod& from, const PodStatus& status) override {
    const Key key{from.meta.namespace_, from.meta.name};
    auto next = std::make_shared<Pod>(*pods.at(key));
    if (next->meta.resourceVersion != from.meta.resourceVersion) return Error{409, "Conflict", "changed", {}};
    next->status = status;
    next->meta.resourceVersion = std::to_string(++revision_);
    pods[key] = next;
    return {};
  }
  Outcome<void> remove_pod(const Key& key, const std::string& uid) override {
    if (!pods.contains(key) || pods[key]->meta.uid != uid) return Error{409, "Conflict", "another uid", {}};
    pods.erase(key);
    removed.push_back(key);
    return {};
  }
  Outcome<std::string> request_token(const Key&, const std::string&) override {
    return R"({"status":{"token":"token-)" + std::to_string(++tokens_asked) + R"("}})";
  }
  void event(const EventTarget& about, bool warning, std::string_view reason, const std::string& note) override {
    events.push_back({warning, std::string(reason), note, about.field_path});
  }
  std::int64_t unix_ns() const override { return *clock_ns; }
  void log(std::string_view, const std::string&) override {}

  int count(std::string_view reason) const {
    int found = 0;
    for (const auto& event : events) found += event.reason == reason ? 1 : 0;
    return found;
  }

 private:
  int revision_ = 1;
};

class FakeCri final : public Cri {
 public:
  std::map<std::string, Sandbox> sandboxes;
  std::map<std::string, RunContainer> containers;
  std::set<std::string> present{"keelson.dev/demo:1"};
  std::int64_t* clock_ns = nullptr;
  int calls = 0, fail_call = -1;          ///< the call with this number fails
  std::function<void()> around_sandbox;   ///< before and after what is done while a sandbox is made
  bool stop_at_once = true;               ///< else only finish_stops() ends containers
  std::vector<std::pair<std::string, std::int64_t>> stops;
  std::map<std::string, ::runtime::v1::LinuxContainerResources> resources;   ///< what containers may use, by id
  int updates = 0;
  bool fail_update = false;               ///< the next one
  std::optional<Error> sandbox_failure;   ///< of each that is to be made
  std::map<std::string, std::string> targets;   ///< containers whose processes they see, by id

  void exit(const std::string& id, int code) {
    auto& container = containers.at(id);
    container.state = RunState::exited;
    container.exit_code = code;
    container.finished_ns = *clock_ns;
    container.reason = code == 0 ? "Completed" : "Error";
  }
  std::string only_running() const {
    for (const auto& [id, container] : containers)
      if (container.state == RunState::running) return id;
    return {};
  }
  void finish_stops() {
    auto pending = std::move(pending_);
    pending_.clear();
    for (auto& [id, done] : pending) {
      if (containers.contains(id) && containers[id].state == RunState::running) exit(id, 143);
      done(nullptr);
    }
  }

  Outcome<RuntimeVersion> version() override { return RuntimeVersion{"fake", "1"}; }
  Outcome<std::vector<RuntimeCondition>> status() override {
    if (fails()) return failure();
    return std::vector<RuntimeCondition>{{"RuntimeReady", "", "", true}, {"NetworkReady", "", "", true}};
  }
  Outcome<PodView> view(const std::string& ns, const std::string& name) override {
    if (fails()) return failure();
    PodView all;
    for (const auto& [id, sandbox] : sandboxes)
      if (name.empty() || (sandbox.ns == ns && sandbox.name == name)) all.sandboxes.push_back(sandbox);
    for (const auto& [id, container] : containers)
      if (name.empty() || (container.pod_ns == ns && container.pod_name == name)) all.containers.push_back(container);
    const auto newer = [](const auto& a, const auto& b) { return a.created_ns > b.created_ns; };
    std::sort(all.sandboxes.begin(), all.sandboxes.end(), newer);
    std::sort(all.containers.begin(), all.containers.end(), newer);
    return all;
  }
  Outcome<Sandbox> sandbox_status(const std::string& id) override {
    if (fails()) return failure();
    auto sandbox = sandboxes.at(id);
    sandbox.ips = {"10.42.0.7"};
    return sandbox;
  }
  Outcome<RunContainer> container_status(const std::string& id) override {
    if (fails()) return failure();
    if (!containers.contains(id)) return Error{404, "NotFound", "no such container", {}};
    return containers[id];
  }
  Outcome<std::string> run_sandbox(const ::runtime::v1::PodSandboxConfig& config, const std::function<void()>& meanwhile) override {
    if (around_sandbox) around_sandbox();
    meanwhile();
    if (around_sandbox) around_sandbox();
    if (fails()) return failure();
    if (sandbox_failure) return *sandbox_failure;
    const std::string id = "sandbox-" + std::to_string(++made_);
    const auto& metadata = config.metadata();
    sandboxes[id] = {id, metadata.uid(), metadata.namespace_(), metadata.name(), metadata.attempt(), true, false, tick(), {}};
    return id;
  }
  Outcome<void> stop_sandbox(const std::string& id) override {
    if (fails()) return failure();
    if (sandboxes.contains(id)) sandboxes[id].ready = false;
    return {};
  }
  Outcome<void> remove_sandbox(const std::string& id) override {
    if (fails()) return failure();
    sandboxes.erase(id);
    return {};
  }
  Outcome<std::string> create_container(const std::string& sandbox, const ::runtime::v1::ContainerConfig& config, const ::runtime::v1::PodSandboxConfig& pod) override {
    if (fails()) return failure();
    const std::string id = "container-" + std::to_string(++made_);
    RunContainer container;
    container.id = id;
    container.sandbox_id = sandbox;
    container.name = config.metadata().name();
    container.attempt = config.metadata().attempt();
    container.pod_uid = pod.metadata().uid();
    container.pod_ns = pod.metadata().namespace_();
    container.pod_name = pod.metadata().name();
    container.state = RunState::created;
    container.created_ns = tick();
    container.image = config.image().image();
    container.annotations = {config.annotations().begin(), config.annotations().end()};
    containers[id] = container;
    resources[id] = config.linux_part().resources();
    const auto& namespaces = config.linux_part().security_context().namespace_options();
    if (namespaces.pid() == ::runtime::v1::TARGET) targets[id] = namespaces.target_id();
    return id;
  }
  Outcome<void> start_container(const std::string& id) override {
    if (fails()) return failure();
    containers.at(id).state = RunState::running;
    containers.at(id).started_ns = *clock_ns;
    return {};
  }
  Outcome<void> update_resources(const std::string& id, const ::runtime::v1::LinuxContainerResources& wanted) override {
    if (fails() || std::exchange(fail_update, false)) return failure();
    resources[id] = wanted;
    ++updates;
    return {};
  }
  Outcome<void> remove_container(const std::string& id) override {
    if (fails()) return failure();
    containers.erase(id);
    return {};
  }
  Outcome<void> reopen_log(const std::string&) override { return {}; }
  void stop_container(const std::string& id, std::int64_t grace_s, Done done) override {
    stops.emplace_back(id, grace_s);
    if (fails()) {
      const Error error = failure();
      return done(&error);
    }
    if (!stop_at_once) {
      pending_.emplace_back(id, done);
      return;
    }
    if (containers.contains(id) && containers[id].state == RunState::running) exit(id, 143);
    done(nullptr);
  }
  void exec_sync(const std::string&, const std::vector<std::string>&, std::int64_t, ExecDone done) override { done(nullptr, {}); }
  Outcome<std::string> exec_url(const std::string&, const std::vector<std::string>&, StreamOptions) override { return std::string(); }
  Outcome<std::string> attach_url(const std::string&, StreamOptions) override { return std::string(); }
  Outcome<std::string> port_forward_url(const std::string&, const std::vector<std::int32_t>&) override { return std::string(); }
  Outcome<std::optional<ImageInfo>> image(const std::string& ref) override {
    if (fails()) return failure();
    if (!present.contains(ref)) return std::optional<ImageInfo>();
    ImageInfo info;
    info.id = ref;
    return std::optional<ImageInfo>(info);
  }
  Outcome<std::vector<ImageInfo>> images() override { return std::vector<ImageInfo>{}; }
  void pull(const std::string& ref, const Credentials&, PullDone done) override {
    const Error error{404, "NotFound", "no such image", {}};
    present.contains(ref) ? done(nullptr, ref) : done(&error, {});
  }
  void watch_events(const RuntimeEvents&) override {}
  void close() override {}

 private:
  bool fails() { return ++calls == fail_call; }
  static Error failure() { return {500, "InternalError", "made to fail", {}}; }
  std::int64_t tick() { return *clock_ns + ++ticks_; }
  std::int64_t ticks_ = 0;
  int made_ = 0;
  std::vector<std::pair<std::string, Done>> pending_;
};

}  // namespace keelson::node::testing

#include "node_status.hpp"

#include <algorithm>
#include <tuple>

namespace keelson::node {
namespace {

constexpr const char* kReadyMessage = "kubelet is posting ready status";

struct Verdict {
  const char* type;
  bool truth;
  std::string reason, message;
};

std::vector<Verdict> verdicts(const NodeInputs& in) {
  const bool memory = in.load.memory_available < kMemoryReserveBytes;
  const bool disk = disk_is_short(in.load.disk_available, in.machine.disk_bytes);
  const std::string trouble = not_ready_message(in.runtime);
  return {{"MemoryPressure", memory, memory ? "KubeletHasInsufficientMemory" : "KubeletHasSufficientMemory",
           memory ? "kubelet has insufficient memory available" : "kubelet has sufficient memory available"},
          {"DiskPressure", disk, disk ? "KubeletHasDiskPressure" : "KubeletHasNoDiskPressure", disk ? "kubelet has disk pressure" : "kubelet has no disk pressure"},
          {"PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available"},
          {"Ready", trouble.empty(), trouble.empty() ? "KubeletReady" : "KubeletNotReady", trouble.empty() ? kReadyMessage : trouble}};
}

const core_v1::NodeCondition* find(const std::vector<core_v1::NodeCondition>& conditions, const std::string& type) {
  for (const auto& condition : conditions)
    if (condition.type == type) return &condition;
  return nullptr;
}

std::vector<core_v1::NodeCondition> conditions_of(const core_v1::Node& old, const NodeInputs& in) {
  std::vector<core_v1::NodeCondition> all;
  const auto own = verdicts(in);
  for (const auto& condition : old.status.conditions)
    if (std::none_of(own.begin(), own.end(), [&](const auto& verdict) { return condition.type == verdict.type; })) all.push_back(condition);
  for (const auto& verdict : own) {
    core_v1::NodeCondition condition;
    condition.type = verdict.type;
    condition.status = verdict.truth ? "True" : "False";
    condition.reason = verdict.reason;
    condition.message = verdict.message;
    condition.lastHeartbeatTime = Time(in.now_s);
    const auto* before = find(old.status.conditions, verdict.type);
    condition.lastTransitionTime = before != nullptr && before->status == condition.status ? before->lastTransitionTime : Time(in.now_s);
    all.push_back(condition);
  }
  return all;
}

void fill_resources(core_v1::NodeStatus& status, const MachineFacts& machine) {
  const auto kib = [](std::int64_t bytes) { return Quantity(std::to_string(bytes / 1024) + "Ki"); };
  status.capacity = {{"cpu", Quantity::from_value(machine.cpus)},
                     {"memory", kib(machine.memory_bytes)},
                     {"ephemeral-storage", kib(machine.disk_bytes)},
                     {"hugepages-1Gi", "0"},
                     {"hugepages-2Mi", "0"},
                     {"pods", Quantity::from_value(kPodsMax)}};
  const auto left = allocatable_of(machine);
  status.allocatable = status.capacity;
  status.allocatable["memory"] = kib(left.at("memory"));
  status.allocatable["ephemeral-storage"] = Quantity::from_value(left.at("ephemeral-storage"));
}

void fill_images(core_v1::NodeStatus& status, std::vector<ImageInfo> images) {
  // The runtime lists them in another order each time; a status that only looks different would be written for nothing.
  for (auto& image : images) {
    std::sort(image.digests.begin(), image.digests.end());
    std::sort(image.tags.begin(), image.tags.end());
  }
  std::sort(images.begin(), images.end(), [](const auto& a, const auto& b) { return std::tie(b.bytes, a.digests, a.tags) < std::tie(a.bytes, b.digests, b.tags); });
  status.images.clear();
  for (const auto& image : images) {
    if (static_cast<int>(status.images.size()) == kNodeImagesMax) break;
    core_v1::ContainerImage entry;
    for (const auto* names : {&image.digests, &image.tags})
      for (const auto& name : *names)
        if (static_cast<int>(entry.names.size()) < kNamesPerImageMax) entry.names.push_back(name);
    entry.sizeBytes = static_cast<std::int64_t>(image.bytes);
    if (!entry.names.empty()) status.images.push_back(entry);
  }
}

void fill_info(core_v1::NodeStatus& status, const NodeInputs& in) {
  auto& info = status.nodeInfo;
  info.machineID = in.machine.machine_id;
  info.systemUUID = in.machine.system_uuid;
  info.bootID = in.machine.boot_id;
  info.kernelVersion = in.machine.kernel;
  info.osImage = in.machine.os_image;
  info.architecture = in.machine.architecture;
  info.operatingSystem = "linux";
  info.kubeletVersion = in.kubelet_version;
  if (in.runtime.version) info.containerRuntimeVersion = in.runtime.version->name + "://" + in.runtime.version->version;
}

}  // namespace

bool disk_is_short(std::int64_t available_bytes, std::int64_t size_bytes) {
  return available_bytes < kDiskEnoughBytes && available_bytes * 100 < size_bytes * kDiskAvailablePercentMin;
}

std::map<std::string, std::int64_t> allocatable_of(const MachineFacts& machine) {
  return {{"cpu", machine.cpus * 1000},
          {"memory", std::max<std::int64_t>(0, machine.memory_bytes - kMemoryReserveBytes)},
          {"ephemeral-storage", machine.disk_bytes / 100 * (100 - kDiskAvailablePercentMin)}};
}

std::string not_ready_message(const RuntimeState& runtime) {
  if (!runtime.answers) return "container runtime is down" + (runtime.error.empty() ? std::string() : ": " + runtime.error);
  std::vector<std::string> errors;
  for (const auto& condition : runtime.conditions) {
    if (condition.status) continue;
    const std::string detail = condition.type + "=false reason:" + condition.reason + " message:" + condition.message;
    if (condition.type == "NetworkReady") errors.push_back("container runtime network not ready: " + detail);
    if (condition.type == "RuntimeReady") errors.push_back("container runtime not ready: " + detail);
  }
  if (errors.empty()) return {};
  if (errors.size() == 1) return errors[0];
  std::string all;
  for (const auto& error : errors) all += (all.empty() ? "[" : ", ") + error;
  return all + "]";
}

core_v1::Node new_node(const NodeInputs& in) {
  core_v1::Node node;
  node.meta.name = in.name;
  node.meta.labels = {{"kubernetes.io/hostname", in.name},
                      {"kubernetes.io/os", "linux"},
                      {"kubernetes.io/arch", in.machine.architecture},
                      {"beta.kubernetes.io/os", "linux"},
                      {"beta.kubernetes.io/arch", in.machine.architecture}};
  node.meta.annotations = {{"volumes.kubernetes.io/controller-managed-attach-detach", "true"}};
  return node;
}

core_v1::NodeStatus node_status(const core_v1::Node& old, const NodeInputs& in) {
  core_v1::NodeStatus status = old.status;
  fill_resources(status, in.machine);
  status.conditions = conditions_of(old, in);
  status.addresses.clear();
  for (const auto& [type, address] : {std::pair{"InternalIP", in.ip}, std::pair{"Hostname", in.name}}) {
    core_v1::NodeAddress entry;
    entry.type = type;
    entry.address = address;
    status.addresses.push_back(entry);
  }
  status.declaredFeatures = {"GuaranteedQoSPodCPUResize"};   // no processors are a pod's own here
  fill_info(status, in);
  if (in.runtime.answers) fill_images(status, in.runtime.images);
  return status;
}

bool same_but_heartbeat(core_v1::NodeStatus a, core_v1::NodeStatus b) {
  for (auto* status : {&a, &b})
    for (auto& condition : status->conditions) condition.lastHeartbeatTime = Time();
  return a == b;
}

}  // namespace keelson::node

// Node status: what the Node object says of this machine. The builders are pure functions of MachineFacts and what the runtime
// reports; read_machine() collects the facts.
#pragma once
#include <keelson/kinds.hpp>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "runtime_types.hpp"

namespace keelson::node {

inline constexpr std::int64_t kPodsMax = 110;
inline constexpr std::int64_t kMemoryReserveBytes = 100ll << 20;   ///< the hard eviction threshold of upstream
inline constexpr std::int64_t kDiskAvailablePercentMin = 10;       ///< upstream's nodefs.available, in hundredths of the file system
inline constexpr std::int64_t kDiskEnoughBytes = 2ll << 30;        ///< so much is no pressure however large the disk: a tenth of it may be more than pods ever write
inline constexpr int kNodeImagesMax = 50;
inline constexpr int kNamesPerImageMax = 5;
inline constexpr std::int64_t kStatusPeriodS = 10;                 ///< how often it is computed
inline constexpr std::int64_t kStatusReportS = 300;                ///< how often it is written although nothing changed
inline constexpr std::int64_t kLeaseDurationS = 40;
inline constexpr std::int64_t kLeaseRenewS = 10;

struct MachineFacts {
  std::int64_t cpus = 1, memory_bytes = 0, disk_bytes = 0, pid_max = 0, threads_max = 0;
  std::string machine_id, system_uuid, boot_id, kernel, os_image, architecture;
};
struct MachineLoad {
  std::int64_t memory_available = 0, disk_available = 0;
};

MachineFacts read_machine(const std::string& disk_path);
MachineLoad read_load(const std::string& disk_path);
/// The first global IPv4 address of the interface with the default route, else of any, else 127.0.0.1.
std::string detect_node_ip();
/// "amd64", "arm64": Go's name of this architecture.
std::string go_architecture(const std::string& machine);

/// Whether the node tells of DiskPressure, which keeps new pods away.
bool disk_is_short(std::int64_t available_bytes, std::int64_t size_bytes);
/// cpu in thousandths, others whole.
std::map<std::string, std::int64_t> allocatable_of(const MachineFacts& machine);

struct RuntimeState {
  bool answers = false;
  std::string error;                          ///< why not
  std::vector<RuntimeCondition> conditions;
  std::optional<RuntimeVersion> version;
  std::vector<ImageInfo> images;
};

struct NodeInputs {
  std::string name, ip, kubelet_version;
  MachineFacts machine;
  MachineLoad load;
  RuntimeState runtime;
  std::int64_t now_s = 0;
};

/// "" when the node is ready, else the message of Ready=False.
std::string not_ready_message(const RuntimeState& runtime);
core_v1::Node new_node(const NodeInputs& inputs);
/// The status that `old` should have; conditions of others are kept, transition times move with the status only.
core_v1::NodeStatus node_status(const core_v1::Node& old, const NodeInputs& inputs);
/// Equal but for the times of the heartbeats.
bool same_but_heartbeat(core_v1::NodeStatus a, core_v1::NodeStatus b);

}  // namespace keelson::node

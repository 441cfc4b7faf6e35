// Facts about the machine, from /proc, /sys and the interfaces.
#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/statvfs.h>
#include <sys/utsname.h>
#include <unistd.h>

#include <cstdlib>
#include <sstream>

#include "atomic_dir.hpp"
#include "node_status.hpp"

namespace keelson::node {
namespace {

std::string first_line(const std::string& path) {
  auto text = read_file(path).value_or("");
  return text.substr(0, text.find('\n'));
}

/// A value of /proc/meminfo, bytes.
std::int64_t memory_value(const std::string& name) {
  std::istringstream lines(read_file("/proc/meminfo").value_or(""));
  for (std::string line; std::getline(lines, line);)
    if (line.rfind(name + ":", 0) == 0) return std::atoll(line.c_str() + name.size() + 1) * 1024;
  return 0;
}

std::string os_image() {
  std::istringstream lines(read_file("/etc/os-release").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind("PRETTY_NAME=", 0) != 0) continue;
    auto value = line.substr(12);
    if (value.size() >= 2 && value.front() == '"') value = value.substr(1, value.size() - 2);
    return value;
  }
  return "Linux";
}

/// Name of the interface of the default route, "" without one.
std::string default_interface() {
  std::istringstream lines(read_file("/proc/net/route").value_or(""));
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string name, destination;
    if (words >> name >> destination && destination == "00000000") return name;
  }
  return {};
}

/// Bridges and pairs that container networks made are no addresses of the machine.
bool virtual_interface(const std::string& name) {
  for (const char* prefix : {"keelson", "cni", "docker", "br-", "veth", "flannel", "virbr"})
    if (name.rfind(prefix, 0) == 0) return true;
  return false;
}

}  // namespace

std::string go_architecture(const std::string& machine) {
  if (machine == "x86_64") return "amd64";
  if (machine == "aarch64") return "arm64";
  return machine;
}

MachineFacts read_machine(const std::string& disk_path) {
  MachineFacts facts;
  facts.cpus = ::sysconf(_SC_NPROCESSORS_ONLN);
  facts.memory_bytes = memory_value("MemTotal");
  struct statvfs disk {};
  if (::statvfs(disk_path.c_str(), &disk) == 0) facts.disk_bytes = static_cast<std::int64_t>(disk.f_blocks) * static_cast<std::int64_t>(disk.f_frsize);
  facts.pid_max = std::atoll(first_line("/proc/sys/kernel/pid_max").c_str());
  facts.threads_max = std::atoll(first_line("/proc/sys/kernel/threads-max").c_str());
  utsname system{};
  ::uname(&system);
  facts.kernel = system.release;
  facts.architecture = go_architecture(system.machine);
  facts.machine_id = first_line("/etc/machine-id");
  facts.system_uuid = first_line("/sys/class/dmi/id/product_uuid");
  if (facts.system_uuid.empty()) facts.system_uuid = facts.machine_id;
  facts.boot_id = first_line("/proc/sys/kernel/random/boot_id");
  facts.os_image = os_image();
  return facts;
}

MachineLoad read_load(const std::string& disk_path) {
  MachineLoad load;
  load.memory_available = memory_value("MemAvailable");
  struct statvfs disk {};
  if (::statvfs(disk_path.c_str(), &disk) == 0) load.disk_available = static_cast<std::int64_t>(disk.f_bavail) * static_cast<std::int64_t>(disk.f_frsize);
  return load;
}

std::string detect_node_ip() {
  ifaddrs* all = nullptr;
  if (::getifaddrs(&all) != 0) return "127.0.0.1";
  const std::string preferred = default_interface();
  std::string found;
  for (auto* at = all; at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET || (at->ifa_flags & IFF_LOOPBACK) != 0 || (at->ifa_flags & IFF_UP) == 0) continue;
    const std::string name = at->ifa_name;
    if (virtual_interface(name)) continue;
    char text[INET_ADDRSTRLEN] = {};
    ::inet_ntop(AF_INET, &reinterpret_cast<sockaddr_in*>(at->ifa_addr)->sin_addr, text, sizeof text);
    if (found.empty() || name == preferred) found = text;
    if (name == preferred) break;
  }
  ::freeifaddrs(all);
  return found.empty() ? "127.0.0.1" : found;
}

}  // namespace keelson::node

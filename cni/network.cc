#include "network.hpp"

#include <boost/json.hpp>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "execute.hpp"

namespace keelson::cni {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;
constexpr const char* kConfName = "10-keelson.conflist";
constexpr const char* kCniVersion = "0.4.0";   // the newest that Debian's containerd and plugins both speak

std::string read_all(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

json::array plugins(const Network& network) {
  const json::object ipam{{"type", "host-local"},
                          {"dataDir", network.state_dir},
                          {"ranges", json::array{json::array{json::object{{"subnet", network.range}}}}},
                          {"routes", json::array{json::object{{"dst", "0.0.0.0/0"}}}}};
  return {json::object{{"type", "bridge"}, {"bridge", network.bridge}, {"isGateway", true}, {"ipMasq", true},
                       {"hairpinMode", true}, {"ipam", ipam}},
          json::object{{"type", "portmap"}, {"snat", true}, {"capabilities", {{"portMappings", true}}}}};
}

std::string cache_path(const Network& network, const Reservation& reservation) {
  return network.cache_dir + "/" + kNetworkName + "-" + reservation.container_id + "-" + reservation.interface;
}

/// The result of ADD out of the runtime's cache; an empty object when it is gone.
json::value cached_result(const Network& network, const Reservation& reservation) {
  boost::system::error_code failed;
  auto document = json::parse(read_all(cache_path(network, reservation)), failed);
  if (failed || !document.is_object()) return json::object();
  const auto* result = document.get_object().if_contains("result");
  return result == nullptr ? json::value(json::object()) : *result;
}

Outcome<void> write_atomically(const std::string& path, const std::string& text) {
  {
    std::ofstream file(path + ".tmp", std::ios::binary | std::ios::trunc);
    file << text;
    if (!file.flush()) return Error{500, "InternalError", "write " + path + ".tmp", {}};
  }
  std::error_code failed;
  fs::rename(path + ".tmp", path, failed);
  if (failed) return Error{500, "InternalError", "rename " + path + ": " + failed.message(), {}};
  return {};
}

}  // namespace

std::string conflist(const Network& network) {
  return json::serialize(json::object{{"cniVersion", kCniVersion}, {"name", kNetworkName}, {"plugins", plugins(network)}});
}

Outcome<void> install(const Network& network) {
  std::error_code failed;
  for (const auto& dir : {network.conf_dir, network.state_dir}) {
    fs::create_directories(dir, failed);
    if (failed) return Error{500, "InternalError", "mkdir " + dir + ": " + failed.message(), {}};
  }
  const std::string path = network.conf_dir + "/" + kConfName, text = conflist(network);
  if (read_all(path) == text) return {};
  return write_atomically(path, text);
}

std::vector<Reservation> reservations(const Network& network) {
  std::vector<Reservation> all;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(network.state_dir + "/" + kNetworkName, failed)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789.") != std::string::npos) continue;   // lock, last_reserved_ip.0
    std::istringstream lines(read_all(entry.path().string()));
    Reservation found;
    found.address = name;
    std::getline(lines, found.container_id);
    std::getline(lines, found.interface);
    std::erase(found.container_id, '\r');
    std::erase(found.interface, '\r');
    if (found.interface.empty()) found.interface = "eth0";
    struct stat state {};
    if (found.container_id.empty() || ::stat(entry.path().c_str(), &state) != 0) continue;
    found.made_s = state.st_mtime;
    all.push_back(found);
  }
  return all;
}

std::string cached_namespace(const Network& network, const Reservation& reservation) {
  const auto result = cached_result(network, reservation);
  const auto* interfaces = result.is_object() ? result.get_object().if_contains("interfaces") : nullptr;
  if (interfaces == nullptr || !interfaces->is_array()) return {};
  for (const auto& entry : interfaces->get_array())
    if (const auto* sandbox = entry.is_object() ? entry.get_object().if_contains("sandbox") : nullptr; sandbox != nullptr && sandbox->is_string())
      return std::string(sandbox->get_string());
  return {};
}

std::vector<std::uint64_t> live_namespaces() {
  std::vector<std::uint64_t> inodes;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator("/proc", failed)) {
    const std::string name = entry.path().filename().string();
    if (name.find_first_not_of("0123456789") != std::string::npos) continue;
    struct stat state {};
    if (::stat((entry.path().string() + "/ns/net").c_str(), &state) == 0) inodes.push_back(state.st_ino);
  }
  std::sort(inodes.begin(), inodes.end());
  inodes.erase(std::unique(inodes.begin(), inodes.end()), inodes.end());
  return inodes;
}

std::vector<Reservation> leaked(const Network& network, std::int64_t now_s) {
  const auto live = live_namespaces();
  std::vector<Reservation> out;
  for (const auto& reservation : reservations(network)) {
    if (now_s - reservation.made_s < kLeakAgeS) continue;
    const auto path = cached_namespace(network, reservation);
    struct stat state {};
    const bool lived_in = !path.empty() && ::stat(path.c_str(), &state) == 0 && std::binary_search(live.begin(), live.end(), state.st_ino);
    if (!lived_in) out.push_back(reservation);
  }
  return out;
}

Outcome<void> release(const Network& network, const Reservation& reservation) {
  const auto list = plugins(network);
  const auto previous = cached_result(network, reservation);
  for (auto at = list.rbegin(); at != list.rend(); ++at) {
    json::object config = at->get_object();
    const std::string type(config["type"].get_string());
    config["cniVersion"] = kCniVersion;
    config["name"] = kNetworkName;
    if (previous.is_object() && !previous.get_object().empty()) config["prevResult"] = previous;
    const std::vector<std::string> environment{"CNI_COMMAND=DEL", "CNI_CONTAINERID=" + reservation.container_id,
                                               "CNI_NETNS=" + cached_namespace(network, reservation), "CNI_IFNAME=" + reservation.interface};
    const auto done = execute_plugin(network.bin_dirs, type, environment, json::serialize(config));
    if (!done) return done.error();
  }
  std::error_code ignored;
  fs::remove(cache_path(network, reservation), ignored);
  fs::remove(network.state_dir + "/" + kNetworkName + "/" + reservation.address, ignored);
  return {};
}

Outcome<void> open_forwarding(const Network& network) {
  {
    std::ofstream forwarding("/proc/sys/net/ipv4/ip_forward");
    forwarding << "1";
  }
  for (const char* direction : {"-i", "-o"}) {
    const std::vector<std::string> rule{"FORWARD", direction, network.bridge, "-m", "comment", "--comment", "keelson pods", "-j", "ACCEPT"};
    std::vector<std::string> check{"iptables", "-w", "-C"}, insert{"iptables", "-w", "-I"};
    check.insert(check.end(), rule.begin(), rule.end());
    insert.insert(insert.end(), rule.begin(), rule.end());
    if (execute(check, {}, {})) continue;
    const auto added = execute(insert, {}, {});
    if (!added) return added.error();
  }
  return {};
}

Outcome<void> filter_bridged() {
  for (const char* family : {"iptables", "ip6tables"}) {
    const std::string path = std::string("/proc/sys/net/bridge/bridge-nf-call-") + family;
    if (!fs::exists(path))
      if (const auto loaded = execute({"modprobe", "br_netfilter"}, {}, {}); !loaded) return Error{500, "InternalError", "packets on a bridge cannot be filtered: " + loaded.error().message, {}};
    if (read_all(path).starts_with('1')) continue;
    std::ofstream(path) << "1";
    if (!read_all(path).starts_with('1')) return Error{500, "InternalError", "packets on a bridge cannot be filtered: " + path + " stays 0", {}};
  }
  return {};
}

}  // namespace keelson::cni

// The node's pod network as CNI sees it: the list of plugins that the container runtime executes for each pod, the state that they
// keep, and what of it has leaked.
//
// Threads: pure functions and functions on files; no state of their own.
#pragma once
#include <cstdint>
#include <keelson/result.hpp>
#include <string>
#include <vector>

namespace keelson::cni {

inline constexpr const char* kNetworkName = "keelson";
inline constexpr std::int64_t kLeakAgeS = 120;   ///< younger state may belong to a pod that is just being made

struct Network {
  std::string bridge = "keelson0";
  std::string range;                ///< "10.42.0.0/24"
  std::string state_dir;            ///< host-local keeps one file an address here
  std::string conf_dir;             ///< what the runtime reads
  std::string cache_dir = "/var/lib/cni/results";   ///< the runtime's results of ADD
  std::vector<std::string> bin_dirs = {"/usr/lib/cni", "/opt/cni/bin"};
};

/// The CNI configuration list: bridge with host-local addresses, then portmap.
std::string conflist(const Network& network);

/// An address that host-local has given away.
struct Reservation {
  std::string address, container_id, interface;
  std::int64_t made_s = 0;
};
std::vector<Reservation> reservations(const Network& network);
/// The network namespace that the runtime's cached result names for this container, "" when there is none.
std::string cached_namespace(const Network& network, const Reservation& reservation);
/// Network namespaces (inodes) that processes live in.
std::vector<std::uint64_t> live_namespaces();
/// Those whose namespace nobody lives in and that are old enough.
std::vector<Reservation> leaked(const Network& network, std::int64_t now_s);
/// DEL by every plugin of the list, last first, as the runtime would have done; then the address is free.
Outcome<void> release(const Network& network, const Reservation& reservation);

/// Writes the list where the runtime finds it, if it differs.
Outcome<void> install(const Network& network);
/// Forwarding between the bridge and the rest, whatever the default policy.
Outcome<void> open_forwarding(const Network& network);
/// What goes from port to port of a bridge passes the packet rules, too.
Outcome<void> filter_bridged();

}  // namespace keelson::cni

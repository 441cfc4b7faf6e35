// PacketRules: one nftables table as a value, its sets, maps and chains by name, and the scripts that make the kernel's state this
// value. A script is one transaction: all of it counts or nothing does.
//
// Threads: pure. Ownership: values. Errors: none; what nft refuses is its caller's matter.
#pragma once
#include <map>
#include <set>
#include <string>
#include <vector>

namespace keelson::cni {

inline constexpr const char* kAddresses = "ipv4_addr";
inline constexpr const char* kAddressPairs = "ipv4_addr . ipv4_addr";
inline constexpr const char* kAddressPorts = "ipv4_addr . inet_proto . inet_service";
inline constexpr const char* kVerdicts = "ipv4_addr : verdict";   ///< of this type a set is a map

struct PacketRules {
  struct Set {
    std::string type;
    std::map<std::string, int> elements;   ///< and how many bring each
  };
  std::map<std::string, Set> sets;
  std::map<std::string, std::vector<std::string>> chains;   ///< lines; of one name no set and chain
  /// Takes over what `from` has of these names.
  void adopt(const PacketRules& from, const std::set<std::string>& names);
};

/// The bridge's table: only letters, digits and '_' of its name.
std::string table_name(const std::string& bridge);
/// Replaces the table, whatever is in it.
std::string script_of_all(const std::string& table, const PacketRules& wanted);
/// Takes the table away, if it is there.
std::string script_of_none(const std::string& table);
/// Makes `held` `wanted` where these names are concerned; "" when nothing differs.
std::string script_of_changes(const std::string& table, const PacketRules& held, const PacketRules& wanted, const std::set<std::string>& names);

}  // namespace keelson::cni

// Formats: what names, labels, ports and addresses look like. Each function returns what is wrong with a value, in
// Kubernetes' words; nothing when it is right.
//
// Threads: any, stateless.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keelson::base {

using Complaints = std::vector<std::string>;

inline constexpr std::string_view kImmutable = "field is immutable";
inline constexpr std::string_view kNotNegative = "must be greater than or equal to 0";
inline constexpr std::string_view kPositive = "must be greater than zero";

Complaints check_label_1123(std::string_view text);
Complaints check_subdomain_1123(std::string_view text);
Complaints check_label_1035(std::string_view text);
Complaints check_path_segment(std::string_view text);
Complaints check_label_key(std::string_view text);
Complaints check_label_value(std::string_view text);
Complaints check_port_name(std::string_view text);
Complaints check_port_number(std::int64_t port);
Complaints check_env_name(std::string_view text);
Complaints check_config_key(std::string_view text);
Complaints check_header_name(std::string_view text);
Complaints check_user_id(std::int64_t id);
Complaints check_ip(std::string_view text);
Complaints check_cidr(std::string_view text);
Complaints check_wildcard_subdomain(std::string_view text);
bool is_percent(std::string_view text);
/// "/a/b" without ".." steps.
bool has_backsteps(std::string_view path);
/// 4 or 6 for an IP address, 0 for anything else.
int ip_family(std::string_view text);

}  // namespace keelson::base

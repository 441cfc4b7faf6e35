// Formats under the names that the rules of kinds use.
#pragma once
#include "core/base/formats.hpp"

namespace keelson::kinds {
using base::check_cidr;
using base::check_config_key;
using base::check_env_name;
using base::check_header_name;
using base::check_ip;
using base::check_label_1035;
using base::check_label_1123;
using base::check_label_key;
using base::check_label_value;
using base::check_path_segment;
using base::check_port_name;
using base::check_port_number;
using base::check_subdomain_1123;
using base::check_user_id;
using base::check_wildcard_subdomain;
using base::Complaints;
using base::has_backsteps;
using base::ip_family;
using base::is_percent;
using base::kImmutable;
using base::kNotNegative;
using base::kPositive;
}  // namespace keelson::kinds

// The rules of kinds that need more than the table of table.cc.
//
// Threads: any, stateless. Errors: appended to `errors`, in upstream's order.
#pragma once
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {

/// Rows about single fields: required, limits, values, what stays. (table.cc)
void validate_by_table(const Candidate& candidate, FieldErrors& errors);

// batch.cc
void validate_job(const Candidate& candidate, FieldErrors& errors);
void validate_cron_job(const Candidate& candidate, FieldErrors& errors);

// autoscaler.cc
void validate_autoscaler(const Candidate& candidate, FieldErrors& errors);

// policy.cc
void validate_disruption_budget(const Candidate& candidate, FieldErrors& errors);
void validate_priority_class(const Candidate& candidate, FieldErrors& errors);
void validate_limit_range(const Candidate& candidate, FieldErrors& errors);
void validate_resource_quota(const Candidate& candidate, FieldErrors& errors);
void validate_signing_request(const Candidate& candidate, FieldErrors& errors);

// network.cc
/// `field` of a reference is there, and a step of a path: the name of an object of any kind may be that.
void validate_segment(const json::value* reference, std::string_view field, const Path& path, FieldErrors& errors);
void validate_ingress(const Candidate& candidate, FieldErrors& errors);
/// Of roles and of cluster roles; the plugin that grants what they say judges the rest.
void validate_role_binding(const Candidate& candidate, FieldErrors& errors);
void validate_ingress_class(const Candidate& candidate, FieldErrors& errors);
void validate_network_policy(const Candidate& candidate, FieldErrors& errors);
void validate_endpoint_slice(const Candidate& candidate, FieldErrors& errors);

// addresses.cc
/// `ip` is no address that nobody else can reach.
void validate_reachable(std::string_view ip, const Path& at, FieldErrors& errors);
void validate_endpoints(const Candidate& candidate, FieldErrors& errors);
void validate_service_cidr(const Candidate& candidate, FieldErrors& errors);
void validate_ip_address(const Candidate& candidate, FieldErrors& errors);

// webhook_configuration.cc
void validate_webhook_configuration(const Candidate& candidate, FieldErrors& errors);

// admission_policy.cc
void validate_admission_policy(const Candidate& candidate, FieldErrors& errors);
void validate_admission_policy_binding(const Candidate& candidate, FieldErrors& errors);

// storage.cc
void validate_persistent_volume(const Candidate& candidate, FieldErrors& errors);
void validate_volume_claim(const Candidate& candidate, FieldErrors& errors);
/// A volume that an attachment describes itself.
void validate_inline_volume(const json::value& spec, const Path& path, FieldErrors& errors);

// attachment.cc
/// `driver` is the name of one that mounts volumes or hands out devices.
void validate_driver_name(std::string_view driver, const Path& path, FieldErrors& errors);
void validate_volume_attachment(const Candidate& candidate, FieldErrors& errors);
void validate_storage_capacity(const Candidate& candidate, FieldErrors& errors);
void validate_attributes_class(const Candidate& candidate, FieldErrors& errors);

// devices.cc
/// ResourceClaim and ResourceClaimTemplate.
void validate_device_claim(const Candidate& candidate, FieldErrors& errors);
void validate_device_class(const Candidate& candidate, FieldErrors& errors);

// slices.cc
void validate_resource_slice(const Candidate& candidate, FieldErrors& errors);

// serving.cc
void validate_api_service(const Candidate& candidate, FieldErrors& errors);
void validate_priority_level(const Candidate& candidate, FieldErrors& errors);

// flow_schema.cc
/// Beside the rows of the table.
void validate_flow_schema(const Candidate& candidate, FieldErrors& errors);

}  // namespace keelson::kinds

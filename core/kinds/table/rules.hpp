// The single cell rules, by file; rows.cc has the table.
#pragma once
#include "core/kinds/table/rows.hpp"

namespace keelson::kinds {

// rows_pod.cc
void cell_pod_ready(const RowContext& row, std::string& out);
void cell_pod_status(const RowContext& row, std::string& out);
void cell_pod_restarts(const RowContext& row, std::string& out);
void cell_pod_readiness_gates(const RowContext& row, std::string& out);

// rows_core.cc
void cell_node_status(const RowContext& row, std::string& out);
void cell_node_roles(const RowContext& row, std::string& out);
void cell_node_kernel(const RowContext& row, std::string& out);
void cell_node_internal_ip(const RowContext& row, std::string& out);
void cell_node_external_ip(const RowContext& row, std::string& out);
void cell_service_ports(const RowContext& row, std::string& out);
void cell_service_external_ip(const RowContext& row, std::string& out);
void cell_event_last_seen(const RowContext& row, std::string& out);
void cell_event_first_seen(const RowContext& row, std::string& out);
void cell_event_object(const RowContext& row, std::string& out);
void cell_event_source(const RowContext& row, std::string& out);
void cell_event_message(const RowContext& row, std::string& out);
void cell_event_count(const RowContext& row, std::string& out);
void cell_endpoints_endpoints(const RowContext& row, std::string& out);
void cell_quota_requests(const RowContext& row, std::string& out);
void cell_quota_limits(const RowContext& row, std::string& out);
void cell_component_status(const RowContext& row, std::string& out);
void cell_component_message(const RowContext& row, std::string& out);
void cell_component_error(const RowContext& row, std::string& out);

// rows_storage.cc
void cell_volume_status(const RowContext& row, std::string& out);
void cell_volume_claim(const RowContext& row, std::string& out);
void cell_volume_class(const RowContext& row, std::string& out);
void cell_volume_modes(const RowContext& row, std::string& out);
void cell_claim_capacity(const RowContext& row, std::string& out);
void cell_claim_modes(const RowContext& row, std::string& out);
void cell_default_storage_class(const RowContext& row, std::string& out);
void cell_default_ingress_class(const RowContext& row, std::string& out);

// rows_more.cc
void cell_job_status(const RowContext& row, std::string& out);
void cell_job_duration(const RowContext& row, std::string& out);
void cell_job_completions(const RowContext& row, std::string& out);
void cell_cron_suspend(const RowContext& row, std::string& out);
void cell_autoscaler_targets(const RowContext& row, std::string& out);
void cell_ingress_hosts(const RowContext& row, std::string& out);
void cell_ingress_address(const RowContext& row, std::string& out);
void cell_ingress_ports(const RowContext& row, std::string& out);
void cell_ingress_class_parameters(const RowContext& row, std::string& out);
void cell_slice_ports(const RowContext& row, std::string& out);
void cell_slice_endpoints(const RowContext& row, std::string& out);
void cell_address_parent(const RowContext& row, std::string& out);
void cell_revision_controller(const RowContext& row, std::string& out);

// rows_policy.cc
void cell_binding_users(const RowContext& row, std::string& out);
void cell_binding_groups(const RowContext& row, std::string& out);
void cell_binding_accounts(const RowContext& row, std::string& out);
void cell_param_kind(const RowContext& row, std::string& out);
void cell_param_ref(const RowContext& row, std::string& out);
void cell_request_duration(const RowContext& row, std::string& out);
void cell_request_condition(const RowContext& row, std::string& out);
void cell_service_of_api(const RowContext& row, std::string& out);
void cell_api_available(const RowContext& row, std::string& out);
void cell_flow_missing(const RowContext& row, std::string& out);
void cell_claim_state(const RowContext& row, std::string& out);

}  // namespace keelson::kinds

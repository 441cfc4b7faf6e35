// Default rules of apps, batch and autoscaling; the table is in default_rules.cc.
#pragma once
#include "core/kinds/default_rules.hpp"

namespace keelson::kinds {

/// The annotation of a DaemonSet that counts the forms of its template.
inline constexpr std::string_view kTemplateGeneration = "deprecated.daemonset.template.generation";

void default_daemon_set(const DefaultContext& context, boost::json::object& object);
void default_daemon_set_strategy(const DefaultContext& context, boost::json::object& object);
void default_deployment_strategy(const DefaultContext& context, boost::json::object& object);
void default_stateful_set(const DefaultContext& context, boost::json::object& object);
void default_stateful_set_strategy(const DefaultContext& context, boost::json::object& object);
void default_autoscaler(const DefaultContext& context, boost::json::object& object);
void default_job(const DefaultContext& context, boost::json::object& object);
void default_job_spec(const DefaultContext& context, boost::json::object& object);

}  // namespace keelson::kinds

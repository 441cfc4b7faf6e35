// Default rules of the other groups; the table is in default_rules.cc.
#pragma once
#include "core/kinds/default_rules.hpp"

namespace keelson::kinds {

void default_custom_resource_definition(const DefaultContext& context, boost::json::object& object);
void default_ingress_class(const DefaultContext& context, boost::json::object& object);
void default_network_policy(const DefaultContext& context, boost::json::object& object);
void default_device_request(const DefaultContext& context, boost::json::object& object);
void default_subject(const DefaultContext& context, boost::json::object& object);

}  // namespace keelson::kinds

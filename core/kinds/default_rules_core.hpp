// Default rules of core/v1; the table is in default_rules.cc.
#pragma once
#include "core/kinds/default_rules.hpp"

namespace keelson::kinds {

void default_container(const DefaultContext& context, boost::json::object& object);
void default_ephemeral_container(const DefaultContext& context, boost::json::object& object);
void default_image_volume(const DefaultContext& context, boost::json::object& object);
void default_limit_range_item(const DefaultContext& context, boost::json::object& object);
void default_namespace(const DefaultContext& context, boost::json::object& object);
void default_node_status(const DefaultContext& context, boost::json::object& object);
void default_pod(const DefaultContext& context, boost::json::object& object);
void default_replication_controller(const DefaultContext& context, boost::json::object& object);
void default_service(const DefaultContext& context, boost::json::object& object);
void default_volume(const DefaultContext& context, boost::json::object& object);

}  // namespace keelson::kinds

// JsonSchema: an OpenAPI v3 (structural) schema as JSON, seen as a SchemaSource.
//
// Invariants: apiVersion, kind, metadata.name and metadata.generateName are always declared where an object begins: at the root, if it is
//   one of a resource, and at embedded resources.
// Threads: immutable. Ownership: none; the JSON must outlive it and stay where it is.
#pragma once
#include <boost/json/value.hpp>

#include "core/cel/schema.hpp"

namespace keelson::cel {

class JsonSchema : public SchemaSource {
 public:
  /// `root`: the schema of a whole resource, null when there is none.
  explicit JsonSchema(const boost::json::value* root) : root_(root) {}
  /// The node of `schema`, which is the root or lies in it.
  SchemaNode node(const boost::json::value& schema) const { return {this, &schema}; }

  SchemaFacts facts(const void* node) const override;
  SchemaNode field(const void* node, std::string_view name) const override;
  SchemaNode element(const void* node) const override;
  void required_fields(const void* node, const std::function<void(std::string_view, SchemaNode)>& visit) const override;
  ListStyle list_style(const void* node) const override;
  std::vector<std::string_view> list_keys(const void* node) const override;

 private:
  bool resource(const boost::json::object& schema, const void* node) const;
  const boost::json::value* root_;
};

}  // namespace keelson::cel

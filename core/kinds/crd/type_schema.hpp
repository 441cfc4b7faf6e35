// TypeSchema: the schema of a kind, built in or defined at run time, as CEL sees it when it checks what an expression names.
//
// Invariants: what is published in OpenAPI decides, except for quantities: they are text or number, so nothing is said against either.
//   For checks alone: values are not read through it.
// Threads: immutable, any. Ownership: none; whoever keeps a node keeps the kind.
#pragma once
#include "core/cel/schema.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {

class TypeSchema final : public cel::SchemaSource {
 public:
  cel::SchemaNode node(const Type& type) const { return {this, &type}; }

  cel::SchemaFacts facts(const void* node) const override;
  cel::SchemaNode field(const void* node, std::string_view name) const override;
  cel::SchemaNode element(const void* node) const override;
  void required_fields(const void* node, const std::function<void(std::string_view, cel::SchemaNode)>& visit) const override;
};

}  // namespace keelson::kinds

// SchemaNode: what is known of a piece of JSON: its type, and the limits from which sizes are estimated. One small interface
// behind which CRD schemas, built-in kinds and plain OpenAPI documents look alike.
//
// Invariants: a node is a source and a handle that only the source understands; nodes compare by both.
// Threads: sources are immutable. Ownership: the source keeps all nodes; whoever keeps a Program keeps the source.
#pragma once
#include <boost/json/value.hpp>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>
#include <vector>

#include "core/cel/value.hpp"

namespace keelson::cel {

class SchemaSource;

struct SchemaNode {
  const SchemaSource* source = nullptr;   ///< null: nothing is known, plain JSON
  const void* handle = nullptr;
  explicit operator bool() const { return source != nullptr; }
};

enum class SchemaShape : std::uint8_t {
  unknown,          ///< no type: not visible to expressions
  any,              ///< whatever the JSON is
  boolean, integer, number, string, bytes, duration, date, date_time, int_or_string,
  object, map, list,
};

struct SchemaFacts {
  SchemaShape shape = SchemaShape::unknown;
  bool nullable = false;
  bool preserve_unknown = false;
  std::int64_t max_length = -1;       ///< characters; -1 unset
  std::int64_t max_items = -1;
  std::int64_t max_properties = -1;
  std::int64_t longest_enum = -1;     ///< bytes of the longest enum text; -1 no enum
};

class SchemaSource {
 public:
  virtual ~SchemaSource() = default;
  virtual SchemaFacts facts(const void* node) const = 0;
  /// Empty when there is none. `name` as it stands in JSON.
  virtual SchemaNode field(const void* node, std::string_view name) const = 0;
  /// Of a list or map.
  virtual SchemaNode element(const void* node) const = 0;
  /// The fields that must be there and have no default: they make an object's smallest size.
  virtual void required_fields(const void* node, const std::function<void(std::string_view name, SchemaNode field)>& visit) const = 0;
  /// Whether expressions spell names that are no identifiers in their own way (escape.hpp); else only as they are.
  virtual bool escapes_names() const { return true; }
  virtual ListStyle list_style(const void*) const { return ListStyle::atomic; }
  virtual std::vector<std::string_view> list_keys(const void*) const { return {}; }
};

/// The value of `json` under `schema`, read where it stands.
Value from_json(const boost::json::value& json, SchemaNode schema, Arena& arena);
/// Back to JSON; lists and maps are walked. False with an error in `value`, or for what JSON cannot hold.
bool to_json(const Value& value, boost::json::value& json, Arena& arena);

}  // namespace keelson::cel

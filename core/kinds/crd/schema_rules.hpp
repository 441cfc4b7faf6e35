// SchemaRules: what a run-time schema (a CRD's, a plugin's) demands of a value beyond its shape.
//
// Invariants: immutable; every node of a run-time type has rules, built-in types have none.
// Threads: any. Ownership: rules and the source schema live in the owner that the root's shared_ptr keeps.
// Errors: violations are causes with the texts that clients of custom resources know.
#pragma once
#include <boost/json/value.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "core/base/error.hpp"
#include "core/kinds/crd/schema_formats.hpp"
#include "core/kinds/kind.hpp"
#include "core/kinds/type.hpp"

namespace keelson::cel {
class Rules;
}

namespace keelson::kinds {

class Pattern;   ///< a compiled regular expression

struct SchemaRules {
  const boost::json::value* source = nullptr;   ///< at the root: the schema as it was given
  std::string_view type;                        ///< "object", "string" ...; empty: not said
  std::string_view format, pattern_text;
  FormatCheck fits_format = nullptr;            ///< of texts; null: the format says nothing
  std::shared_ptr<const Pattern> pattern;
  std::vector<std::string_view> required;
  const boost::json::array* enum_values = nullptr;
  std::optional<double> minimum, maximum, multiple_of;
  bool exclusive_minimum = false, exclusive_maximum = false;
  std::optional<std::int64_t> min_length, max_length, min_items, max_items, min_properties, max_properties;
  std::vector<const Type*> all_of, any_of, one_of;
  const Type* not_schema = nullptr;
  bool nullable = false, preserve_unknown = false, int_or_string = false, embedded_resource = false;
  std::shared_ptr<const cel::Rules> expressions;   ///< x-kubernetes-validations here; shared: rules are copied with their node
  bool expressions_below = false;                  ///< here or further down
  bool embedded_below = false;                     ///< embedded resources, likewise
  std::string converter;                           ///< at the root: what the definition says of its other versions (converter.hpp)
};

/// Appends all violations in `value`, whose path is `path` ("" at the root). Types without rules are not looked into.
/// `old`: what is stored, null for nothing: what has not changed is not judged again; elements may stay repeated in a list if they were.
/// Expressions are evaluated when nothing else that they rest on is wrong.
void validate_rules(const Type& type, const boost::json::value& value, const std::string& path, std::vector<base::Cause>& out,
                    const boost::json::value* old = nullptr);
/// Whether a webhook makes the other versions of this kind, as its definition said when it was compiled.
bool converted_by_webhook(const Kind& kind);

/// Appends what the schema's expressions complain about, within one cost budget. (schema_expressions.cc)
void validate_expressions(const Type& type, const boost::json::value& value, const boost::json::value* old, const std::string& path, std::vector<base::Cause>& out);

/// The old value that corresponds to element `index` of a list: by keys, null in lists of other types. (schema_expressions.cc)
class Correlated {
 public:
  Correlated(const Type& list, const boost::json::value* old);
  const boost::json::value* find(const boost::json::value& element) const;

 private:
  const Type& list_;
  std::unordered_map<std::string, const boost::json::value*> by_keys_;
};

/// Compiles a pattern; null and `why` when it is none.
std::shared_ptr<const Pattern> compile_pattern(std::string_view text, std::string& why);
/// True when it is found anywhere in `text`.
bool matches(const Pattern& pattern, std::string_view text);

}  // namespace keelson::kinds

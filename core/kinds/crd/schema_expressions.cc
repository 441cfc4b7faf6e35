// The expressions of a schema, evaluated where they stand in a value.
#include <boost/json.hpp>

#include "core/base/json_text.hpp"
#include "core/cel/rules.hpp"
#include "core/kinds/crd/schema_rules.hpp"
#include "core/kinds/managed/field_set.hpp"

namespace keelson::kinds {
namespace json = boost::json;
namespace {

/// A field path as paths of causes are written: ['name'] becomes [name].
std::string written(std::string_view path) {
  std::string out;
  for (std::size_t i = 0; i < path.size(); ++i) {
    const bool quote = path[i] == '\'' && ((i > 0 && path[i - 1] == '[') || (i + 1 < path.size() && path[i + 1] == ']'));
    if (!quote) out += path[i];
  }
  return out;
}

std::string placed(const std::string& path, const std::string& below) {
  if (below.empty()) return path.empty() ? "<nil>" : path;
  const auto tail = written(below);
  return path.empty() && tail.starts_with('.') ? tail.substr(1) : path + tail;
}

std::string message_of(const cel::RuleViolation& violation, const Type& type, const json::value& value) {
  if (violation.reason == "FieldValueForbidden") return "Forbidden: " + violation.detail;
  if (violation.reason == "FieldValueRequired") return "Required value: " + violation.detail;
  const std::string shown = violation.type_as_value ? ": " + base::quoted(type.rules->type) : value.is_structured() ? "" : ": " + json::serialize(value);
  if (violation.reason == "FieldValueDuplicate") return "Duplicate value" + shown;
  return "Invalid value" + shown + ": " + violation.detail;
}

/// What stood here before, and the nearest place above (or here) whose old value is known: what is as before there is tolerated.
struct Before {
  const json::value* old = nullptr;
  const json::value* near = nullptr;
  const json::value* near_old = nullptr;

  Before below(const json::value& value, const json::value* value_old) const {
    return value_old ? Before{value_old, &value, value_old} : Before{nullptr, near, near_old};
  }
  bool unchanged() const { return near_old && *near_old == *near; }
};

class Visitor {
 public:
  explicit Visitor(std::vector<base::Cause>& out) : out_(out) {}

  void visit(const Type& type, const json::value& value, const Before& before, const std::string& path) {
    if (!type.rules || !type.rules->expressions_below || budget_ < 0 || value.is_null()) return;
    if (type.rules->expressions) check(type, value, before, path);
    if (const auto* list = value.if_array(); list && type.element) elements(type, *list, before, path);
    if (const auto* object = value.if_object()) members(type, *object, before, path);
  }

 private:
  void check(const Type& type, const json::value& value, const Before& before, const std::string& path) {
    for (const auto& violation : type.rules->expressions->check(value, before.old, budget_)) {
      const bool tolerated = !violation.about_change && !violation.type_as_value && before.unchanged();
      if (!tolerated) out_.push_back({violation.reason, message_of(violation, type, value), placed(path, violation.field_path)});
    }
  }

  void elements(const Type& type, const json::array& list, const Before& before, const std::string& path) {
    const Correlated old(type, before.old);
    for (std::size_t i = 0; i < list.size() && budget_ >= 0; ++i) visit(*type.element, list[i], before.below(list[i], old.find(list[i])), path + '[' + std::to_string(i) + ']');
  }

  void members(const Type& type, const json::object& object, const Before& before, const std::string& path) {
    const auto* old = before.old ? before.old->if_object() : nullptr;
    for (const auto& member : object) {
      const Field* field = find_field(type, member.key());
      const Type* child = field ? field->type : type.element;
      if (!child || !child->rules || !child->rules->expressions_below) continue;
      const std::string name(member.key());
      visit(*child, member.value(), before.below(member.value(), old ? old->if_contains(name) : nullptr), field ? (path.empty() ? name : path + '.' + name) : path + '[' + name + ']');
    }
  }

  std::vector<base::Cause>& out_;
  std::int64_t budget_ = cel::kRuleCostBudget;
};

}  // namespace

Correlated::Correlated(const Type& list, const json::value* old) : list_(list) {
  const auto* elements = old && list.list_type == ListType::map ? old->if_array() : nullptr;
  if (!elements) return;
  for (const auto& element : *elements)
    if (auto key = item_element(list, Walk::keyed, element)) by_keys_.emplace(std::move(*key), &element);
}

const json::value* Correlated::find(const json::value& element) const {
  if (by_keys_.empty()) return nullptr;
  const auto key = item_element(list_, Walk::keyed, element);
  const auto found = key ? by_keys_.find(*key) : by_keys_.end();
  return found == by_keys_.end() ? nullptr : found->second;
}

void validate_expressions(const Type& type, const json::value& value, const json::value* old, const std::string& path, std::vector<base::Cause>& out) {
  Visitor(out).visit(type, value, Before{}.below(value, old), path);
}

}  // namespace keelson::kinds

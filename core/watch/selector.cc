#include "core/watch/selector.hpp"

#include <algorithm>
#include <charconv>

namespace keelson::watch {
namespace {

bool contains(const std::vector<std::string>& values, std::string_view value) {
  return std::find(values.begin(), values.end(), value) != values.end();
}

bool as_integer(std::string_view text, std::int64_t& out) {
  if (!text.empty() && text.front() == '+') text.remove_prefix(1);
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), out);
  return fault == std::errc{} && end == text.data() + text.size() && !text.empty();
}

bool compares(const LabelRequirement& requirement, std::string_view value) {
  std::int64_t have = 0, bound = 0;
  if (!as_integer(value, have) || !as_integer(requirement.values.front(), bound)) return false;
  return requirement.op == LabelRequirement::Op::greater ? have > bound : have < bound;
}

bool satisfied(const LabelRequirement& requirement, const store::Object& object) {
  using Op = LabelRequirement::Op;
  const auto* value = object.label(requirement.key);
  switch (requirement.op) {
    case Op::exists: return value != nullptr;
    case Op::not_exists: return value == nullptr;
    case Op::equals:
    case Op::in: return value && contains(requirement.values, *value);
    case Op::not_equals:
    case Op::not_in: return !value || !contains(requirement.values, *value);
    case Op::greater:
    case Op::less: return value && compares(requirement, *value);
  }
  return false;
}

bool satisfied(const FieldRequirement& requirement, const store::Object& object) {
  std::string_view have;
  switch (requirement.target) {
    case FieldRequirement::Target::name: have = object.key().name; break;
    case FieldRequirement::Target::ns: have = object.key().ns; break;
    case FieldRequirement::Target::column:
      if (requirement.column < object.columns().fields.size()) have = object.columns().fields[requirement.column];
      break;
  }
  return (have == requirement.value) != requirement.negated;
}

/// Length first: no value can be taken for a separator.
void append_counted(std::string& out, std::string_view text) {
  out += std::to_string(text.size());
  out += ':';
  out += text;
}

std::string canonical(const LabelRequirement& requirement) {
  std::string out = "l" + std::to_string(static_cast<int>(requirement.op)) + ",";
  append_counted(out, requirement.key.text());
  auto values = requirement.values;
  std::sort(values.begin(), values.end());
  for (const auto& value : values) append_counted(out, value);
  return out;
}

std::string canonical(const FieldRequirement& requirement) {
  std::string out = requirement.negated ? "f!" : "f=";
  out += std::to_string(static_cast<int>(requirement.target)) + "." + std::to_string(requirement.column) + ",";
  append_counted(out, requirement.value);
  return out;
}

}  // namespace

bool Selector::matches(const store::Object& object) const {
  const auto holds = [&](const auto& requirement) { return satisfied(requirement, object); };
  return std::all_of(fields.begin(), fields.end(), holds) && std::all_of(labels.begin(), labels.end(), holds);
}

std::string Selector::canonical() const {
  std::vector<std::string> parts;
  for (const auto& requirement : labels) parts.push_back(watch::canonical(requirement));
  for (const auto& requirement : fields) parts.push_back(watch::canonical(requirement));
  std::sort(parts.begin(), parts.end());
  parts.erase(std::unique(parts.begin(), parts.end()), parts.end());
  std::string out;
  for (const auto& part : parts) out += part + ";";
  return out;
}

const std::string* Selector::fixed_name() const {
  for (const auto& requirement : fields)
    if (requirement.target == FieldRequirement::Target::name && !requirement.negated) return &requirement.value;
  return nullptr;
}

}  // namespace keelson::watch

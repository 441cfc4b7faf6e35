#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/validate_parts.hpp"

namespace keelson::kinds {
namespace {

bool is_huge_pages(std::string_view name) { return name.starts_with("hugepages-"); }
bool is_standard(std::string_view name) { return name == "cpu" || name == "memory" || name == "ephemeral-storage" || is_huge_pages(name); }
// What cannot be promised twice has to be asked for in full.
bool overcommittable(std::string_view name) { return name == "cpu" || name == "memory" || name == "ephemeral-storage"; }

void validate_list(const json::value* list, const Path& path, FieldErrors& errors) {
  const auto* entries = as_object(list);
  if (!entries) return;
  for (const auto& [key, value] : *entries) {
    const std::string_view name(key);
    const auto here = path.key(name);
    errors.invalid_each(here, name, check_label_key(name));
    if (name.find('/') == std::string_view::npos && !is_standard(name)) errors.invalid(here, name, "must be a standard resource for containers");
    const auto amount = Quantity::parse(text_of(&value));
    if (amount && amount->sign() < 0) errors.invalid(here, &value, kNotNegative);
    if (amount && !is_standard(name) && !amount->is_whole()) errors.invalid(here, &value, "must be an integer");
  }
}

void compare_to_limit(std::string_view name, const json::value& request, const json::value* limit, const Path& path, const Path& limits, FieldErrors& errors) {
  if (!limit) {
    if (!overcommittable(name)) errors.required(limits, "Limit must be set for non overcommitable resources");
    return;
  }
  const auto asked = Quantity::parse(text_of(&request)), most = Quantity::parse(text_of(limit));
  if (!asked || !most) return;
  const int order = compare(*asked, *most);
  const auto tail = std::string(name) + " limit of " + most->text();
  if (!overcommittable(name) && order != 0) errors.invalid(path, &request, "must be equal to " + tail);
  else if (order > 0) errors.invalid(path, &request, "must be less than or equal to " + tail);
}

}  // namespace

void validate_resources(const json::value* resources, const Path& path, FieldErrors& errors) {
  if (!resources) return;
  const auto limits_path = path.child("limits"), requests_path = path.child("requests");
  const auto *limits = member(resources, "limits"), *requests = member(resources, "requests");
  validate_list(limits, limits_path, errors);
  validate_list(requests, requests_path, errors);
  bool huge = false, usual = false;
  for (const auto* list : {limits, requests})
    if (const auto* entries = as_object(list))
      for (const auto& entry : *entries) {
        huge |= is_huge_pages(entry.key());
        usual |= entry.key() == "cpu" || entry.key() == "memory";
      }
  if (const auto* entries = as_object(requests))
    for (const auto& [key, value] : *entries) compare_to_limit(key, value, member(limits, key), requests_path, limits_path, errors);
  if (huge && !usual) errors.forbidden(path, "HugePages require cpu or memory");
}

}  // namespace keelson::kinds

#include "core/kinds/validate/device_amounts.hpp"

#include <set>

#include "core/kinds/json_access.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/resource_names.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kOptionsMax = 10;

/// What is there is a quantity: nothing else is decoded.
Quantity amount_of(const json::value* value) { return Quantity::parse(scalar_text(value)).value_or(Quantity::whole(0)); }

void validate_options(const Quantity& usual, const Quantity& capacity, const json::value* options, const Path& path, FieldErrors& errors) {
  const auto& list = options->get_array();
  for (std::size_t i = 1; i < list.size(); ++i)
    if (compare(amount_of(&list[i - 1]), amount_of(&list[i])) > 0) errors.invalid(path.index(i), amount_of(&list[i]).text(), "values must be sorted in ascending order");
  bool found = false;
  if (list.size() > kOptionsMax) {
    errors.too_many(path, list.size(), kOptionsMax);
  } else {
    each_element(options, path, [&](const json::value& option, const Path& at) {
      const auto amount = amount_of(&option);
      if (compare(amount, capacity) > 0) errors.invalid(at, amount.text(), "option is larger than capacity value: " + capacity.text());
      found |= compare(amount, usual) == 0;
    });
    std::set<std::int64_t> seen;
    each_element(options, path, [&](const json::value& option, const Path& at) {
      const auto units = amount_of(&option).units();
      if (!seen.insert(units).second) errors.duplicate(at, std::to_string(units));
    });
  }
  if (!found) errors.invalid(path, usual.text(), "default value is not valid according to the requestPolicy");
}

void validate_step(const Quantity& value, const Quantity& least, const Quantity& step, const Path& path, FieldErrors& errors) {
  if (step.units() == 0) return;   // nothing is a multiple of it
  if ((value.units() - least.units()) % step.units() != 0)
    errors.invalid(path, value.text(), "value is not a multiple of a given step (" + step.text() + ") from (" + least.text() + ")");
}

void validate_range(const Quantity& usual, const Quantity& capacity, const json::value& range, const Path& path, FieldErrors& errors) {
  const auto min_path = path.child("min"), max_path = path.child("max"), step_path = path.child("step");
  const auto *given_least = member(&range, "min"), *given_most = member(&range, "max"), *given_step = member(&range, "step");
  if (!given_least) return errors.required(min_path, "required when validRange is defined");
  const auto least = amount_of(given_least);
  if (compare(least, capacity) > 0) errors.invalid(min_path, least.text(), "min is larger than capacity value: " + capacity.text());
  if (compare(usual, least) < 0) errors.invalid(min_path, usual.text(), "default is less than min: " + least.text());
  const auto most = amount_of(given_most);
  if (given_most) {
    if (compare(least, most) > 0) errors.invalid(max_path, least.text(), "min is larger than max: " + most.text());
    if (compare(most, capacity) > 0) errors.invalid(max_path, most.text(), "max is larger than capacity value: " + capacity.text());
    if (compare(usual, most) > 0) errors.invalid(max_path, usual.text(), "default is more than max: " + most.text());
  }
  if (!given_step) return;
  const auto step = amount_of(given_step), first = add(least, step);
  if (compare(first, capacity) > 0) errors.invalid(step_path, step.text(), "one step " + first.text() + " is larger than capacity value: " + capacity.text());
  validate_step(usual, least, step, step_path, errors);
  if (given_most) validate_step(most, least, step, step_path, errors);
}

}  // namespace

void validate_request_policy(std::string_view capacity, const json::value& policy, const Path& path, FieldErrors& errors) {
  const auto *options = member(&policy, "validValues"), *range = member(&policy, "validRange"), *usual = member(&policy, "default");
  const auto most = Quantity::parse(capacity).value_or(Quantity::whole(0));
  const bool listed = length_of(options) > 0;
  if (listed && range) return errors.forbidden(path, "exactly one policy can be specified, cannot specify \"validValues\" and \"validRange\" at the same time");
  if (!listed && !range) return;
  const std::string_view field = listed ? "validValues" : "validRange";
  if (!usual) return errors.required(path.child("default"), "required when " + std::string(field) + " is defined");
  if (listed) validate_options(amount_of(usual), most, options, path.child(field), errors);
  else validate_range(amount_of(usual), most, *range, path.child(field), errors);
}

void validate_node_resources(const json::value& device, const Path& path, FieldErrors& errors) {
  const auto* mappings = as_object(member(&device, "nodeAllocatableResourceMappings"));
  if (!mappings) return;
  for (const auto& [name, mapping] : *mappings) {
    const auto here = path.key(name);
    if (!is_native_resource(name)) errors.invalid(here, name, "must be a node allocatable resource name");
    const auto *factor = member(&mapping, "allocationMultiplier"), *key = member(&mapping, "capacityKey");
    if (!factor && !key) errors.invalid(here, "", "at least one of allocationMultiplier or capacityKey must be set");
    if (const auto amount = amount_of(factor); factor && amount.sign() <= 0) errors.invalid(here.child("allocationMultiplier"), amount.text(), "must be positive");
    if (!key) continue;
    if (text_of(key).empty()) errors.invalid(here.child("capacityKey"), "", "capacityKey must not be an empty string");
    else if (!member(member(&device, "capacity"), text_of(key))) errors.not_found(here.child("capacityKey"), text_of(key));
  }
}

}  // namespace keelson::kinds

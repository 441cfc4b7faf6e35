// Slices that offer devices.
//
// The rules are those of pkg/apis/resource/validation: validateResourceSliceSpec.
#include <algorithm>
#include <map>

#include "core/kinds/crd/schema_rules.hpp"
#include "core/kinds/formats.hpp"
#include "core/kinds/validate/device_amounts.hpp"
#include "core/kinds/validate/device_parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kPoolNameMax = 253, kDevicesMax = 128, kAdvancedDevicesMax = 64, kCounterSetsMax = 8, kCountersMax = 32, kConsumedMax = 2;
constexpr std::size_t kPropertiesMax = 32, kAttributeValuesMax = 48, kAttributeBytesMax = 64, kTaintsMax = 16, kConditionsMax = 4;
constexpr std::string_view kOnePlace = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";
constexpr std::string_view kOneDevicePlace = "exactly one of `nodeName`, `nodeSelector`, or `allNodes` is required when `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
constexpr std::string_view kNoDevicePlace = "`nodeName`, `nodeSelector` and `allNodes` can only be set if `perDeviceNodeSelection` is set to true in the ResourceSlice spec";
constexpr std::string_view kSetToTrue = "must be either unset or set to true";
constexpr std::string_view kLists[] = {"bools", "ints", "strings", "versions"};
constexpr std::string_view kVersion =
    R"(^(0|[1-9]\d*)\.(0|[1-9]\d*)\.(0|[1-9]\d*)(-(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*)(\.(0|[1-9]\d*|\d*[a-zA-Z-][0-9a-zA-Z-]*))*)?(\+[0-9a-zA-Z-]+(\.[0-9a-zA-Z-]+)*)?$)";

void validate_pool(const json::value* pool, const Path& at, FieldErrors& errors) {
  const auto name = text_of(member(pool, "name"));
  const auto here = at.child("name");
  if (name.empty()) errors.required(here);
  else if (name.size() > kPoolNameMax) errors.too_long(here, kPoolNameMax);
  for (auto rest = name; !name.empty();) {
    const auto end = rest.find('/');
    errors.invalid_each(here, rest.substr(0, end), check_subdomain_1123(rest.substr(0, end)));
    if (end == std::string_view::npos) break;
    rest.remove_prefix(end + 1);
  }
  if (const auto* count = member(pool, "resourceSliceCount"); integer_of(count) <= 0) errors.invalid(at.child("resourceSliceCount"), count, "must be greater than zero");
  if (const auto* generation = member(pool, "generation"); integer_of(generation) < 0) errors.invalid(at.child("generation"), generation, "must be greater than or equal to zero");
}

/// The ways in which it is said where something is, as errors show them.
class Ways {
 public:
  void add(std::string_view way) { text_ += (text_.empty() ? "`" : ", `") + std::string(way) + "`"; }
  bool none() const { return text_.empty(); }
  bool several() const { return text_.find(',') != std::string::npos; }
  std::string shown() const { return "{" + text_ + "}"; }
  void node(const json::value* name, std::string_view when_empty, const Path& at, FieldErrors& errors) {
    if (!name) return;
    if (text_of(name).empty()) return errors.invalid(at, "", when_empty);
    add("nodeName");
    errors.invalid_each(at, text_of(name), check_subdomain_1123(text_of(name)));
  }
  void flag(const json::value* value, std::string_view name, const Path& path, FieldErrors& errors) {
    if (truth_of(value)) add(name);
    else if (value) errors.invalid(path.child(name), value, kSetToTrue);
  }

 private:
  std::string text_;
};

/// Where the devices of a slice are: said in exactly one way.
void validate_slice_place(const json::value* spec, const Path& path, FieldErrors& errors) {
  Ways ways;
  ways.node(member(spec, "nodeName"), "must be either unset or set to a non-empty string", path.child("nodeName"), errors);
  if (const auto* selector = member(spec, "nodeSelector")) {
    const auto here = path.child("nodeSelector");
    ways.add("nodeSelector");
    validate_node_selector(selector, here, errors);
    if (length_of(member(selector, "nodeSelectorTerms")) != 1) errors.invalid(here.child("nodeSelectorTerms"), member(selector, "nodeSelectorTerms"), "must have exactly one node selector term");
  }
  for (const std::string_view flag : {"allNodes", "perDeviceNodeSelection"}) ways.flag(member(spec, flag), flag, path, errors);
  if (ways.none()) errors.required(path, kOnePlace);
  else if (ways.several()) errors.invalid(path, ways.shown(), std::string(kOnePlace) + ", but multiple fields are set");
}

/// Where one device is: said when the slice says that its devices do.
void validate_device_place(const json::value& device, bool told_here, const Path& path, FieldErrors& errors) {
  const auto *name = member(&device, "nodeName"), *selector = member(&device, "nodeSelector"), *all = member(&device, "allNodes");
  if (!told_here) {
    if (name || selector || all) errors.invalid(path, nullptr, kNoDevicePlace);
    return;
  }
  Ways ways;
  ways.node(name, "must not be empty", path.child("nodeName"), errors);
  if (selector) {
    ways.add("nodeSelector");
    validate_node_selector(selector, path.child("nodeSelector"), errors);
  }
  ways.flag(all, "allNodes", path, errors);
  if (ways.none()) errors.required(path, kOneDevicePlace);
  else if (ways.several()) errors.invalid(path, ways.shown(), kOneDevicePlace);
}

void validate_text(std::string_view text, const Path& at, FieldErrors& errors) {
  if (text.size() > kAttributeBytesMax) errors.too_long(at, kAttributeBytesMax);
}

void validate_version(std::string_view text, const Path& at, FieldErrors& errors) {
  static std::string why;
  static const auto version = compile_pattern(kVersion, why);
  if (!matches(*version, text)) errors.invalid(at, text, "must be a string compatible with semver.org spec 2.0.0");
  validate_text(text, at, errors);
}

void validate_attribute(const json::value& attribute, const Path& path, FieldErrors& errors) {
  int given = 0;
  for (const std::string_view field : {"bool", "int", "string", "version"}) {
    const auto* value = member(&attribute, field);
    if (!value) continue;
    ++given;
    if (field == "string") validate_text(text_of(value), path.child(field), errors);
    if (field == "version") validate_version(text_of(value), path.child(field), errors);
  }
  for (const auto field : kLists) {
    const auto* values = member(&attribute, field);
    if (!values) continue;
    ++given;
    const auto here = path.child(field);
    if (length_of(values) == 0) errors.invalid(here, values, "must not be empty if specified");
    if (field == "strings") each_element(values, here, [&](const json::value& one, const Path& at) { validate_text(text_of(&one), at, errors); });
    if (field == "versions") each_element(values, here, [&](const json::value& one, const Path& at) { validate_version(text_of(&one), at, errors); });
  }
  if (given == 0) errors.invalid(path, "", "exactly one value must be specified");
  else if (given > 1) errors.invalid(path, &attribute, "exactly one value must be specified");
}

/// How many values the attributes have: of lists, each element.
std::size_t count_values(const json::value* attributes) {
  std::size_t count = 0;
  if (const auto* entries = as_object(attributes))
    for (const auto& [name, attribute] : *entries) {
      std::size_t listed = 0;
      for (const auto list : kLists) listed += length_of(member(&attribute, list));
      count += std::max<std::size_t>(listed, 1);
    }
  return count;
}

void validate_properties(const json::value& device, const Path& path, FieldErrors& errors) {
  const auto *attributes = member(&device, "attributes"), *capacity = member(&device, "capacity");
  if (const auto all = length_of(attributes) + length_of(capacity); all > kPropertiesMax) {
    const json::value shown(all);
    errors.invalid(path, &shown, "the total number of attributes and capacities must not exceed " + std::to_string(kPropertiesMax));
  }
  if (const auto values = count_values(attributes); values > kAttributeValuesMax) {
    const json::value shown(values);
    errors.invalid(path, &shown, "the total number of attribute values must not exceed " + std::to_string(kAttributeValuesMax));
  }
  const auto attributes_path = path.child("attributes"), capacity_path = path.child("capacity");
  if (const auto* entries = as_object(attributes))
    for (const auto& [name, attribute] : *entries) {
      validate_attribute_name(name, attributes_path, errors);
      validate_attribute(attribute, attributes_path.key(name), errors);
    }
  const bool shared = truth_of(member(&device, "allowMultipleAllocations"));
  if (const auto* entries = as_object(capacity))
    for (const auto& [name, amount] : *entries) {
      validate_attribute_name(name, capacity_path, errors);
      const auto* policy = member(&amount, "requestPolicy");
      const auto here = capacity_path.key(name), at = here.child("requestPolicy");
      if (policy && !shared) errors.forbidden(at, "allowMultipleAllocations must be true");
      else if (policy) validate_request_policy(text_of(member(&amount, "value")), *policy, at, errors);
    }
}

void validate_taint(const json::value& taint, const Path& path, FieldErrors& errors) {
  const auto key = text_of(member(&taint, "key")), value = text_of(member(&taint, "value")), effect = text_of(member(&taint, "effect"));
  errors.invalid_each(path.child("key"), key, check_label_key(key));
  if (!value.empty()) errors.invalid_each(path.child("value"), value, check_label_value(value));
  if (effect.empty()) errors.required(path.child("effect"));
  else errors.one_of(path.child("effect"), effect, kTaintEffects);
}

void validate_counters(const json::value& holder, std::string_view name_field, const Path& path, FieldErrors& errors) {
  const auto name = text_of(member(&holder, name_field));
  const auto here = path.child("counters");
  if (name.empty()) errors.required(path.child(name_field));
  else errors.invalid_each(path.child(name_field), name, check_label_1123(name));
  const auto* counters = as_object(member(&holder, "counters"));
  if (!counters || counters->empty()) return errors.required(here);
  if (counters->size() > kCountersMax) return errors.too_many(here, counters->size(), kCountersMax);
  for (const auto& [key, counter] : *counters) errors.invalid_each(here, key, check_label_1123(key));
}

void validate_conditions(const json::value& device, const Path& path, FieldErrors& errors) {
  const auto *wanted = member(&device, "bindingConditions"), *failures = member(&device, "bindingFailureConditions");
  const auto wanted_path = path.child("bindingConditions"), failures_path = path.child("bindingFailureConditions");
  const auto valid = [&](const json::value& condition, const Path& at) { errors.invalid_each(at, text_of(&condition), check_label_key(text_of(&condition))); };
  each_of_most(wanted, kConditionsMax, wanted_path, errors, valid);
  each_of_most(failures, kConditionsMax, failures_path, errors, valid);
  std::set<std::string_view> seen, failed;
  each_element(wanted, wanted_path, [&](const json::value& condition, const Path& at) {
    if (!seen.insert(text_of(&condition)).second) errors.duplicate(at, text_of(&condition));
  });
  each_element(failures, failures_path, [&](const json::value& condition, const Path& at) {
    if (!failed.insert(text_of(&condition)).second) errors.duplicate(at, text_of(&condition));
    if (seen.contains(text_of(&condition))) errors.invalid(at, text_of(&condition), "bindingFailureConditions must not overlap with bindingConditions");
  });
  if (seen.empty() && !failed.empty()) errors.invalid(wanted_path, wanted, "bindingConditions are required to use bindingFailureConditions");
  if (failed.empty() && !seen.empty()) errors.invalid(failures_path, failures, "bindingFailureConditions are required to use bindingConditions");
}

/// `old`: the device of this name that is stored, null for none.
void validate_device(const json::value& device, const json::value* old, bool place_told_here, const Path& path, FieldErrors& errors) {
  const auto name = text_of(member(&device, "name"));
  errors.invalid_each(path.child("name"), name, check_label_1123(name));
  validate_properties(device, path, errors);
  const auto* taints = member(&device, "taints");
  if (!old || !same(taints, member(old, "taints")))
    each_of_most(taints, kTaintsMax, path.child("taints"), errors, [&](const json::value& taint, const Path& at) { validate_taint(taint, at, errors); });
  each_named(member(&device, "consumesCounters"), "counterSet", kConsumedMax, path.child("consumesCounters"), errors,
             [&](const json::value& consumed, const Path& at) { validate_counters(consumed, "counterSet", at, errors); });
  validate_device_place(device, place_told_here, path, errors);
  validate_conditions(device, path, errors);
  validate_node_resources(device, path.child("nodeAllocatableResourceMappings"), errors);
}

/// Some of what a device may say makes it larger; of such a slice has fewer.
bool has_advanced(const json::value& device) {
  if (length_of(member(&device, "taints")) > 0 || length_of(member(&device, "consumesCounters")) > 0) return true;
  const auto* attributes = as_object(member(&device, "attributes"));
  const auto lists = [](const auto& entry) { return std::any_of(std::begin(kLists), std::end(kLists), [&](auto list) { return member(&entry.value(), list) != nullptr; }); };
  return attributes && std::any_of(attributes->begin(), attributes->end(), lists);
}

void validate_slice_devices(const json::value* spec, const json::value* old_spec, const Path& path, FieldErrors& errors) {
  const auto* devices = member(spec, "devices");
  const auto* list = as_array(devices);
  std::map<std::string_view, const json::value*> old;
  each_element(member(old_spec, "devices"), path, [&](const json::value& device, const Path&) { old.emplace(text_of(member(&device, "name")), &device); });
  const auto most = list && std::any_of(list->begin(), list->end(), has_advanced) ? kAdvancedDevicesMax : kDevicesMax;
  const bool told_here = truth_of(member(spec, "perDeviceNodeSelection"));
  each_named(devices, "name", most, path, errors, [&](const json::value& device, const Path& at) {
    const auto found = old.find(text_of(member(&device, "name")));
    validate_device(device, found == old.end() ? nullptr : found->second, told_here, at, errors);
  });
}

}  // namespace

void validate_resource_slice(const Candidate& candidate, FieldErrors& errors) {
  const Path path("spec"), pool = path.child("pool");
  const auto *spec = at_path(candidate.object, "spec"), *old = candidate.old ? at_path(*candidate.old, "spec") : nullptr;
  validate_driver_name(text_of(member(spec, "driver")), path.child("driver"), errors);
  validate_pool(member(spec, "pool"), pool, errors);
  if (old) {
    immutable(at_path(*spec, "pool.name"), at_path(*old, "pool.name"), pool.child("name"), errors);
    for (const std::string_view field : {"driver", "nodeName"}) immutable(member(spec, field), member(old, field), path.child(field), errors);
  }
  validate_slice_place(spec, path, errors);
  if (member(spec, "sharedCounters") && member(spec, "devices")) errors.invalid(path, "", "only one of `sharedCounters` or `devices` is allowed");
  validate_slice_devices(spec, old, path.child("devices"), errors);
  each_named(member(spec, "sharedCounters"), "name", kCounterSetsMax, path.child("sharedCounters"), errors,
             [&](const json::value& counters, const Path& at) { validate_counters(counters, "name", at, errors); });
}

}  // namespace keelson::kinds

// Claims of devices and the slices that offer them.
//
// The rules are those of pkg/apis/resource/validation: validateDeviceClaim, validateResourceSliceSpec. Selectors are not compiled here.
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate_more.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kRequestsMax = 32, kFirstAvailableMax = 8, kPoolNameMax = 253;
constexpr std::string_view kOneRequest = "exactly one of `exactly` or `firstAvailable` is required";
constexpr std::string_view kOnePlace = "exactly one of `nodeName`, `nodeSelector`, `allNodes`, `perDeviceNodeSelection` is required";

/// A list whose elements have names of their own.
template <class Each>
void validate_named(const json::value* list, std::size_t most, const Path& path, FieldErrors& errors, Each each) {
  if (length_of(list) > most) return errors.too_many(path, length_of(list), most);
  each_element(list, path, each);
  std::set<std::string_view> names;
  each_element(list, path, [&](const json::value& one, const Path& at) {
    const auto name = text_of(member(&one, "name"));
    if (!names.insert(name).second) errors.duplicate(at, name);
  });
}

/// What an exact request and one of several have in common.
void validate_wanted(const json::value& wanted, const Path& at, FieldErrors& errors) {
  const auto device_class = text_of(member(&wanted, "deviceClassName")), mode = text_of(member(&wanted, "allocationMode"));
  if (device_class.empty()) errors.required(at.child("deviceClassName"));
  else errors.invalid_each(at.child("deviceClassName"), device_class, check_subdomain_1123(device_class));
  const auto selectors = at.child("selectors"), count = at.child("count");
  each_element(member(&wanted, "selectors"), selectors, [&](const json::value& selector, const Path& here) {
    if (!member(&selector, "cel")) errors.required(here.child("cel"));
  });
  const auto* number = member(&wanted, "count");
  if (mode == "All" && integer_of(number) != 0) errors.invalid(count, number, "must not be specified when allocationMode is 'All'");
  else if (mode == "ExactCount" && integer_of(number) <= 0) errors.invalid(count, number, "must be greater than zero");
  else errors.one_of(at.child("allocationMode"), mode, {"All", "ExactCount"});
}

void validate_request(const json::value& request, const Path& at, FieldErrors& errors) {
  const auto name = text_of(member(&request, "name"));
  errors.invalid_each(at.child("name"), name, check_label_1123(name));
  const auto *exactly = member(&request, "exactly"), *several = member(&request, "firstAvailable");
  const bool has_several = length_of(several) > 0;
  if (!exactly && !has_several) return errors.required(at, kOneRequest);
  if (exactly && has_several) return errors.invalid(at, nullptr, std::string(kOneRequest) + ", but multiple fields are set");
  if (exactly) return validate_wanted(*exactly, at.child("exactly"), errors);
  validate_named(several, kFirstAvailableMax, at.child("firstAvailable"), errors, [&](const json::value& one, const Path& here) {
    const auto own = text_of(member(&one, "name"));
    errors.invalid_each(here.child("name"), own, check_label_1123(own));
    validate_wanted(one, here, errors);
  });
}

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

/// Where the devices of a slice are: said in exactly one way.
void validate_slice_place(const json::value* spec, const Path& path, FieldErrors& errors) {
  std::string ways;
  const auto add = [&](std::string_view way) { ways += (ways.empty() ? "`" : ", `") + std::string(way) + "`"; };
  if (const auto* node = member(spec, "nodeName")) {
    const auto name = text_of(node);
    if (name.empty()) errors.invalid(path.child("nodeName"), "", "must be either unset or set to a non-empty string");
    else errors.invalid_each(path.child("nodeName"), name, check_subdomain_1123(name)), add("nodeName");
  }
  if (const auto* selector = member(spec, "nodeSelector")) {
    const auto here = path.child("nodeSelector");
    add("nodeSelector");
    validate_node_selector(selector, here, errors);
    if (length_of(member(selector, "nodeSelectorTerms")) != 1) errors.invalid(here.child("nodeSelectorTerms"), member(selector, "nodeSelectorTerms"), "must have exactly one node selector term");
  }
  for (const std::string_view flag : {"allNodes", "perDeviceNodeSelection"}) {
    const auto* value = member(spec, flag);
    if (truth_of(value)) add(flag);
    else if (value) errors.invalid(path.child(flag), value, "must be either unset or set to true");
  }
  if (ways.empty()) errors.required(path, kOnePlace);
  else if (ways.find(',') != std::string::npos) errors.invalid(path, "{" + ways + "}", std::string(kOnePlace) + ", but multiple fields are set");
}

}  // namespace

void validate_device_claim(const Candidate& candidate, FieldErrors& errors) {
  if (!candidate.subresource.empty() || candidate.old) return;   // its spec stays what it is
  const Path spec("spec"), inner = spec.child("spec");
  const bool in_template = candidate.kind.kind == "ResourceClaimTemplate";
  const auto devices = (in_template ? inner : spec).child("devices");
  const auto* requests = at_path(candidate.object, in_template ? "spec.spec.devices.requests" : "spec.devices.requests");
  validate_named(requests, kRequestsMax, devices.child("requests"), errors, [&](const json::value& request, const Path& at) { validate_request(request, at, errors); });
}

void validate_resource_slice(const Candidate& candidate, FieldErrors& errors) {
  const Path path("spec");
  const auto* spec = at_path(candidate.object, "spec");
  validate_driver_name(text_of(member(spec, "driver")), path.child("driver"), errors);
  validate_pool(member(spec, "pool"), path.child("pool"), errors);
  if (candidate.old) immutable(at_path(candidate.object, "spec.pool.name"), at_path(*candidate.old, "spec.pool.name"), Path("spec.pool.name"), errors);
  validate_slice_place(spec, path, errors);
}

}  // namespace keelson::kinds

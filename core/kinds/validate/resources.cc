// What containers and pods ask for: amounts, and claims of devices.
#include <array>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/qos.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/resource_names.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

bool of_pods(std::string_view name) { return name == "cpu" || name == "memory" || is_huge_pages(name); }

/// Pages have one size: so many of them, and no part of one.
void validate_pages(std::string_view name, const json::value& amount, const Path& path, FieldErrors& errors) {
  const auto size = Quantity::parse(name.substr(std::string_view("hugepages-").size())), all = Quantity::parse(text_of(&amount));
  if (!size || !all || size->units() <= 0 || all->units() == 0) return;
  if (all->units() < 0 || all->units() % size->units() != 0) errors.invalid(path, &amount, all->text() + " is not positive integer multiple of " + std::string(name));
}

enum class Whose { container, pod };

void validate_name(std::string_view name, const Path& path, Whose whose, FieldErrors& errors) {
  if (whose == Whose::container) return validate_container_resource(name, path, errors);
  if (validate_resource_name(name, path, errors) && !of_pods(name)) errors.not_supported(path, name, std::array<std::string_view, 3>{"cpu", "hugepages-", "memory"});
}

void validate_list(const json::value* list, const Path& path, Whose whose, FieldErrors& errors) {
  const auto* entries = as_object(list);
  if (!entries) return;
  for (const auto& [key, value] : *entries) {
    const std::string_view name(key);
    const auto here = path.key(name);
    validate_name(name, here, whose, errors);
    const auto amount = Quantity::parse(text_of(&value));
    if (amount && amount->sign() < 0) errors.invalid(here, &value, kNotNegative);
    if (amount && !is_container_resource(name) && !amount->is_whole()) errors.invalid(here, &value, "must be an integer");
    if (is_huge_pages(name)) validate_pages(name, value, here, errors);
  }
}

void compare_to_limit(std::string_view name, const json::value& request, const json::value* limit, const Path& path, const Path& limits, FieldErrors& errors) {
  if (!limit) {
    if (!is_overcommittable(name)) errors.required(limits, "Limit must be set for non overcommitable resources");
    return;
  }
  const auto asked = Quantity::parse(text_of(&request)), most = Quantity::parse(text_of(limit));
  if (!asked || !most) return;
  const int order = compare(*asked, *most);
  const auto tail = std::string(name) + " limit of " + most->text();
  // What cannot be promised twice has to be asked for in full.
  if (!is_overcommittable(name) && order != 0) errors.invalid(path, &request, "must be equal to " + tail);
  else if (order > 0) errors.invalid(path, &request, "must be less than or equal to " + tail);
}

void validate_amounts(const json::value* resources, const Path& path, Whose whose, FieldErrors& errors) {
  const auto limits_path = path.child("limits"), requests_path = path.child("requests");
  const auto *limits = member(resources, "limits"), *requests = member(resources, "requests");
  validate_list(limits, limits_path, whose, errors);
  validate_list(requests, requests_path, whose, errors);
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

void validate_claims(const json::value* claims, const Path& path, const std::set<std::string_view>& known, FieldErrors& errors) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  each_element(claims, path, [&](const json::value& claim, const Path& at) {
    const auto name = text_of(member(&claim, "name")), request = text_of(member(&claim, "request"));
    if (name.empty()) errors.required(at);
    else if (!seen.emplace(name, request).second) errors.duplicate(at, name);
    else if (!known.contains(name)) {
      std::string among = known.empty() ? " which is empty" : ": ";
      for (const auto& each : known) among += (each == *known.begin() ? "" : ", ") + std::string(each);
      errors.not_found(at, name, "must be one of the names in pod.spec.resourceClaims" + among);
    }
    if (!request.empty()) errors.invalid_each(at.child("request"), request, check_label_1123(request));
  });
}

/// Containers together ask for no more than their pod, and each alone may have no more.
void compare_to_containers(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto requests_path = path.child("requests"), containers_path = path.child("containers");
  const auto *own = member(&spec, "resources"), *limits = member(own, "limits");
  for (const auto& name : named_by_containers(spec.get_object(), "requests")) {
    const auto given = Quantity::parse(text_of(member(member(own, "requests"), name)));
    const auto asked = total_of_containers(spec.get_object(), "requests", name);
    if (given && of_pods(name) && compare(asked, *given) > 0)
      errors.invalid(requests_path.key(name), given->text(), "must be greater than or equal to aggregate container requests of " + asked.text());
  }
  each_element(member(&spec, "containers"), containers_path, [&](const json::value& container, const Path& at) {
    if (const auto* entries = as_object(member(member(&container, "resources"), "limits")))
      for (const auto& [name, value] : *entries) {
        const auto most = Quantity::parse(text_of(member(limits, name))), own_limit = Quantity::parse(text_of(&value));
        const auto here = at.key(name);
        if (most && own_limit && compare(*own_limit, *most) > 0) errors.invalid(here.child("limits"), own_limit->text(), "must be less than or equal to pod limits of " + most->text());
      }
  });
}

}  // namespace

void validate_resources(const json::value* resources, const Path& path, const std::set<std::string_view>& claims, FieldErrors& errors) {
  if (!resources) return;
  validate_amounts(resources, path, Whose::container, errors);
  validate_claims(member(resources, "claims"), path.child("claims"), claims, errors);
}

void validate_pod_resources(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* resources = member(&spec, "resources");
  if (!resources) return;
  const auto claims = path.child("claims");
  if (member(resources, "claims")) errors.forbidden(claims, "claims may not be set for Resources at pod-level");
  validate_amounts(resources, path, Whose::pod, errors);
  validate_claims(member(resources, "claims"), claims, claim_names(spec), errors);
  compare_to_containers(spec, path, errors);
}

std::set<std::string_view> claim_names(const json::value& spec) {
  std::set<std::string_view> names;
  if (const auto* claims = as_array(member(&spec, "resourceClaims")))
    for (const auto& claim : *claims)
      if (const auto name = text_of(member(&claim, "name")); !name.empty()) names.insert(name);
  return names;
}

void validate_resource_claims(const json::value& spec, const Path& path, FieldErrors& errors) {
  std::set<std::string_view> seen;
  each_element(member(&spec, "resourceClaims"), path, [&](const json::value& claim, const Path& at) {
    const auto name = text_of(member(&claim, "name"));
    const auto *object = member(&claim, "resourceClaimName"), *made = member(&claim, "resourceClaimTemplateName");
    if (name.empty()) errors.required(at.child("name"));
    else if (!seen.insert(name).second) errors.duplicate(at.child("name"), name);
    else errors.invalid_each(at.child("name"), name, check_label_1123(name));
    const json::value shown = {{"Name", name}, {"ResourceClaimName", object ? *object : json::value()}, {"ResourceClaimTemplateName", made ? *made : json::value()}};
    if (object && made) errors.invalid(at, &shown, "at most one of `resourceClaimName` or `resourceClaimTemplateName` may be specified");
    if (!object && !made) errors.invalid(at, &shown, "must specify one of: `resourceClaimName`, `resourceClaimTemplateName`");
    for (const std::string_view field : {"resourceClaimName", "resourceClaimTemplateName"})
      if (const auto* value = member(&claim, field)) errors.invalid_each(at.child(field), text_of(value), check_subdomain_1123(text_of(value)));
  });
}

}  // namespace keelson::kinds

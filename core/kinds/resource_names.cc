#include "core/kinds/resource_names.hpp"

#include <algorithm>

#include "core/kinds/formats.hpp"

namespace keelson::kinds {
namespace {

bool has_domain(std::string_view name) { return name.find('/') != std::string_view::npos; }

}  // namespace

bool is_native_resource(std::string_view name) { return !has_domain(name) || name.find("kubernetes.io/") != std::string_view::npos; }

bool is_extended_resource(std::string_view name) {
  constexpr std::string_view kRequests = "requests.";
  return !is_native_resource(name) && !name.starts_with(kRequests) && check_label_key(std::string(kRequests) + std::string(name)).empty();
}

bool is_huge_pages(std::string_view name) { return name.starts_with("hugepages-"); }
bool is_overcommittable(std::string_view name) { return is_native_resource(name) && !is_huge_pages(name); }
bool is_container_resource(std::string_view name) { return name == "cpu" || name == "memory" || name == "ephemeral-storage" || is_huge_pages(name); }

bool is_whole_resource(std::string_view name) {
  constexpr std::string_view kObjects[] = {"pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims", "services.nodeports", "services.loadbalancers"};
  return std::find(std::begin(kObjects), std::end(kObjects), name) != std::end(kObjects) || is_extended_resource(name);
}

bool is_standard_resource(std::string_view name) {
  constexpr std::string_view kNames[] = {"cpu", "memory", "ephemeral-storage", "requests.cpu", "requests.memory", "requests.ephemeral-storage", "limits.cpu", "limits.memory",
                                         "limits.ephemeral-storage", "pods", "resourcequotas", "services", "replicationcontrollers", "secrets", "configmaps", "persistentvolumeclaims",
                                         "storage", "requests.storage", "services.nodeports", "services.loadbalancers"};
  return is_huge_pages(name) || name.starts_with("requests.hugepages-") || std::find(std::begin(kNames), std::end(kNames), name) != std::end(kNames);
}

bool validate_resource_name(std::string_view name, const Path& path, FieldErrors& errors) {
  const auto before = errors.size();
  errors.invalid_each(path, name, check_label_key(name));
  if (errors.size() == before && !has_domain(name) && !is_standard_resource(name)) errors.invalid(path, name, "must be a standard resource type or fully qualified");
  return errors.size() == before;
}

void validate_container_resource(std::string_view name, const Path& path, FieldErrors& errors) {
  validate_resource_name(name, path, errors);
  if (!has_domain(name) && !is_container_resource(name)) errors.invalid(path, name, "must be a standard resource for containers");
  else if (!is_native_resource(name) && !is_extended_resource(name)) errors.invalid(path, name, "doesn't follow extended resource name standard");
}

}  // namespace keelson::kinds

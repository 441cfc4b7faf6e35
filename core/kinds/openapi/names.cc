#include "core/kinds/openapi/names.hpp"

#include <algorithm>

namespace keelson::kinds::openapi {
namespace {

struct Home {
  std::string_view package, prefix;
};
constexpr Home kHomes[] = {
    {"meta", "io.k8s.apimachinery.pkg.apis.meta"},
    {"apiextensions", "io.k8s.apiextensions-apiserver.pkg.apis.apiextensions"},
    {"apiregistration", "io.k8s.kube-aggregator.pkg.apis.apiregistration"},
    {"metrics", "io.k8s.metrics.pkg.apis.metrics"},
    {"keelson", "dev.keelson"},
};

std::string prefix_of(std::string_view package) {
  for (const Home& home : kHomes)
    if (home.package == package) return std::string(home.prefix);
  return "io.k8s.api." + std::string(package);
}

/// "stable.example.com" -> "com.example.stable"
std::string reversed(std::string_view group) {
  std::string out;
  while (true) {
    const auto dot = group.rfind('.');
    out += group.substr(dot == group.npos ? 0 : dot + 1);
    if (dot == group.npos) return out;
    out += '.';
    group = group.substr(0, dot);
  }
}

std::string capital(std::string_view word) {
  std::string out(word);
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') out[0] = static_cast<char>(out[0] - 'a' + 'A');
  return out;
}

}  // namespace

std::string definition_name(std::string_view type_name) {
  const auto slash = type_name.find('/');
  if (slash == type_name.npos) return std::string(type_name);
  return prefix_of(type_name.substr(0, slash)) + '.' + std::string(type_name.substr(slash + 1));
}

std::string definition_name(const Kind& kind) {
  if (kind.type && !kind.type->name.empty()) return definition_name(kind.type->name);
  return reversed(kind.group) + '.' + kind.version + '.' + kind.kind;
}

std::string list_definition_name(const Kind& kind) {
  std::string name = definition_name(kind);
  return name.substr(0, name.rfind('.') + 1) + (kind.list_kind.empty() ? kind.kind + "List" : kind.list_kind);
}

std::string_view leaf_definition(Shape shape) {
  switch (shape) {
    case Shape::quantity: return "io.k8s.apimachinery.pkg.api.resource.Quantity";
    case Shape::int_or_string: return "io.k8s.apimachinery.pkg.util.intstr.IntOrString";
    case Shape::time: return "io.k8s.apimachinery.pkg.apis.meta.v1.Time";
    case Shape::micro_time: return "io.k8s.apimachinery.pkg.apis.meta.v1.MicroTime";
    case Shape::duration: return "io.k8s.apimachinery.pkg.apis.meta.v1.Duration";
    case Shape::raw: return "io.k8s.apimachinery.pkg.runtime.RawExtension";
    default: return "";
  }
}

const Type* subresource_type(const Kind& kind, const Subresource& subresource) {
  if (subresource.kind == kind.kind && (subresource.group.empty() || subresource.group == kind.group)) return kind.type.get();
  const std::string& group = subresource.version.empty() ? kind.group : subresource.group;
  const std::string& version = subresource.version.empty() ? kind.version : subresource.version;
  const std::string package = group.empty() ? "core" : group.substr(0, group.find('.'));
  return builtin_type(package + '/' + version + '.' + subresource.kind);
}

std::string operation_infix(std::string_view group, std::string_view version) {
  if (group.empty()) return "Core" + capital(version);
  if (group.ends_with(".k8s.io")) group.remove_suffix(7);
  std::string out;
  for (std::size_t dot; !group.empty(); group.remove_prefix(std::min(group.size(), dot + 1))) {
    dot = std::min(group.find('.'), group.size());
    out += capital(group.substr(0, dot));
  }
  std::erase(out, '-');
  return out + capital(version);
}

std::string tag(std::string_view group, std::string_view version) {
  std::string out = group.empty() ? "core" : std::string(group.ends_with(".k8s.io") ? group.substr(0, group.size() - 7) : group);
  std::replace(out.begin(), out.end(), '.', '_');
  return out + '_' + std::string(version);
}

std::string group_version_path(std::string_view group, std::string_view version) {
  return (group.empty() ? "/api/" : "/apis/" + std::string(group) + '/') + std::string(version);
}

}  // namespace keelson::kinds::openapi

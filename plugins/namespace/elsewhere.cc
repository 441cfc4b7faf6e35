#include "elsewhere.hpp"

#include <algorithm>
#include <boost/json.hpp>
#include <set>

namespace namespaces {
namespace {

namespace json = boost::json;

constexpr const char* kOptions = R"({"kind":"DeleteOptions","apiVersion":"v1","propagationPolicy":"Background"})";
constexpr int kNotAllowed = 405;
constexpr std::size_t kNestingMax = 1024;   // of what a server lists

json::value parsed(std::string_view text) {
  boost::system::error_code broken;
  json::parse_options options;
  options.max_depth = kNestingMax;
  auto value = json::parse(text, broken, {}, options);
  return broken ? json::value() : value;
}

const json::value* member(const json::value& value, std::initializer_list<std::string_view> path) {
  const auto* at = &value;
  for (const auto name : path) {
    at = at->is_object() ? at->get_object().if_contains(name) : nullptr;
    if (at == nullptr) return nullptr;
  }
  return at;
}

std::string text(const json::value& value, std::initializer_list<std::string_view> path) {
  const auto* found = member(value, path);
  return found != nullptr && found->is_string() ? std::string(found->get_string()) : std::string();
}

const json::array& list(const json::value& value, std::initializer_list<std::string_view> path) {
  static const json::array none;
  const auto* found = member(value, path);
  return found != nullptr && found->is_array() ? found->get_array() : none;
}

bool offers(const json::value& resource, std::string_view verb) {
  const auto& verbs = list(resource, {"verbs"});
  return std::any_of(verbs.begin(), verbs.end(), [&](const auto& one) { return one.is_string() && one.get_string() == verb; });
}

/// Another server's word gets into a path only if it is a name.
bool plain(const std::string& name) {
  return !name.empty() && name != "." && name != ".." &&
         std::all_of(name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) != 0 || c == '-' || c == '.' || c == '_' || c == ':'; });
}

std::string path_of(const ElsewhereResource& of, const std::string& ns) { return "/apis/" + of.group + "/" + of.version + "/namespaces/" + ns + "/" + of.resource; }

}  // namespace

Elsewhere discover_elsewhere(keelson::Context& ctx) {
  Elsewhere found;
  const auto services = ctx.list_raw(ApiService::gvk, {});
  if (!services) {
    found.failures.push_back(services.error().message);
    return found;
  }
  std::set<std::string> seen;   // a resource in two versions is the same objects
  for (const auto& service : *services) {
    const auto value = parsed(service.body());
    const auto* backend = member(value, {"spec", "service"});
    if (backend == nullptr || !backend->is_object()) continue;
    const std::string group = text(value, {"spec", "group"}), version = text(value, {"spec", "version"});
    const auto told = ctx.pass_on("GET", "/apis/" + group + "/" + version);
    if (!told) {
      found.failures.push_back(keelson::str(group, "/", version, ": ", told.error().message));
      continue;
    }
    const auto offered = parsed(*told);
    for (const auto& resource : list(offered, {"resources"})) {
      const auto name = text(resource, {"name"});
      const auto* namespaced = member(resource, {"namespaced"});
      if (!plain(name) || namespaced == nullptr || *namespaced != true || !offers(resource, "delete") || !offers(resource, "list")) continue;
      if (seen.insert(group + "/" + name).second) found.resources.push_back({group, version, name, offers(resource, "deletecollection")});
    }
  }
  return found;
}

void delete_elsewhere(keelson::Context& ctx, const ElsewhereResource& resource, const std::string& ns, Remains& remains) {
  const auto path = path_of(resource, ns);
  const auto listed = [&]() -> keelson::Outcome<json::value> {
    auto answer = ctx.pass_on("GET", path);
    if (!answer) return answer.error();
    return parsed(*answer);
  };
  auto collection = resource.as_collection ? ctx.pass_on("DELETE", path, kOptions) : keelson::Outcome<std::string>(keelson::Error{kNotAllowed, "", "", {}});
  if (!collection && collection.error().code == kNotAllowed) {
    const auto items = listed();
    if (!items) return remains.failures.push_back(items.error().message);
    for (const auto& item : list(*items, {"items"})) {
      const auto name = text(item, {"metadata", "name"});
      const auto removed = plain(name) ? ctx.pass_on("DELETE", path + "/" + name, kOptions) : keelson::Outcome<std::string>(keelson::Error{400, "", resource.resource + " has an object whose name is none", {}});
      if (!removed && !is_not_found(removed.error())) remains.failures.push_back(removed.error().message);
    }
  } else if (!collection && !is_not_found(collection.error())) {
    remains.failures.push_back(collection.error().message);
  }
  const auto left = listed();
  if (!left && !is_not_found(left.error())) remains.failures.push_back(left.error().message);
  if (!left) return;
  for (const auto& item : list(*left, {"items"})) {
    ++remains.instances[resource.resource + "." + resource.group];
    remains.elsewhere = true;
    for (const auto& finalizer : list(item, {"metadata", "finalizers"}))
      if (finalizer.is_string()) ++remains.finalizers[std::string(finalizer.get_string())];
  }
}

}  // namespace namespaces

// The point "conversion": a ConversionReview in, the same with its response out; and what definitions say of it.
#include <keelson/json_value.hpp>

#include <keelson/state.hpp>

namespace json = boost::json;

namespace keelson {

using namespace detail;

namespace {

const ConversionState* edge(const PluginState& plugin, std::string_view group, std::string_view kind, std::string_view from, std::string_view to) {
  for (const auto& one : plugin.conversions)
    if (one.group == group && one.kind == kind && one.from == from && one.to == to) return &one;
  return nullptr;
}

/// The functions that lead from one version to another: one, or two by way of a third version; empty: none do.
std::vector<const ConversionState*> path(const PluginState& plugin, std::string_view group, std::string_view kind, std::string_view from, std::string_view to) {
  if (const auto* direct = edge(plugin, group, kind, from, to)) return {direct};
  for (const auto& first : plugin.conversions)
    if (first.group == group && first.kind == kind && first.from == from)
      if (const auto* second = edge(plugin, group, kind, first.to, to)) return {&first, second};
  return {};
}

struct Version { std::string_view group, version; };
Version split(std::string_view api_version) {
  const auto slash = api_version.find('/');
  return slash == std::string_view::npos ? Version{{}, api_version} : Version{api_version.substr(0, slash), api_version.substr(slash + 1)};
}

Outcome<json::value> convert(Context& ctx, const PluginState& plugin, const json::object& object, std::string_view wanted) {
  const std::string kind(object.at("kind").as_string()), has(object.at("apiVersion").as_string());
  const auto from = split(has), to = split(wanted);
  const auto steps = path(plugin, from.group, kind, from.version, to.version);
  if (steps.empty()) return Error(500, "", plugin.name + " does not convert " + kind + " from " + has + " to " + std::string(wanted));
  auto text = json::serialize(object);
  for (const auto* step : steps) {
    auto next = step->convert(ctx, text, step->to);
    if (!next) return next.error();
    text = std::move(*next);
  }
  return json_of(text);
}

Result answer(Context& ctx, const PluginState& plugin, const HookRequest& asked, HookReply& reply) {
  auto review = json_of(asked.text(0)).as_object();
  const auto& request = review.at("request").as_object();
  json::array converted;
  for (const auto& object : request.at("objects").as_array()) {
    auto one = convert(ctx, plugin, object.as_object(), std::string_view(request.at("desiredAPIVersion").as_string()));
    if (!one) return one.error();
    converted.push_back(std::move(*one));
  }
  json::object response{{"uid", request.at("uid")}, {"result", json::object{{"status", "Success"}}}, {"convertedObjects", std::move(converted)}};
  review.erase("request");
  review["response"] = std::move(response);
  reply.body(json::serialize(review));
  return done();
}

/// An older version beside those that a definition has: as the first one, but for its schema.
void add_version(json::array& versions, const VersionState& old) {
  for (const auto& version : versions)
    if (version.as_object().at("name").as_string() == old.version) return;
  auto added = versions.at(0).as_object();
  added["name"] = old.version;
  added["storage"] = false;
  added["schema"] = json::object{{"openAPIV3Schema", json_of(old.schema_json)}};
  added.erase("additionalPrinterColumns");
  versions.push_back(std::move(added));
}

json::object asks(const std::string& plugin) {
  const json::object config{{"url", "https://" + plugin + ".plugins.keelson.dev"}};
  return {{"strategy", "Webhook"}, {"webhook", json::object{{"conversionReviewVersions", json::array{"v1"}}, {"clientConfig", config}}}};
}

}  // namespace

void Setup::add_conversion(const Gvk& from, const Gvk& to, ConvertJson convert) {
  if (state_->conversions.empty())
    hook("conversion", {.name = "conversion"}, [plugin = state_](Context& ctx, const HookRequest& request, HookReply& reply) { return answer(ctx, *plugin, request, reply); });
  state_->conversions.push_back({std::string(from.group), std::string(from.kind), std::string(from.version), std::string(to.version), std::move(convert)});
}

void Setup::add_version(const Gvk& gvk, std::string schema_json) { state_->versions.push_back({KindName(gvk), std::string(gvk.version), std::move(schema_json)}); }

void Setup::converter(const Gvk& from, const Gvk& to, ConvertJson convert) { add_conversion(from, to, std::move(convert)); }

namespace detail {

std::string with_versions(const PluginState& plugin, const std::string& crd) {
  boost::system::error_code other;
  auto definition = json_of(crd, other);
  if (other || !definition.is_object()) return crd;   // YAML: its author says all
  auto& spec = definition.as_object().at("spec").as_object();
  bool converts = false;
  for (const auto& old : plugin.versions) {
    if (spec.at("group").as_string() != old.kind.group || spec.at("names").as_object().at("plural").as_string() != old.kind.resource) continue;
    add_version(spec.at("versions").as_array(), old);
    converts = true;
  }
  if (!converts) return crd;
  if (!spec.contains("conversion")) spec["conversion"] = asks(plugin.name);
  return json::serialize(definition);
}

std::string served_crd(std::string_view crd, const std::vector<std::string>& verbs) {
  auto definition = json_of(crd).as_object();
  std::string list;
  for (const auto& verb : verbs) list += (list.empty() ? "" : ",") + verb;
  definition.at("metadata").as_object()["annotations"] = json::object{{"keelson.dev/served-verbs", list}};
  return json::serialize(definition);
}

}  // namespace detail
}  // namespace keelson

// Three things that a plugin can serve: a subresource of a kind that somebody else declared, a resource that is stored nowhere, and a
// path of its own.
//
//   kubectl get --raw /api/v1/namespaces/NS/configmaps/NAME/lines     the ConfigMap's data, one "key=value" a line
//   kubectl get configsizes.example.keelson.dev -n NS [NAME]          how long the values of each ConfigMap are
//   kubectl get --raw /plugins/hooks-route/count                      how many ConfigMaps there are
#include <keelson/sdk.hpp>

#include <boost/json.hpp>

namespace {

namespace json = boost::json;
using keelson::ConfigMap;
using keelson::Context;
using keelson::Ref;
using keelson::Request;
using keelson::Stream;

constexpr keelson::Gvk kSizes{"example.keelson.dev", "v1", "ConfigSize", "configsizes"};
constexpr const char* kVersion = "example.keelson.dev/v1";

void lines(Context& ctx, const Request& request, Stream& stream) {
  const auto map = ctx.get<ConfigMap>({request.ns, request.name});
  if (!map) return stream.fail(map.error());
  stream.respond(200, "text/plain");
  for (const auto& [key, value] : (*map)->data)
    if (!stream.write(key + "=" + value + "\n")) return;
}

json::object size_of(const Ref<ConfigMap>& map) {
  std::size_t bytes = 0;
  for (const auto& [key, value] : map->data) bytes += value.size();
  return {{"apiVersion", kVersion}, {"kind", "ConfigSize"}, {"metadata", json::object{{"namespace", map.ns()}, {"name", map.name()}}}, {"bytes", bytes}};
}

void sizes(Context& ctx, const Request& request, Stream& stream) {
  json::object answer{{"apiVersion", kVersion}, {"kind", "ConfigSizeList"}, {"metadata", json::object()}};
  if (request.verb == "get") {
    const auto map = ctx.get<ConfigMap>({request.ns, request.name});
    if (!map) return stream.fail(map.error());
    answer = size_of(*map);
  } else {
    json::array items;
    for (const auto& map : ctx.list<ConfigMap>({.ns = request.ns})) items.push_back(size_of(map));
    answer["items"] = std::move(items);
  }
  stream.respond(200, "application/json");
  stream.write(json::serialize(answer));
}

void count(Context& ctx, const Request& request, Stream& stream) {
  if (request.method != "GET") return stream.fail(keelson::Error(405, "MethodNotAllowed", "only GET"));
  stream.respond(200, "text/plain");
  stream.write(keelson::str(ctx.list<ConfigMap>().size(), " for ", request.user, "\n"));
}

}  // namespace

KEELSON_PLUGIN("hooks-route", "0.1.0", setup) {
  setup.may<ConfigMap>({"get", "list"});
  setup.route<ConfigMap>("lines", lines);
  setup.resource(kSizes, {.columns = {{"Bytes", "integer", ".bytes"}}}, {"get", "list"}, sizes);
  setup.serve_path("count", count);
}

// GET .../configmaps/NAME/lines: the ConfigMap's data, one "key=value" a line.
#include <keelson/sdk.hpp>

KEELSON_PLUGIN("hooks-route", "0.1.0", setup) {
  setup.may<keelson::ConfigMap>({"get"});
  setup.route<keelson::ConfigMap>("lines", [](keelson::Context& ctx, const keelson::Request& request, keelson::Stream& stream) {
    const auto map = ctx.get<keelson::ConfigMap>({request.ns, request.name});
    if (!map) return stream.fail(map.error());
    stream.respond(200, "text/plain");
    for (const auto& [key, value] : (*map)->data)
      if (!stream.write(key + "=" + value + "\n")) return;
  });
}

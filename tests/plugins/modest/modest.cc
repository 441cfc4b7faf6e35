// A plugin that tries what it did not ask for: of every ConfigMap it makes a Secret, and notes in it what came of that.
#include <keelson/sdk.hpp>

namespace {

using keelson::ConfigMap;
using keelson::Secret;

class Modest final : public keelson::Reconciler<ConfigMap> {
 public:
  keelson::Result reconcile(keelson::Context& ctx, const ConfigMap& map) override {
    if (map.data.contains("said")) return keelson::done();
    Secret secret;
    secret.meta.name = map.meta.name;
    secret.meta.namespace_ = map.meta.namespace_;
    const auto made = ctx.create(secret);
    ConfigMap next = map;
    next.data["said"] = made ? "made" : made.error().message;
    return ctx.modify(map, next);
  }
};

}  // namespace

KEELSON_PLUGIN("modest", "1.0.0", setup) {
  setup.may<Secret>({"get"});
  setup.controller<ConfigMap>(std::make_unique<Modest>());
}

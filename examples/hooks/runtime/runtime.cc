// Nodes run only images of registries that their label names (a prefix); other pods fail there.
#include <keelson/sdk.hpp>

namespace {

constexpr const char* kRegistry = "example.keelson.dev/registry";

class TrustedImages final : public keelson::NodeRuntime {
 public:
  keelson::Result admit(keelson::Context& ctx, const keelson::Ref<keelson::Pod>& pod, std::string_view node) override {
    const auto its = ctx.find<keelson::Node>(keelson::Key("", std::string(node)));
    const auto trusted = its ? its.label(kRegistry) : std::string_view();
    for (const auto& container : pod->spec.containers)
      if (!container.image.starts_with(trusted)) return keelson::denied(container.image + " is not from " + std::string(trusted));
    return keelson::done();
  }
};

}  // namespace

KEELSON_PLUGIN("hooks-runtime", "0.1.0", setup) {
  setup.may<keelson::Node>({"get"});
  setup.node_runtime(std::make_unique<TrustedImages>(), {.name = "trusted-images"});
}

// Hooks for tests, as hooks-a and hooks-b. What they do to a ConfigMap labelled hooks=yes is in its data: each writes its
// letter behind "order"; "deny", "invalid", "throw", "slow", "write", "rename" do what they say in hooks-b's validation.
#include <keelson/sdk.hpp>

namespace {

using keelson::ConfigMap;

class Maps final : public keelson::Admission<ConfigMap> {
 public:
  keelson::Result mutate(keelson::Context&, keelson::Review&, ConfigMap& map) override {
    if (!map.meta.labels.contains("hooks")) return keelson::done();
    map.data["order"] += HOOKS_LETTER;
    if (map.data.contains("rename")) map.meta.name = "renamed";
    return keelson::done();
  }
  keelson::Result validate(keelson::Context& ctx, keelson::Review& review, const ConfigMap& map) override {
    const auto& data = map.data;
    if (!map.meta.labels.contains("hooks") || HOOKS_LETTER != std::string("b")) return keelson::done();
    if (data.contains("deny")) return keelson::denied(data.at("deny"));
    if (data.contains("invalid")) return keelson::invalid("data.invalid", "must not be there");
    if (data.contains("throw")) throw std::runtime_error("thrown on purpose");
    if (data.contains("slow"))
      while (ctx.sleep(std::chrono::hours(1))) {}
    if (data.contains("write")) {
      ConfigMap other;
      other.meta.name = "other";
      other.meta.namespace_ = "default";
      (void)KEELSON_TRY(ctx.create(other));
    }
    if (data.contains("lean")) {   // rests on another object
      const auto leaned = ctx.find<ConfigMap>(keelson::Key("default", data.at("lean")));
      if (!leaned) return keelson::denied("there is no " + data.at("lean"));
      review.patch<ConfigMap>(leaned.key(), R"({"data":{"leaned":"yes"}})");
    }
    return keelson::done();
  }
};

}  // namespace

KEELSON_PLUGIN("hooks-" HOOKS_LETTER, "1.0.0", setup) {
  setup.may<ConfigMap>({"get", "create", "patch"});
  setup.admission<ConfigMap>(std::make_unique<Maps>(),
                             {.name = "maps", .order = 40, .deadline = std::chrono::seconds(2), .required = HOOKS_LETTER == std::string("b"), .reinvoke = HOOKS_LETTER == std::string("a")});
}

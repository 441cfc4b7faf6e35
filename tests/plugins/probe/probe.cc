// A small good plugin for tests: a kind, a controller of ConfigMaps labelled probe=yes, an observer, a task. What it does
// to a ConfigMap is in its data: "child" makes an owned copy, "fail" n fails that often, "throw" throws, "terminal" gives
// up, "nap" n waits n milliseconds, "hang" until it is cancelled, "say" records an event.
#include <keelson/sdk.hpp>

#include <map>
#include <mutex>

namespace {

using keelson::ConfigMap;

constexpr const char* kWidget = R"(
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: widgets.probe.keelson.dev}
spec:
  group: probe.keelson.dev
  scope: Namespaced
  names: {plural: widgets, singular: widget, kind: Widget, listKind: WidgetList}
  versions:
  - name: v1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        properties:
          spec: {type: object, properties: {size: {type: integer}}}
)";

/// Failures that a ConfigMap still owes, by uid.
struct Debts {
  std::mutex mutex;
  std::map<std::string, int> left;
  bool due(const std::string& uid, int wanted) {
    const std::lock_guard lock(mutex);
    auto& owed = left.try_emplace(uid, wanted).first->second;
    return owed-- > 0;
  }
};

class Probe final : public keelson::Reconciler<ConfigMap> {
 public:
  explicit Probe(keelson::Setup& setup) : seen_(setup.counter("probe_reconciles_total", "Reconciles of the probe.")) {}

  keelson::Result reconcile(keelson::Context& ctx, const ConfigMap& map) override {
    seen_.inc();
    const auto& data = map.data;
    if (data.contains("throw")) throw std::runtime_error("thrown on purpose");
    if (data.contains("terminal")) return keelson::invalid("data.terminal", "must not be set");
    if (data.contains("fail") && debts_.due(map.meta.uid, std::stoi(data.at("fail")))) return keelson::failed("failed on purpose");
    if (data.contains("nap")) ctx.sleep(std::chrono::milliseconds(std::stoi(data.at("nap"))));
    if (data.contains("hang"))
      while (ctx.sleep(std::chrono::hours(1))) {}
    if (data.contains("say")) ctx.event(map, keelson::Normal, "Said", data.at("say"));
    if (data.contains("child")) return copy(ctx, map, data.at("child"));
    return keelson::done();
  }
  keelson::Result finalize(keelson::Context& ctx, const ConfigMap& map) override {
    if (map.data.contains("say")) ctx.event(map, keelson::Normal, "Finalized", "said goodbye");
    return keelson::done();
  }

 private:
  static keelson::Result copy(keelson::Context& ctx, const ConfigMap& map, const std::string& text) {
    ConfigMap child;
    child.meta.name = map.meta.name + "-child";
    child.data["copied"] = text;
    (void)KEELSON_TRY(ctx.apply(child));
    // What was just written is seen at once, also through the index.
    const auto children = ctx.list<ConfigMap>({.ns = map.meta.namespace_, .labels = {}, .fields = {}, .owner_uid = map.meta.uid});
    if (children.size() != 1 || children[0]->data.at("copied") != text) return keelson::failed("own write not seen");
    return keelson::done();
  }

  keelson::Counter seen_;
  Debts debts_;
};

bool probed(const keelson::Ref<ConfigMap>& before, const keelson::Ref<ConfigMap>& now) {
  const auto& shown = now ? now : before;
  return shown.label("probe") == "yes";
}

}  // namespace

KEELSON_PLUGIN("probe", PROBE_VERSION, setup) {
  setup.component("probe-controller");
  setup.kind_from_crd(kWidget);
  setup.controller<ConfigMap>(std::make_unique<Probe>(setup)).when<ConfigMap>(probed).owns<ConfigMap>().deadline(std::chrono::minutes(1)).workers(2)
      .finalizer("probe.keelson.dev/hold");
  auto observed = setup.gauge("probe_config_maps", "ConfigMaps that the probe knows.");
  setup.observe<ConfigMap>([observed, count = 0](const keelson::Observed<ConfigMap>& change) mutable {
    using What = keelson::Observed<ConfigMap>::What;
    if (change.what == What::added) ++count;
    if (change.what == What::deleted) --count;
    observed.set(count);
  });
  setup.task("ticks", [ticks = setup.counter("probe_ticks_total", "Seconds that the probe's task has seen.")](keelson::Context& ctx) mutable {
    while (ctx.sleep(std::chrono::seconds(1))) ticks.inc();
  });
}

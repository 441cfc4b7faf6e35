// How many ConfigMaps each namespace has, counted as they come and go, told when somebody scrapes.
#include <keelson/sdk.hpp>

#include <mutex>

namespace {

struct Counts {
  std::mutex mutex;
  std::map<std::string, int> by_namespace;
  void add(std::string_view ns, int n) {
    const std::lock_guard lock(mutex);
    by_namespace[std::string(ns)] += n;
  }
};

}  // namespace

KEELSON_PLUGIN("hooks-metrics", "0.1.0", setup) {
  const auto counts = std::make_shared<Counts>();
  setup.observe<keelson::ConfigMap>([counts](const keelson::Observed<keelson::ConfigMap>& change) {
    using What = keelson::Observed<keelson::ConfigMap>::What;
    if (change.what == What::added) counts->add(change.now.ns(), 1);
    if (change.what == What::deleted) counts->add(change.before.ns(), -1);
  });
  setup.metrics_source("example_config_maps", [counts](keelson::MetricValues& values) {
    const std::lock_guard lock(counts->mutex);
    for (const auto& [ns, count] : counts->by_namespace) values.add(count, {{"namespace", ns}});
  });
}

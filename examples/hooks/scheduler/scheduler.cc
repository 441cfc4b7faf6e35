// Licences: a pod that asks for a licence (annotation) goes only to nodes labelled with it, rather to those that advertise it
// cheaply, and no more pods hold it than its ConfigMap allows.
#include <keelson/sdk.hpp>

#include <mutex>
#include <set>

namespace {

using keelson::Context;
using keelson::Result;

constexpr const char* kLicence = "example.keelson.dev/licence";
constexpr const char* kCheap = "example.keelson.dev/cheap";

std::string licence_of(const keelson::SchedulerExtension::Pod& pod) {
  const auto found = pod->meta.annotations.find(kLicence);
  return found == pod->meta.annotations.end() ? std::string() : found->second;
}

class Licences final : public keelson::SchedulerExtension {
 public:
  Result filter(Context&, const Pod& pod, keelson::NodeChoice& nodes) override {
    const auto licence = licence_of(pod);
    for (std::size_t i = 0; i < nodes.size() && !licence.empty(); ++i)
      if (nodes.node(i).label(kLicence) != licence) nodes.exclude(i, "node(s) had no licence");
    return keelson::done();
  }
  Result score(Context&, const Pod&, keelson::NodeChoice& nodes) override {
    for (std::size_t i = 0; i < nodes.size(); ++i)
      if (!nodes.node(i).label(kCheap).empty()) nodes.add_score(i, keelson::kNodeScoreMax, 100);
    return keelson::done();
  }
  Result reserve(Context& ctx, const Pod& pod, const std::string&) override {
    const auto licence = licence_of(pod);
    if (licence.empty()) return keelson::done();
    const auto allowed = ctx.find<keelson::ConfigMap>(keelson::Key("kube-system", licence));
    const std::lock_guard lock(mutex_);
    auto& held = held_[licence];
    if (allowed && held.size() < std::stoul(allowed->data.at("seats"))) return held.emplace(pod.uid()), keelson::done();
    return keelson::denied("all licences for " + licence + " are taken");
  }
  Result unreserve(Context&, const Pod& pod, const std::string&) override {
    const std::lock_guard lock(mutex_);
    held_[licence_of(pod)].erase(std::string(pod.uid()));
    return keelson::done();
  }
  /// Notes on the pod's own binding who helped; the scheduler would bind it without.
  keelson::Outcome<bool> bind(Context& ctx, const Pod& pod, const std::string& node) override {
    if (licence_of(pod).empty()) return false;
    const auto body = keelson::str(R"({"apiVersion":"v1","kind":"Binding","metadata":{"name":")", pod.name(), R"(","annotations":{"example.keelson.dev/licensed":"yes"}},)",
                                   R"("target":{"kind":"Node","name":")", node, R"("}})");
    const auto bound = ctx.post(keelson::Pod::gvk, pod.key(), "binding", body);
    if (!bound) return bound.error();
    return true;
  }

 private:
  std::mutex mutex_;
  std::map<std::string, std::set<std::string>> held_;   // pod uids by licence
};

}  // namespace

KEELSON_PLUGIN("hooks-scheduler", "0.1.0", setup) {
  setup.may<keelson::ConfigMap>({"get"});
  setup.may<keelson::Pod>({"create"}, "binding");
  setup.scheduler(std::make_unique<Licences>(), {.name = "licences"});
}

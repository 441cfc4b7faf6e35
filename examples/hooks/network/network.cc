// Fixed addresses: a pod that asks for an address (annotation) gets it, one pod at a time; a ConfigMap says who has it.
#include <keelson/sdk.hpp>

namespace {

using keelson::ConfigMap;
using keelson::Key;

constexpr const char* kAddress = "example.keelson.dev/address";
using PodRef = keelson::Ref<keelson::Pod>;

std::string wanted(const PodRef& pod) {
  const auto found = pod->meta.annotations.find(kAddress);
  return found == pod->meta.annotations.end() ? std::string() : found->second;
}

class FixedAddresses final : public keelson::Network {
 public:
  keelson::Outcome<std::vector<std::string>> attach(keelson::Context& ctx, const PodRef& pod, const keelson::Attachment&) override {
    const auto address = wanted(pod);
    if (address.empty()) return std::vector<std::string>();
    ConfigMap lease;
    lease.meta.name = "address-" + address;
    lease.meta.namespace_ = "kube-system";
    lease.data["pod"] = pod.uid();
    const auto held = ctx.find<ConfigMap>(Key("kube-system", lease.meta.name));
    if (held && held->data.at("pod") != pod.uid()) return keelson::Error(503, "ServiceUnavailable", address + " is in use");
    if (!held)
      if (const auto made = ctx.create(lease); !made) return made.error();   // 409: somebody was faster
    return std::vector<std::string>{address};
  }
  keelson::Result detach(keelson::Context& ctx, const PodRef& pod, const keelson::Attachment&) override {
    const auto address = wanted(pod);
    const auto held = address.empty() ? keelson::Ref<ConfigMap>() : ctx.find<ConfigMap>(Key("kube-system", "address-" + address));
    if (!held || held->data.at("pod") != pod.uid()) return keelson::done();
    return ctx.remove<ConfigMap>(held.key());
  }
};

}  // namespace

KEELSON_PLUGIN("hooks-network", "0.1.0", setup) {
  setup.may<ConfigMap>({"get", "create", "delete"});
  setup.network(std::make_unique<FixedAddresses>(), {.name = "fixed-addresses"});
}

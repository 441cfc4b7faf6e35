// Pods get their namespace's team, never run ":latest", and leave a note of who made them, in one commit with the pod.
#include <keelson/sdk.hpp>

namespace {

using keelson::ConfigMap;
using keelson::Pod;

constexpr const char* kTeam = "example.keelson.dev/team";

class Pods final : public keelson::Admission<Pod> {
 public:
  keelson::Result mutate(keelson::Context& ctx, keelson::Review& review, Pod& pod) override {
    const auto ns = ctx.find<keelson::Namespace>(keelson::Key(std::string(review.ns())));   // has to hold until the commit
    if (ns && ns.handle().has_label(kTeam)) pod.meta.labels[kTeam] = ns.label(kTeam);
    return keelson::done();
  }

  keelson::Result validate(keelson::Context&, keelson::Review& review, const Pod& pod) override {
    for (const auto& container : pod.spec.containers) {
      if (container.image.ends_with(":latest")) return keelson::denied("container " + container.name + " runs :latest");
      if (container.image.find(':') == std::string::npos) review.warn("container " + container.name + " has no version");
    }
    if (review.creates()) {
      ConfigMap note;
      note.meta.name = pod.meta.name + "-made-by";
      note.meta.namespace_ = pod.meta.namespace_;
      note.data["user"] = review.user();
      review.create(note);
    }
    return keelson::done();
  }
};

}  // namespace

KEELSON_PLUGIN("hooks-admission", "0.1.0", setup) {
  setup.may<keelson::Namespace>({"get"});
  setup.may<ConfigMap>({"create"});
  setup.admission<Pod>(std::make_unique<Pods>(), {.name = "pods"});
}

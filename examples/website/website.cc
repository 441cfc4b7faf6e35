// website: a Website is a Deployment kept at spec.replicas, plus a CDN entry purged on delete.
#include <keelson/sdk.hpp>

#include "cdn.hpp"

namespace {

struct Spec {
  std::string image;
  int replicas = 1;
  std::optional<std::string> secret;
};
struct Status {
  int ready = 0;
  std::string phase = "Pending";
};
BOOST_DESCRIBE_STRUCT(Spec, (), (image, replicas, secret))
BOOST_DESCRIBE_STRUCT(Status, (), (ready, phase))

struct Website : keelson::Object<Spec, Status> {
  static constexpr keelson::Gvk gvk{"demo.io", "v1", "Website", "websites"};
};

class WebsiteReconciler final : public keelson::Reconciler<Website> {
 public:
  explicit WebsiteReconciler(keelson::Setup& setup) : published_(setup.counter("websites_published_total")) {}

  keelson::Result reconcile(keelson::Context& ctx, const Website& site) override {
    const auto& spec = site.spec;
    if (spec.image.empty()) return keelson::invalid("spec.image", "must not be empty");  // waits for an edit
    const auto app = KEELSON_TRY(ctx.apply(keelson::Deployment::running(site.meta.name, spec.image, spec.replicas)));
    const bool up = app.status.readyReplicas >= spec.replicas;
    if (up && site.status.phase != "Ready") {
      ctx.event(site, keelson::Normal, "Published", keelson::str(spec.replicas, " replicas ready"));
      published_.inc();
    }
    return ctx.set_status(site, {.ready = app.status.readyReplicas, .phase = up ? "Ready" : "Pending"});
  }

  keelson::Result finalize(keelson::Context&, const Website& site) override {
    return cdn::purge(site.meta.name) ? keelson::done() : keelson::retry_in(std::chrono::seconds(5));
  }

 private:
  keelson::Counter published_;
};

std::vector<keelson::Key> sites_using(const keelson::Secret& secret) { return {secret.meta.label("demo.io/site")}; }

}  // namespace

KEELSON_PLUGIN("website", "0.1.0", setup) {
  setup.kind<Website>({.scope = keelson::Namespaced, .short_names = {"site"}, .categories = {"all"},
                       .columns = {{"Phase", "string", ".status.phase"}, {"Ready", "integer", ".status.ready"}}});
  setup.controller<Website>(std::make_unique<WebsiteReconciler>(setup))
      .owns<keelson::Deployment>().watches<keelson::Secret>(sites_using).finalizer("demo.io/cdn").workers(2);
}

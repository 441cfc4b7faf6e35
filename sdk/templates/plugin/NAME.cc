// @name@: keeps a ConfigMap with the text of each @Kind@.
#include "@name@.hpp"

namespace {

using @under_name@_v1::@Kind@;

class @Kind@Reconciler final : public keelson::Reconciler<@Kind@> {
 public:
  explicit @Kind@Reconciler(keelson::Setup& setup) : copied_(setup.counter("@under_name@_copied_total", "ConfigMaps written.")) {}

  // Level-based: gets what is, never what happened. Runs after every change of the @Kind@ and of what it owns.
  keelson::Result reconcile(keelson::Context& ctx, const @Kind@& object) override {
    if (object.spec.text.empty()) return keelson::invalid("spec.text", "must not be empty");   // waits for an edit
    keelson::ConfigMap copy;
    copy.meta.name = object.meta.name;   // namespace and owner reference are added
    copy.data["text"] = object.spec.text;
    KEELSON_TRY(ctx.apply(copy));
    if (object.status.phase != "Ready") {
      ctx.event(object, keelson::Normal, "Copied", "the text is in the ConfigMap " + object.meta.name);
      copied_.inc();
    }
    return ctx.set_status(object, {.phase = "Ready"});
  }

 private:
  keelson::Counter copied_;
};

}  // namespace

KEELSON_PLUGIN("@name@", "0.1.0", setup) {
  setup.kind<@Kind@>({.scope = keelson::Namespaced, .columns = {{"Phase", "string", ".status.phase"}, {"Text", "string", ".spec.text"}}});
  setup.controller<@Kind@>(std::make_unique<@Kind@Reconciler>(setup)).owns<keelson::ConfigMap>();
}

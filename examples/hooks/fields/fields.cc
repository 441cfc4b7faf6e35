// Services: sessions last ten minutes where nobody says otherwise, and nobody takes a port of the machine's own.
#include <keelson/sdk.hpp>

namespace {

using keelson::Service;

constexpr int kSession_s = 600;
constexpr int kOwnPortMax = 10;

void fill(Service& service) { service.meta.annotations.emplace("example.keelson.dev/session-seconds", std::to_string(kSession_s)); }

void check(const Service& service, const Service* old, keelson::FieldErrors& errors) {
  for (std::size_t i = 0; i < service.spec.ports.size(); ++i)
    if (service.spec.ports[i].port <= kOwnPortMax) errors.add(keelson::str("spec.ports[", i, "].port"), keelson::str("must be above ", kOwnPortMax));
  if (old != nullptr && old->spec.type != service.spec.type) errors.add("spec.type", "may not change");
}

}  // namespace

KEELSON_PLUGIN("hooks-fields", "0.1.0", setup) {
  setup.defaulter<Service>(fill);
  setup.validator<Service>(check);
}

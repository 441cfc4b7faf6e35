// Buoys were declared with one field "place" ("sea:7") and are stored with two: both versions are served, and every client reads and
// writes the one that it knows.
#include <keelson/sdk.hpp>

namespace {

namespace v1 {
struct Spec { std::string place; };
struct Buoy : keelson::Object<Spec> { static constexpr keelson::Gvk gvk{"example.keelson.dev", "v1", "Buoy", "buoys"}; };
BOOST_DESCRIBE_STRUCT(Spec, (), (place))
}  // namespace v1

namespace v2 {
struct Spec { std::string host; int port = 0; };
struct Status { std::string seen; };
struct Buoy : keelson::Object<Spec, Status> { static constexpr keelson::Gvk gvk{"example.keelson.dev", "v2", "Buoy", "buoys"}; };
BOOST_DESCRIBE_STRUCT(Spec, (), (host, port))
BOOST_DESCRIBE_STRUCT(Status, (), (seen))
}  // namespace v2

keelson::Result to_v2(const v1::Buoy& from, v2::Buoy& to) {
  const auto colon = from.spec.place.find(':');
  if (colon == std::string::npos || from.spec.place.find_first_not_of("0123456789", colon + 1) != std::string::npos) return keelson::invalid("spec.place", "must be HOST:PORT");
  to.spec.host = from.spec.place.substr(0, colon);
  to.spec.port = std::atoi(from.spec.place.c_str() + colon + 1);
  return keelson::done();
}

void to_v1(const v2::Buoy& from, v1::Buoy& to) { to.spec.place = keelson::str(from.spec.host, ":", from.spec.port); }

/// Sees every Buoy as v2, whatever it was written as.
class Buoys final : public keelson::Reconciler<v2::Buoy> {
 public:
  keelson::Result reconcile(keelson::Context& ctx, const v2::Buoy& buoy) override { return ctx.set_status(buoy, {.seen = buoy.spec.host}); }
};

}  // namespace

KEELSON_PLUGIN("hooks-conversion", "0.1.0", setup) {
  setup.kind<v2::Buoy>();
  setup.converts<v1::Buoy, v2::Buoy>(to_v2, to_v1);
  setup.controller<v2::Buoy>(std::make_unique<Buoys>());
}

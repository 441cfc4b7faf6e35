// A kind that grows: the first version of the plugin stores v1, the second stores v2 and converts, the third has v2 alone.
#include <keelson/sdk.hpp>

namespace {

namespace v1 {
struct Spec { std::string place; };
struct Status { std::string seen; };
struct Mark : keelson::Object<Spec, Status> { static constexpr keelson::Gvk gvk{"versions.keelson.dev", "v1", "Mark", "marks"}; };
BOOST_DESCRIBE_STRUCT(Spec, (), (place))
BOOST_DESCRIBE_STRUCT(Status, (), (seen))
}  // namespace v1

namespace v2 {
struct Spec { std::string where; };
struct Status { std::string seen; };
struct Mark : keelson::Object<Spec, Status> { static constexpr keelson::Gvk gvk{"versions.keelson.dev", "v2", "Mark", "marks"}; };
BOOST_DESCRIBE_STRUCT(Spec, (), (where))
BOOST_DESCRIBE_STRUCT(Status, (), (seen))
}  // namespace v2

class Old final : public keelson::Reconciler<v1::Mark> {
  keelson::Result reconcile(keelson::Context& ctx, const v1::Mark& mark) override { return ctx.set_status(mark, {.seen = "v1 " + mark.spec.place}); }
};
class New final : public keelson::Reconciler<v2::Mark> {
  keelson::Result reconcile(keelson::Context& ctx, const v2::Mark& mark) override { return ctx.set_status(mark, {.seen = "v2 " + mark.spec.where}); }
};

void forth(const v1::Mark& from, v2::Mark& to) {
  if (from.spec.place == "throw") throw std::runtime_error("no such place");
  to.spec.where = from.spec.place;
  to.status.seen = from.status.seen;
}
void back(const v2::Mark& from, v1::Mark& to) {
  to.spec.place = from.spec.where;
  to.status.seen = from.status.seen;
}

}  // namespace

KEELSON_PLUGIN("versions", VERSIONS_VERSION ".0.0", setup) {
  constexpr int version = VERSIONS_VERSION[0] - '0';
  if (version == 1) {
    setup.kind<v1::Mark>();
    setup.controller<v1::Mark>(std::make_unique<Old>());
    return;
  }
  if (version == 2) setup.converts<v1::Mark, v2::Mark>(forth, back);   // before the kind, which is all the same
  setup.kind<v2::Mark>();
  setup.controller<v2::Mark>(std::make_unique<New>());
}

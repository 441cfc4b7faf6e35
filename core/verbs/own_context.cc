#include "core/verbs/own_context.hpp"

namespace keelson::verbs {

Context own_context(std::string part, std::string user, std::string manager) {
  Context context;
  context.user.name = std::move(user);
  context.user.groups = {"system:masters", "system:authenticated"};
  context.request_id = std::move(part);
  context.field_manager = std::move(manager);
  return context;
}

Context caused_by(store::Revision trigger, Context context) {
  context.trigger = trigger;
  return context;
}

}  // namespace keelson::verbs

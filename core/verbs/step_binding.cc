#include "core/verbs/step_binding.hpp"

#include "core/base/json_text.hpp"
#include "core/kinds/body_kinds.hpp"

namespace keelson::verbs {

void set_condition(json::value& object, std::string_view type, std::string_view status, const std::string& now) {
  auto& conditions = list_in(object_at(object, {"status"}), "conditions");
  for (auto& condition : conditions) {
    if (text_at(condition, {"type"}) != type) continue;
    auto& fields = condition.get_object();
    if (text_at(condition, {"status"}) != status) fields["lastTransitionTime"] = now;
    fields["status"] = status;
    fields.erase("reason");
    fields.erase("message");
    return;
  }
  conditions.emplace_back(json::object({{"type", type}, {"status", status}, {"lastTransitionTime", now}}));
}

base::Outcome<json::value> BindRun::read_binding() {
  const auto& body = in_.step.body;
  auto decoded = kinds::decode(kinds::body_kind("Binding"), body.media, body.bytes, in_.step.options.validation, in_.memory);
  if (!decoded) return decoded.error();
  warnings = std::move(decoded->warnings);
  auto& binding = decoded->object;
  const auto name = text_at(binding, {"metadata", "name"});
  if (!name.empty() && name != target().name) return base::bad_request("name in URL does not match name in Binding object");
  std::vector<base::Cause> causes;
  const auto kind = text_at(binding, {"target", "kind"});
  if (!kind.empty() && kind != "Node") causes.push_back({"FieldValueNotSupported", "Unsupported value: " + base::quoted(kind) + ": supported values: \"Node\", \"<empty>\"", "target.kind"});
  if (text_at(binding, {"target", "name"}).empty()) causes.push_back({"FieldValueRequired", "Required value", "target.name"});
  if (!causes.empty()) return base::invalid("", "Binding", target().name, std::move(causes));
  return std::move(binding);
}

base::Outcome<void> BindRun::check_free() const {
  const auto refuse = [&](std::string_view why) { return base::conflict("", "pods/binding", target().name, "pod " + target().name + std::string(why)); };
  if (existing_->deleting()) return refuse(" is being deleted, cannot be assigned to a host");
  if (const auto node = text_at(*old_, {"spec", "nodeName"}); !node.empty()) return refuse(" is already assigned to node " + base::quoted(node));
  if (const auto* gates = list_at(*old_, {"spec", "schedulingGates"}); gates && !gates->empty()) return refuse(" has non-empty .spec.schedulingGates");
  return {};
}

void BindRun::merge(const json::value& binding, std::string_view field) {
  const auto* given = find(binding, {"metadata", field});
  if (!given || !given->is_object()) return;
  auto& own = object_at(*object_, {"metadata", field});
  for (const auto& [key, value] : given->get_object()) own[key] = value;
}

base::Outcome<void> BindRun::produce() {
  auto binding = read_binding();
  if (!binding) return binding.error();
  const std::string uid(text_at(*binding, {"metadata", "uid"}));
  if (!uid.empty() && uid != existing_->columns().uid)
    return base::conflict("", "pods", target().name, "Precondition failed: UID in precondition: " + uid + ", UID in object meta: " + existing_->columns().uid);
  if (auto free = check_free(); !free) return free;
  emplace_object(json::value(*old_, in_.memory));
  object_at(*object_, {"spec"})["nodeName"] = text_at(*binding, {"target", "name"});
  merge(*binding, "annotations");
  merge(*binding, "labels");
  set_condition(*object_, "PodScheduled", "True", base::rfc3339(in_.core.parts.runtime.unix_s()));
  return {};
}

base::Outcome<StepRun::Next> BindRun::begin() {
  if (auto allowed = in_.core.admit(in_.context, target(), verb(), in_.authorize); !allowed) return allowed.error();
  if (auto loaded = load(); !loaded) return loaded.error();
  if (!existing_) return not_found(target());
  if (auto produced = produce(); !produced) return produced.error();
  kinds::record_update(*kind_, &*old_, *object_, manager());
  set_request(auth::AdmissionRequest::Operation::update);
  request_.object = &*object_;
  request_.old = &*old_;
  return Next::admit;
}

base::Outcome<Written> BindRun::answer(store::ObjectRef stored) {
  auto out = PutRun::answer(std::move(stored));
  if (out) out->created = true;
  return out;
}

}  // namespace keelson::verbs

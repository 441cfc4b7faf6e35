#include "core/verbs/step_binding.hpp"

#include "core/base/json_text.hpp"
#include "core/kinds/body_kinds.hpp"

namespace keelson::verbs {
// What would be refused is told by the whole way.
bool BindRun::read_plainly() {
  const auto& body = in_.step.body;
  const auto binding = body.media == kinds::Media::json ? plain_binding_of(target().ns, target().name, body.bytes) : std::nullopt;
  if (!binding || (existing_ && !binds(*binding, *existing_))) return false;
  node_ = binding->target_name;
  return true;
}

base::Outcome<void> BindRun::read_binding() {
  if (read_plainly()) return {};
  const auto& body = in_.step.body;
  auto decoded = kinds::decode(kinds::body_kind("Binding"), body.media, body.bytes, in_.step.options.validation, in_.memory);
  if (!decoded) return decoded.error();
  warnings = std::move(decoded->warnings);
  auto& binding = decoded->object;
  if (auto named = names_pod("Binding", binding, target()); !named) return named;
  std::vector<base::Cause> causes;
  const auto kind = text_at(binding, {"target", "kind"});
  if (!kind.empty() && kind != "Node") causes.push_back({"FieldValueNotSupported", "Unsupported value: " + base::quoted(kind) + ": supported values: \"Node\", \"<empty>\"", "target.kind"});
  node_ = text_at(binding, {"target", "name"});
  if (node_.empty()) causes.push_back({"FieldValueRequired", "Required value", "target.name"});
  if (!causes.empty()) return base::invalid("", "Binding", target().name, std::move(causes));
  const std::string uid(text_at(binding, {"metadata", "uid"}));
  if (!uid.empty() && existing_ && uid != existing_->columns().uid)
    return base::conflict("", "pods", target().name, "Precondition failed: UID in precondition: " + uid + ", UID in object meta: " + existing_->columns().uid);
  for (const std::string_view field : {"annotations", "labels"}) brings_metadata_ = brings_metadata_ || find(binding, {"metadata", field});
  binding_.emplace(std::move(binding));
  return {};
}

base::Outcome<void> BindRun::check_free() const {
  const auto gated = [&] {
    const auto* gates = list_at(*old_, {"spec", "schedulingGates"});
    return gates && !gates->empty();
  };
  const auto why = places_ ? why_not_bound(*kind_, *existing_, *places_) : why_not_bound(existing_->deleting(), text_at(*old_, {"spec", "nodeName"}), gated());
  if (why) return base::conflict("", "pods/binding", target().name, "pod " + target().name + *why);
  return {};
}

void BindRun::merge(std::string_view field) {
  const auto* given = binding_ ? find(*binding_, {"metadata", field}) : nullptr;
  if (!given || !given->is_object()) return;
  auto& own = object_at(*object_, {"metadata", field});
  for (const auto& [key, value] : given->get_object()) own[key] = value;
}

base::Outcome<void> BindRun::produce() {
  auto old = in_.core.decoded(*kind_, *existing_, in_.memory);
  if (!old) return old.error();
  old_.emplace(std::move(*old));
  if (auto free = check_free(); !free) return free;
  emplace_object(json::value(*old_, in_.memory));
  object_at(*object_, {"spec"})["nodeName"] = node_;
  merge("annotations");
  merge("labels");
  set_condition(*object_, "PodScheduled", "True", base::rfc3339(in_.core.parts.runtime.unix_s()));
  request_.object = &*object_;
  request_.old = &*old_;
  return {};
}

// Whether what is stored can be changed as text, and nobody wants to see more of it.
bool BindRun::reads_as_text() {
  if (brings_metadata_ || in_.form || existing_->columns().schema_epoch != kind_->schema_epoch || !binds_pods(*kind_, target().subresource)) return false;
  if (!in_.core.parts.chains.reads_objects(request_)) places_ = binding_places(*kind_, existing_->body());
  return places_.has_value();
}

base::Outcome<StepRun::Next> BindRun::begin() {
  if (auto allowed = in_.core.admit(in_.context, target(), verb(), in_.authorize); !allowed) return allowed.error();
  kind_ = in_.kind();
  key_ = key_of(target());
  existing_ = in_.stored(key_);
  if (auto read = read_binding(); !read) return read.error();
  if (!existing_) return not_found(target());
  set_request(auth::AdmissionRequest::Operation::update);
  request_.keeps_metadata = !brings_metadata_;
  request_.node = node_;
  if (auto ready = reads_as_text() ? check_free() : produce(); !ready) return ready.error();
  return Next::admit;
}

base::Outcome<void> BindRun::settle() {
  const bool judged = !places_ && (brings_metadata_ || request_.changes != 0);
  return judged ? validate() : base::Outcome<void>();
}

base::Outcome<void> BindRun::finish() {
  if (!places_) return PutRun::finish();
  expect_existing();
  return conclude(store::Operation::update);
}

store::Draft BindRun::draft() const {
  if (!places_) return PutRun::draft();
  return bound_draft(*kind_, *existing_, *places_, node_, in_.core.parts.runtime.unix_s(), in_.memory);
}

void BindRun::forget_documents() {
  binding_.reset();
  PutRun::forget_documents();
}

base::Outcome<Written> BindRun::answer(store::ObjectRef stored) {
  auto out = PutRun::answer(std::move(stored));
  if (out) out->created = true;
  return out;
}

}  // namespace keelson::verbs

#include "core/verbs/step_binding.hpp"

#include "core/base/json_text.hpp"
#include "core/kinds/body_kinds.hpp"

namespace keelson::verbs {
namespace {
const kinds::Kind& binding_kind() { return kinds::body_kind("Binding"); }
}  // namespace

// What would be refused is told by the whole way.
bool BindRun::read_plainly() {
  const auto& body = in_.step.body;
  const auto binding = body.media == kinds::Media::json ? plain_binding_of(target().ns, target().name, body.bytes) : std::nullopt;
  if (!binding) return false;
  request_.node = node_ = binding->target_name;
  uid_ = binding->uid;
  request_.keeps_metadata = true;
  return true;
}

base::Outcome<void> BindRun::read_whole() {
  const auto& body = in_.step.body;
  auto decoded = kinds::decode(binding_kind(), body.media, body.bytes, in_.step.options.validation, in_.memory);
  if (!decoded) return decoded.error();
  warnings = std::move(decoded->warnings);
  binding_.emplace(std::move(decoded->object));
  request_.object = &*binding_;
  request_.keeps_metadata = false;
  return names_pod(binding_kind().kind, *binding_, target());
}

base::Outcome<StepRun::Next> BindRun::begin() {
  if (auto allowed = in_.core.admit(in_.context, target(), verb(), in_.authorize); !allowed) return allowed.error();
  kind_ = in_.kind();
  key_ = key_of(target());
  set_request(auth::AdmissionRequest::Operation::create);
  request_.form = &binding_kind();
  const auto& chains = in_.core.parts.chains;
  const bool plain = read_plainly();
  if (plain && chains.passes(request_)) return Next::passed;
  if (!plain || chains.reads_objects(request_))
    if (auto read = read_whole(); !read) return read.error();
  return Next::admit;
}

// What admission has made of the binding counts.
base::Outcome<void> BindRun::settle() {
  if (!binding_) return {};
  if (auto named = names_pod(binding_kind().kind, *binding_, target()); !named) return named;
  std::vector<base::Cause> causes;
  const auto kind = text_at(*binding_, {"target", "kind"});
  if (!kind.empty() && kind != "Node") causes.push_back({"FieldValueNotSupported", "Unsupported value: " + base::quoted(kind) + ": supported values: \"Node\", \"<empty>\"", "target.kind"});
  request_.node = node_ = text_at(*binding_, {"target", "name"});
  if (node_.empty()) causes.push_back({"FieldValueRequired", "Required value", "target.name"});
  if (!causes.empty()) return base::invalid("", binding_kind().kind, target().name, std::move(causes));
  uid_ = text_at(*binding_, {"metadata", "uid"});
  revision_ = text_at(*binding_, {"metadata", "resourceVersion"});
  brings_metadata_ = find(*binding_, {"metadata", "annotations"}) || find(*binding_, {"metadata", "labels"});
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

base::Outcome<void> BindRun::check_preconditions() const {
  if (const std::string_view uid = existing_->columns().uid; !uid_.empty() && uid_ != uid) return precondition_failed(target(), "UID", uid_, uid);
  if (revision_.empty()) return {};
  if (const auto revision = std::to_string(existing_->revision()); revision_ != revision) return precondition_failed(target(), "ResourceVersion", revision_, revision);
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
  return brings_metadata_ ? validate() : base::Outcome<void>();
}

// Whether what is stored can be changed as text.
bool BindRun::reads_as_text() {
  if (brings_metadata_ || in_.form || existing_->columns().schema_epoch != kind_->schema_epoch || !binds_pods(*kind_, target().subresource)) return false;
  places_ = binding_places(*kind_, existing_->body());
  return places_.has_value();
}

base::Outcome<void> BindRun::finish() {
  existing_ = in_.stored(key_);
  if (!existing_) return not_found(target());
  if (auto held = check_preconditions(); !held) return held;
  if (auto ready = reads_as_text() ? check_free() : produce(); !ready) return ready;
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

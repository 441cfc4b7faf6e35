#include "core/verbs/step_binding.hpp"

#include <algorithm>

#include "core/base/json_text.hpp"
#include "core/kinds/body_kinds.hpp"
#include "core/kinds/edit.hpp"
#include "core/kinds/json_print.hpp"
#include "core/verbs/plain_binding.hpp"

namespace keelson::verbs {
namespace {

constexpr std::string_view kNodeName = "spec.nodeName";

}  // namespace

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

// What would be refused is told by the whole way.
bool BindRun::read_plainly() {
  const auto& body = in_.step.body;
  const auto binding = body.media == kinds::Media::json ? read_plain_binding(body.bytes) : std::nullopt;
  if (!binding || binding->name != target().name || (!binding->ns.empty() && binding->ns != target().ns)) return false;
  if (binding->target_name.empty() || (!binding->target_kind.empty() && binding->target_kind != "Node")) return false;
  if (existing_ && !binding->uid.empty() && binding->uid != existing_->columns().uid) return false;
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
  const auto refuse = [&](std::string_view why) { return base::conflict("", "pods/binding", target().name, "pod " + target().name + std::string(why)); };
  if (existing_->deleting()) return refuse(" is being deleted, cannot be assigned to a host");
  const auto node = as_text_ ? std::string_view(existing_->columns().fields.at(column_of(*kind_, kNodeName))) : text_at(*old_, {"spec", "nodeName"});
  if (!node.empty()) return refuse(" is already assigned to node " + base::quoted(node));
  const auto* gates = as_text_ ? nullptr : list_at(*old_, {"spec", "schedulingGates"});
  if ((gates && !gates->empty()) || (!gates_.empty() && gates_ != "[]" && gates_ != "null")) return refuse(" has non-empty .spec.schedulingGates");
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
  if (brings_metadata_ || in_.form || existing_->columns().schema_epoch != kind_->schema_epoch || kind_->declared_by != "") return false;
  return !in_.core.parts.chains.reads_objects(request_) && find_places();
}

// In one pass over the text. False: there is no spec or no status.
bool BindRun::find_places() {
  const auto find = [&](kinds::PrintedMembers& members, std::optional<kinds::MemberSlot>& slot, std::string_view name) {
    if (!members.is_object()) return members.take_value();
    slot.emplace(*kinds::find_field(*kind_->type, members.name())->type, name);
    auto inside = members.inside();
    while (inside.next()) {
      slot->pass(inside);
      if (inside.name() == "schedulingGates") gates_ = inside.value();
    }
    slot->end(inside);
    members.go_behind(inside);
  };
  for (kinds::PrintedMembers members(existing_->body()); !conditions_slot_ && members.next_name();)   // status is the last
    if (members.name() == "spec") find(members, node_slot_, "nodeName");
    else if (members.name() == "status") find(members, conditions_slot_, "conditions");
    else members.take_value();
  return node_slot_ && conditions_slot_;
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
  as_text_ = reads_as_text();
  if (auto ready = as_text_ ? check_free() : produce(); !ready) return ready.error();
  return Next::admit;
}

base::Outcome<void> BindRun::settle() {
  const bool judged = !as_text_ && (brings_metadata_ || request_.changes != 0);
  return judged ? validate() : base::Outcome<void>();
}

base::Outcome<void> BindRun::finish() {
  if (!as_text_) return PutRun::finish();
  expect_existing();
  return conclude(store::Operation::update);
}

// Most pods have none so far.
std::string BindRun::conditions() const {
  const auto now = base::rfc3339(in_.core.parts.runtime.unix_s());
  const auto printed = conditions_slot_->value();
  if (printed.empty()) return R"([{"type":"PodScheduled","status":"True","lastProbeTime":null,"lastTransitionTime":")" + now + R"("}])";
  json::value pod(json::object(in_.memory));
  if (auto read = kinds::parse(kinds::Media::json, printed, in_.memory)) object_at(pod, {"status"})["conditions"] = std::move(*read);
  set_condition(pod, "PodScheduled", "True", now);
  const auto& status = *kinds::find_field(*kind_->type, "status")->type;
  return kinds::encode_value(*kinds::find_field(status, "conditions")->type, *find(pod, {"status", "conditions"}));
}

store::Draft BindRun::draft() const {
  if (!as_text_) return PutRun::draft();
  std::string node;
  kinds::print_string(node, node_);
  const auto told = conditions();
  const std::pair<kinds::MemberSlot, std::string_view> slots[] = {{*node_slot_, node}, {*conditions_slot_, told}};
  auto columns = existing_->columns();
  columns.fields.at(column_of(*kind_, kNodeName)) = node_;
  return {std::move(columns), kinds::spliced(existing_->body(), slots), existing_->revision_offset()};
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

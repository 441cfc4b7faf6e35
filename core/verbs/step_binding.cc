#include "core/verbs/step_binding.hpp"

#include <algorithm>

#include "core/base/json_text.hpp"
#include "core/kinds/body_kinds.hpp"
#include "core/kinds/edit.hpp"
#include "core/kinds/json_print.hpp"

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

base::Outcome<void> BindRun::read_binding() {
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
  const auto printed = as_text_ ? kinds::printed_member(spec_, "schedulingGates") : std::string_view();
  if ((gates && !gates->empty()) || (!printed.empty() && printed != "[]" && printed != "null")) return refuse(" has non-empty .spec.schedulingGates");
  return {};
}

void BindRun::merge(std::string_view field) {
  const auto* given = find(*binding_, {"metadata", field});
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
  if (in_.core.parts.chains.reads_objects(request_)) return false;
  for (kinds::PrintedMembers members(existing_->body()); members.next();)
    if (members.name() == "spec") spec_ = members.value();
    else if (members.name() == "status") status_ = members.value();
  return !spec_.empty() && !status_.empty();
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

store::Draft BindRun::draft() const {
  if (!as_text_) return PutRun::draft();
  const auto& spec = *kinds::find_field(*kind_->type, "spec")->type;
  const auto& status = *kinds::find_field(*kind_->type, "status")->type;
  json::value conditions(json::object(in_.memory));
  if (const auto printed = kinds::printed_member(status_, "conditions"); !printed.empty())
    if (auto read = kinds::parse(kinds::Media::json, printed, in_.memory)) object_at(conditions, {"status"})["conditions"] = std::move(*read);
  set_condition(conditions, "PodScheduled", "True", base::rfc3339(in_.core.parts.runtime.unix_s()));
  kinds::Edit node{"nodeName", {}}, condition{"conditions", kinds::encode_value(*kinds::find_field(status, "conditions")->type, *find(conditions, {"status", "conditions"}))};
  kinds::print_string(node.value, node_);
  const kinds::Edit members[] = {{"spec", kinds::edited(spec, spec_, {&node, 1})}, {"status", kinds::edited(status, status_, {&condition, 1})}};
  auto columns = existing_->columns();
  columns.fields.at(column_of(*kind_, kNodeName)) = node_;
  return {std::move(columns), kinds::edited(*kind_->type, existing_->body(), members), existing_->revision_offset()};
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

#include "core/verbs/step_remove.hpp"

#include <algorithm>

#include "core/audit/notes.hpp"
#include "core/base/json_text.hpp"
#include "core/kinds/body_kinds.hpp"
#include "core/kinds/crd/names.hpp"
#include "core/verbs/definitions.hpp"
#include "core/verbs/eviction_budget.hpp"
#include "core/verbs/unreadable.hpp"

namespace keelson::verbs {
namespace {

constexpr std::string_view kOrphan = "orphan";
constexpr std::string_view kForeground = "foregroundDeletion";
using Propagation = kinds::Strategy::Propagation;

bool has(const std::vector<std::string>& list, std::string_view entry) { return std::find(list.begin(), list.end(), entry) != list.end(); }

/// Which of the garbage collector's finalizers a delete with these options leaves on the object.
std::string_view propagation_finalizer(const DeleteOptions& options, const std::vector<std::string>& present, Propagation by_default) {
  if (by_default == Propagation::unsupported) return "";
  if (options.orphan_dependents) return *options.orphan_dependents ? kOrphan : "";
  if (options.propagation) return *options.propagation == "Orphan" ? kOrphan : *options.propagation == "Foreground" ? kForeground : "";
  if (has(present, kOrphan)) return kOrphan;
  if (has(present, kForeground)) return kForeground;
  return by_default == Propagation::orphan ? kOrphan : "";
}

bool is_pod(const kinds::Kind& kind) { return kind.storage_key.text() == "pods"; }
bool ends_pods(std::string_view phase) { return phase == "Failed" || phase == "Succeeded"; }
bool is_namespace(const kinds::Kind& kind) { return kind.storage_key.text() == "namespaces"; }
bool is_definition(const kinds::Kind& kind) { return kind.storage_key.text() == "customresourcedefinitions.apiextensions.k8s.io"; }

}  // namespace

base::Outcome<void> RemoveRun::check_options() const {
  std::vector<base::Cause> causes;
  if (options_.propagation && options_.orphan_dependents)
    causes.push_back(invalid_value("propagationPolicy", base::quoted(*options_.propagation), "orphanDependents and deletionPropagation cannot be both set"));
  if (options_.propagation && *options_.propagation != "Foreground" && *options_.propagation != "Background" && *options_.propagation != "Orphan")
    causes.push_back({"FieldValueNotSupported",
                      "Unsupported value: " + base::quoted(*options_.propagation) + ": supported values: \"Foreground\", \"Background\", \"Orphan\", \"nil\"", "propagationPolicy"});
  if (!causes.empty()) return invalid_options("DeleteOptions", std::move(causes));
  return {};
}

base::Outcome<void> RemoveRun::check_preconditions() const {
  const auto& uid = existing_->columns().uid;
  if (options_.uid && *options_.uid != uid)
    return base::conflict(kind_->group, kind_->kind, key_.name,
                          "the UID in the precondition (" + *options_.uid + ") does not match the UID in record (" + std::string(uid) + "). The object might have been deleted and then recreated");
  const auto revision = std::to_string(existing_->revision());
  if (options_.resource_version && *options_.resource_version != revision)
    return base::conflict(kind_->group, kind_->kind, key_.name,
                          "the ResourceVersion in the precondition (" + *options_.resource_version + ") does not match the ResourceVersion in record (" + revision +
                              "). The object might have been modified");
  return {};
}

bool RemoveRun::goes_at_once() const {
  const auto& columns = existing_->columns();
  const bool as_stored = !in_.form && columns.schema_epoch == kind_->schema_epoch && !options_.ignore_read_error;
  if (!as_stored || looks_inside() || is_namespace(*kind_) || is_definition(*kind_) || !finalizers_after(copy_of(columns.finalizers)).empty()) return false;
  if (!is_pod(*kind_)) return true;
  if (existing_->deleting()) return columns.deletion_grace_s < 0 || (options_.grace_period_s == 0 && columns.deletion_grace_s > 0);
  const auto field = [&](std::string_view name) { return columns.fields.at(column_of(*kind_, name)); };
  return options_.grace_period_s == 0 || field("spec.nodeName").empty() || ends_pods(field("status.phase"));
}

base::Outcome<void> RemoveRun::load() {
  kind_ = in_.kind();
  key_ = key_of(target());
  existing_ = in_.stored(key_);
  if (!existing_) return not_found(target());
  if (goes_at_once() && !in_.core.parts.chains.reads_objects(request_)) return {};
  auto value = in_.core.decoded(*kind_, *existing_, in_.memory);
  unreadable_ = !value;
  if (unreadable_ && !options_.ignore_read_error) return value.error();
  if (!unreadable_ && options_.ignore_read_error)
    return base::invalid(kind_->group, kind_->resource, key_.name, {invalid_value(kIgnoreReadError, "true", "is exclusively used to delete corrupt object(s), try again by removing this option")});
  if (value) object_.emplace(std::move(*value));
  else object_.emplace(json::object({{"metadata", json::object({{"name", key_.name}, {"namespace", key_.ns}}, in_.memory)}}, in_.memory));
  return {};
}

base::Outcome<void> RemoveRun::may_ignore_read_errors() const {
  if (in_.context.notes) in_.context.notes->annotate({{"apiserver.k8s.io/unsafe-delete-ignore-read-error", ""}});
  if (!in_.authorize) return {};
  const auto& kind = *target().kind;
  auth::Attributes attributes;
  attributes.user = &in_.context.user;
  attributes.verb = kUnsafeDelete;
  attributes.group = kind.group;
  attributes.version = kind.version;
  attributes.resource = kind.resource;
  attributes.ns = target().ns;
  attributes.name = target().name;
  const auto verdict = in_.core.parts.chains.authorize(attributes);
  if (verdict.decision == auth::Decision::allow) return {};
  return base::forbidden(kind.group, kind.resource, target().name, "not permitted to do " + base::quoted(kUnsafeDelete) + ", reason: " + verdict.reason);
}

base::Outcome<void> RemoveRun::settle_options() {
  if (auto valid = check_options(); !valid) return valid;
  if (options_.ignore_read_error)
    if (auto allowed = may_ignore_read_errors(); !allowed) return allowed;
  // A negative grace means the shortest one that is not none.
  if (options_.grace_period_s && *options_.grace_period_s < 0) options_.grace_period_s = 1;
  return {};
}

base::Outcome<StepRun::Next> RemoveRun::begin() {
  if (auto allowed = in_.core.admit(in_.context, target(), "delete", in_.authorize); !allowed) return allowed.error();
  if (auto settled = settle_options(); !settled) return settled.error();
  set_request(auth::AdmissionRequest::Operation::remove);
  if (auto loaded = load(); !loaded) return loaded.error();
  request_.old = object_ ? &*object_ : nullptr;
  return Next::admit;
}

base::Outcome<void> RemoveRun::finish() {
  if (unreadable_) return remove_now();   // what holds it back cannot be read either
  if (auto held = check_preconditions(); !held) return held;
  if (!object_) return remove_now();
  if (is_namespace(*kind_)) {
    if (!existing_->deleting()) return finish_namespace();
    if (const auto* held = list_at(*object_, {"spec", "finalizers"}); held && !held->empty()) return unchanged();
  }
  if (is_definition(*kind_) && !existing_->deleting()) begin_definition_end(*object_, in_.core.parts.runtime.unix_s());
  const Grace graceful = grace();
  if (graceful == Grace::pending) return unchanged();
  const bool other_finalizers = propagate();
  const bool held = !finalizers_of(*object_).empty();
  if (graceful == Grace::set) return held || grace_of(*object_) > 0 ? keep() : remove_now();
  if (!held) return remove_now();
  if (existing_->deleting() && !other_finalizers && grace_of(*object_) == 0) return unchanged();
  if (!existing_->deleting() && !is_definition(*kind_)) raise_generation(*object_);
  const auto now = in_.core.parts.runtime.unix_s();
  mark_deleting(*object_, existing_->deleting() ? std::min(existing_->columns().deletion_unix_s, now) : now, 0);
  return keep();
}

base::Outcome<void> RemoveRun::finish_namespace() {
  mark_deleting(*object_, in_.core.parts.runtime.unix_s(), std::nullopt);
  object_at(*object_, {"status"})["phase"] = "Terminating";
  propagate();
  return keep();
}

std::vector<std::string> RemoveRun::finalizers_after(std::vector<std::string> finalizers) const {
  const auto wanted = propagation_finalizer(options_, finalizers, kind_->strategy.default_propagation);
  std::erase_if(finalizers, [](const auto& entry) { return entry == kOrphan || entry == kForeground; });
  if (!wanted.empty()) finalizers.emplace_back(wanted);
  return finalizers;
}

bool RemoveRun::propagate() {
  const auto before = finalizers_of(*object_), after = finalizers_after(before);
  if (after.size() == before.size() && std::is_permutation(after.begin(), after.end(), before.begin())) return false;
  set_finalizers(*object_, after);
  return true;
}

std::int64_t RemoveRun::wanted_grace() const {
  if (text_at(*object_, {"spec", "nodeName"}).empty() || ends_pods(text_at(*object_, {"status", "phase"}))) return 0;
  const auto grace = options_.grace_period_s ? *options_.grace_period_s : integer_at(*object_, {"spec", "terminationGracePeriodSeconds"}, kDefaultGrace_s);
  return grace < 0 ? 1 : grace;
}

RemoveRun::Grace RemoveRun::grace() {
  if (!is_pod(*kind_)) return Grace::none;
  if (existing_->deleting()) return shorten();
  const auto seconds = wanted_grace();
  mark_deleting(*object_, in_.core.parts.runtime.unix_s() + seconds, seconds);
  raise_generation(*object_);
  return Grace::set;
}

RemoveRun::Grace RemoveRun::shorten() {
  const auto had = grace_of(*object_);
  if (had < 0) return Grace::none;
  if (!options_.grace_period_s || *options_.grace_period_s >= had) return Grace::pending;
  mark_deleting(*object_, existing_->columns().deletion_unix_s - had + *options_.grace_period_s, *options_.grace_period_s);
  return Grace::set;
}

base::Outcome<void> RemoveRun::unchanged() {
  result_ = existing_;
  return {};
}

base::Outcome<void> RemoveRun::keep() {
  auto encoded = kinds::encode(*kind_, *object_, store::kRevisionSlotBytes);
  store::Draft draft(columns_of(*kind_, *object_), encoded.body, encoded.revision_offset);
  own_expectations.push_back({key_, store::Expectation::Kind::at_revision, existing_->revision()});
  if (options_.dry_run) result_ = std::move(draft).freeze(existing_->revision());
  else write = store::Write{store::Operation::update, key_, std::move(draft), durability_of(*kind_, key_.ns)};
  return in_.view.claim(key_);
}

base::Outcome<void> RemoveRun::remove_now() {
  gone_ = true;
  result_ = existing_;
  own_expectations.push_back({key_, store::Expectation::Kind::at_revision, existing_->revision()});
  if (!options_.dry_run) write = store::Write{store::Operation::remove, key_, std::nullopt, durability_of(*kind_, key_.ns)};
  return in_.view.claim(key_);
}

void RemoveRun::forget_documents() {
  object_.reset();
  StepRun::forget_documents();
}

std::optional<base::Error> RemoveRun::mismatch(const store::ObjectRef& found) {
  if (!found) return not_found(target());
  return std::nullopt;
}

// --- eviction ----------------------------------------------------------------------------------------------------------

namespace {

const kinds::Kind& eviction_kind() { return kinds::body_kind("Eviction"); }

base::Outcome<kinds::Decoded> read_eviction(const StepInput& in) {
  const auto& body = in.step.body;
  if (!body.bytes.empty()) return kinds::decode(eviction_kind(), body.media, body.bytes, in.step.options.validation, in.memory);
  return kinds::decode_value(eviction_kind(), json::value(json::object({{"metadata", json::object({{"name", in.step.target.name}}, in.memory)}}, in.memory)), in.step.options.validation);
}

void take_options(const json::value& given, DeleteOptions& options) {
  if (find(given, {"gracePeriodSeconds"})) options.grace_period_s = integer_at(given, {"gracePeriodSeconds"});
  if (const auto uid = text_at(given, {"preconditions", "uid"}); !uid.empty()) options.uid = std::string(uid);
  if (const auto revision = text_at(given, {"preconditions", "resourceVersion"}); !revision.empty()) options.resource_version = std::string(revision);
  if (const auto policy = text_at(given, {"propagationPolicy"}); !policy.empty()) options.propagation = std::string(policy);
  if (const auto* dry_run = list_at(given, {"dryRun"}); dry_run && !dry_run->empty()) options.dry_run = true;
}

}  // namespace

base::Outcome<StepRun::Next> EvictRun::begin() {
  if (auto allowed = in_.core.admit(in_.context, target(), "create", in_.authorize); !allowed) return allowed.error();
  auto decoded = read_eviction(in_);
  if (!decoded) return decoded.error();
  warnings = std::move(decoded->warnings);
  eviction_.emplace(std::move(decoded->object));
  if (auto named = names_pod(eviction_kind().kind, *eviction_, target()); !named) return named.error();
  set_request(auth::AdmissionRequest::Operation::create);
  request_.form = &eviction_kind();
  request_.object = &*eviction_;
  return Next::admit;
}

// What admission has made of the eviction counts.
base::Outcome<void> EvictRun::settle() {
  if (auto named = names_pod(eviction_kind().kind, *eviction_, target()); !named) return named;
  options_.dry_run = in_.step.options.dry_run;
  if (const auto* given = find(*eviction_, {"deleteOptions"}); given && given->is_object()) take_options(*given, options_);
  return settle_options();
}

base::Outcome<void> EvictRun::finish() {
  request_.dry_run = options_.dry_run;
  if (auto loaded = load(); !loaded) return loaded;
  if (auto allowed = spend_budget(in_, *existing_, *object_); !allowed) return allowed;
  auto& conditions = list_in(object_at(*object_, {"status"}), "conditions");
  kinds::set_condition(conditions, "DisruptionTarget", "True", "EvictionByEvictionAPI", "Eviction API: evicting", base::rfc3339(in_.core.parts.runtime.unix_s()));
  return RemoveRun::finish();
}

void EvictRun::forget_documents() {
  eviction_.reset();
  RemoveRun::forget_documents();
}

base::Outcome<Written> EvictRun::answer(store::ObjectRef stored) {
  auto out = StepRun::answer(std::move(stored));
  if (out) out->created = true;
  return out;
}

}  // namespace keelson::verbs

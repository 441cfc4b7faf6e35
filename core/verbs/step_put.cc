#include "core/verbs/step_put.hpp"

#include <algorithm>
#include <boost/json/serialize.hpp>

#include "core/base/json_text.hpp"
#include "core/kinds/body_kinds.hpp"
#include "core/kinds/convert.hpp"
#include "core/kinds/edit.hpp"
#include "core/kinds/empties.hpp"
#include "core/kinds/managed_fields.hpp"
#include "core/verbs/signing_request_fields.hpp"
#include "core/verbs/versions.hpp"

namespace keelson::verbs {
namespace {

constexpr int kGenerateRetryAfter_s = 1;
constexpr std::string_view kSpec = "spec";

/// What the columns know of the spec.
json::object spec_of(const kinds::Kind& kind, const store::Columns& columns, const json::storage_ptr& memory) {
  json::object out(memory);
  for (std::size_t i = 0; i < kind.selectable_fields.size(); ++i)
    if (const std::string_view field = kind.selectable_fields[i]; field.starts_with("spec.")) out.emplace(field.substr(kSpec.size() + 1), columns.fields.at(i));
  return out;
}

base::Error uid_mismatch(const Target& target, std::string_view wanted, std::string_view found) {
  const std::string key = "/registry/" + target.kind->resource + "/" + (target.ns.empty() ? "" : target.ns + "/") + target.name;
  return base::conflict(target.kind->group, target.kind->resource, target.name,
                        "StorageError: invalid object, Code: 4, Key: " + key + ", ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: UID in precondition: " +
                            std::string(wanted) + ", UID in object meta: " + std::string(found));
}

bool is(const kinds::Kind& kind, std::string_view storage_key) { return kind.storage_key.text() == storage_key; }

/// When a volume's phase changes, the time of it is noted unless the writer notes another.
void note_phase(const json::value& old, std::int64_t now_unix_s, json::value& volume) {
  const auto at = [](const json::value& of, std::string_view field) { return std::string(text_at(of, {"status", field})); };
  const auto before = at(old, "lastPhaseTransitionTime"), given = at(volume, "lastPhaseTransitionTime");
  const bool changed = at(old, "phase") != at(volume, "phase");
  if (changed ? !given.empty() && given != before : !given.empty()) return;
  if (const auto time = changed ? base::rfc3339(now_unix_s) : before; !time.empty()) object_at(volume, {"status"})["lastPhaseTransitionTime"] = time;
}

/// Namespaces stay until their content is gone, whatever their metadata says.
bool holds_back(const kinds::Kind& kind, const json::value& object) {
  if (!is(kind, "namespaces")) return false;
  const auto* finalizers = list_at(object, {"spec", "finalizers"});
  return finalizers && !finalizers->empty();
}

}  // namespace

kinds::ManagerInfo PutRun::manager() const {
  std::string name = in_.context.field_manager;
  if (name.empty()) name = in_.context.user.plugin.empty() ? "unknown" : in_.context.user.plugin;
  return {std::move(name), target().subresource, in_.core.parts.runtime.unix_s()};
}

std::string PutRun::own_name() const { return std::string(text_at(*object_, {"metadata", "name"})); }

base::Outcome<void> PutRun::load() {
  kind_ = in_.kind();
  key_ = key_of(target());
  if (target().name.empty()) return {};
  existing_ = in_.stored(key_);
  if (!existing_) return {};
  auto old = decode_existing();
  if (!old) return old.error();
  old_.emplace(std::move(*old));
  return {};
}

base::Outcome<json::value> PutRun::decode_existing() {
  if (leaves_spec()) spec_ = kinds::printed_member(existing_->body(), kSpec);
  if (spec_.empty()) return in_.core.decoded(*kind_, *existing_, in_.memory);
  return kinds::parse(kinds::Media::json, kinds::without_member(existing_->body(), kSpec, spec_), in_.memory);
}

base::Outcome<StepRun::Next> PutRun::begin() {
  if (auto allowed = in_.core.admit(in_.context, target(), verb(), in_.authorize); !allowed) return allowed.error();
  if (verb() == "create") {
    creating_ = true;
    kind_ = in_.kind();
    return begin_create();
  }
  if (auto loaded = load(); !loaded) return loaded.error();
  if (existing_) return begin_update();
  if (!creates_missing()) return not_found(target());
  Target collection = target();
  collection.name.clear();
  if (auto allowed = in_.core.admit(in_.context, collection, "create", in_.authorize); !allowed) return allowed.error();
  creating_ = true;
  return begin_create();
}

// --- create ------------------------------------------------------------------------------------------------------------

base::Outcome<StepRun::Next> PutRun::begin_create() {
  if (auto produced = produce(); !produced) return produced.error();
  if (auto settled = settle_namespace(target(), *object_); !settled) return settled.error();
  if (verb() == "create" && !in_.step.options.dry_run && !text_at(*object_, {"metadata", "resourceVersion"}).empty()) return base::raw_500("resourceVersion should not be set on objects to be created");
  if (const std::string uid(text_at(*object_, {"metadata", "uid"})); verb() == "update" && !uid.empty()) return uid_mismatch(target(), uid, "");
  stamp_new(in_.core.parts.runtime, *object_);
  if (!managers_recorded_) kinds::record_update(*kind_, asked(), nullptr, *object_, manager());
  set_request(auth::AdmissionRequest::Operation::create);
  request_.name = own_name();
  request_.object = &*object_;
  if (kinds::definition_ends(*kind_)) return base::forbidden(kind_->group, kind_->resource, request_.name, "create not allowed while custom resource definition is terminating");
  return Next::admit;
}

base::Outcome<void> PutRun::settle_create() {
  auto& metadata = object_at(*object_, {"metadata"});
  const std::string base_name(text_at(*object_, {"metadata", "generateName"}));
  name_is_generated_ = !base_name.empty() && in_.step.target.name.empty();
  if (own_name().empty() && !base_name.empty()) metadata["name"] = base_name.substr(0, kGeneratedBaseBytesMax) + base::name_suffix(in_.core.parts.runtime);
  if (own_name().empty() && is(*kind_, "limitranges")) metadata["name"] = base::uuid_v4(in_.core.parts.runtime);   // the one kind that needs no name
  key_ = {kind_->storage_key, kind_->namespaced ? target().ns : std::string(), own_name()};
  kinds::prepare(*kind_, *object_, nullptr, target().subresource);
  if (kind_->strategy.generation) metadata["generation"] = 1;
  return {};
}

base::Outcome<void> PutRun::finish_create() {
  created_ = true;
  if (const auto found = in_.view.get(key_)) {
    if (auto error = mismatch(found)) return *error;
    // A generated name that is taken: the commit will not hold, and the next attempt draws another.
    if (request_.dry_run) return base::already_exists(kind_->group, kind_->resource, key_.name);
  }
  own_expectations.push_back({key_, store::Expectation::Kind::absent, 0});
  return conclude(store::Operation::create);
}

// --- update ------------------------------------------------------------------------------------------------------------

base::Outcome<StepRun::Next> PutRun::begin_update() {
  if (auto produced = produce(); !produced) return produced.error();
  if (!spec_.empty() && object_->is_object()) object_->get_object().stable_erase(kSpec);   // that of its defaults
  if (auto named = check_name(target(), *object_); !named) return named.error();
  // A PUT is about the object of its uid, if it has one; what a patch makes of the uid is told by validation.
  if (const std::string uid(text_at(*object_, {"metadata", "uid"})); verb() == "update" && !uid.empty() && uid != existing_->columns().uid)
    return uid_mismatch(target(), uid, existing_->columns().uid);
  if (auto revision = check_revision(); !revision) return revision.error();
  keep_system_fields(*old_, *object_);
  kinds::merge_for_write(*kind_, *object_, *old_, target().subresource);
  if (!managers_recorded_) kinds::record_update(*kind_, asked(), &*old_, *object_, manager());
  set_request(auth::AdmissionRequest::Operation::update);
  request_.object = spec_.empty() ? &*object_ : nullptr;
  request_.old = spec_.empty() ? &*old_ : nullptr;
  return Next::admit;
}

base::Outcome<void> PutRun::check_revision() {
  auto demanded = demanded_revision(*object_);
  if (!demanded) return demanded.error();
  // A patch starts from the stored revision: only one that it names itself is a demand.
  const bool inherited = metadata_is_kept_ && *demanded == existing_->revision();
  if (!inherited) demanded_ = *demanded;
  if (!*demanded && !kind_->strategy.unconditional_update && verb() == "update" && target().subresource != "scale")
    return base::invalid(kind_->group, kind_->resource, target().name, {invalid_value("metadata.resourceVersion", "0", "must be specified for an update")});
  if (demanded_ && *demanded_ != existing_->revision()) return base::object_modified(kind_->group, kind_->resource, target().name);
  return {};
}

bool PutRun::goes_away() const {
  if (!existing_->deleting() || grace_of(*old_, 0) != 0) return false;
  return finalizers_of(*object_).empty() && !holds_back(*kind_, *object_);
}

void PutRun::expect_existing() { own_expectations.push_back({key_, store::Expectation::Kind::at_revision, existing_->revision()}); }

base::Outcome<void> PutRun::finish_update() {
  if (goes_away()) {
    gone_ = true;
    result_ = draft().freeze(existing_->revision(), {});
    expect_existing();
    if (!request_.dry_run) write = store::Write{store::Operation::remove, key_, std::nullopt, durability_of(*kind_, key_.ns)};
    return in_.view.claim(key_);
  }
  if (kinds::equal_for_commit(*old_, *object_)) {
    result_ = existing_;
    return {};
  }
  expect_existing();
  return conclude(store::Operation::update);
}

// --- both --------------------------------------------------------------------------------------------------------------

base::Outcome<void> PutRun::settle() {
  if (creating_) {
    if (auto settled = settle_create(); !settled) return settled;
  } else {
    kinds::prepare(*kind_, *object_, &*old_, target().subresource);
    if (target().subresource == "status" && is(*kind_, "persistentvolumes")) note_phase(*old_, in_.core.parts.runtime.unix_s(), *object_);
    if (kind_->strategy.generation && target().subresource != "status" && kinds::generation_changes(*kind_, *old_, *object_)) raise_generation(*object_);
  }
  if (auto checked = check_result(); !checked) return checked;
  if (auto valid = spec_.empty() ? validate() : validate_status(); !valid) return valid;
  kinds::forget_empty(*kind_, *object_);
  if (!is_signing_request(*kind_)) return {};
  return settle_signing_request(*kind_, in_.context.user, in_.core.parts.runtime.unix_s(), creating_ ? nullptr : &*old_, *object_);
}

base::Outcome<void> PutRun::validate() const {
  const auto& kind = *target().kind;
  std::vector<base::Cause> causes;
  if (kind.schema_epoch == kind_->schema_epoch || !answers_object(target())) {
    causes = kinds::validate(*kind_, *object_, creating_ ? nullptr : &*old_, target().subresource);
  } else {
    // The rules, and the names of fields, are those of the version that was asked for.
    json::value object(*object_, in_.memory), old(old_ ? *old_ : json::value(), in_.memory);
    kinds::convert(kind, object);
    kinds::convert(kind, old);
    causes = kinds::validate(kind, object, creating_ ? nullptr : &old, target().subresource);
  }
  if (causes.empty()) return {};
  return base::invalid(kind_->group, kind_->kind, own_name(), std::move(causes));
}

base::Outcome<void> PutRun::validate_status() {
  json::object &now = object_->as_object(), &before = old_->as_object();
  for (auto* object : {&now, &before}) object->emplace(kSpec, spec_of(*kind_, existing_->columns(), in_.memory));
  auto valid = validate();
  for (auto* object : {&now, &before}) object->stable_erase(kSpec);
  return valid;
}

base::Outcome<void> PutRun::finish() { return creating_ ? finish_create() : finish_update(); }

store::Draft PutRun::draft() const {
  auto columns = columns_of(*kind_, *object_);
  if (spec_.empty()) {
    auto encoded = kinds::encode(*kind_, *object_, store::kRevisionSlotBytes);
    return store::Draft(std::move(columns), std::move(encoded.body), encoded.revision_offset);
  }
  for (std::size_t i = 0; i < columns.fields.size(); ++i)
    if (kind_->selectable_fields[i].starts_with("spec.")) columns.fields[i] = existing_->columns().fields.at(i);
  auto encoded = kinds::encode(*kind_, *object_, store::kRevisionSlotBytes, {kSpec, spec_});
  return store::Draft(std::move(columns), std::move(encoded.body), encoded.revision_offset);
}

// An object that is too large may be so by who manages its fields: it is stored without that then, as upstream does.
store::Draft PutRun::storable() {
  auto whole = draft();
  if (whole.body().size() <= store::kObjectBytesMax || object_at(*object_, {"metadata"}).erase("managedFields") == 0) return whole;
  return draft();
}

base::Outcome<void> PutRun::conclude(store::Operation operation) {
  // A dry run answers the object as it would be: under the revision that it has, none for a new one.
  if (request_.dry_run) result_ = storable().freeze(existing_ ? existing_->revision() : 0, {});
  else write = store::Write{operation, key_, storable(), durability_of(*kind_, key_.ns)};
  return in_.view.claim(key_);
}

base::Outcome<Written> PutRun::answer(store::ObjectRef stored) {
  // Of what goes with its last finalizer the log keeps the state that was stored; who asked sees what was asked for.
  return StepRun::answer(gone_ ? nullptr : std::move(stored));
}

void PutRun::forget_documents() {
  object_.reset();
  old_.reset();
  StepRun::forget_documents();
}

std::optional<base::Error> PutRun::mismatch(const store::ObjectRef& found) {
  if (!creating_) {
    if (!demanded_) return std::nullopt;
    return found ? base::object_modified(kind_->group, kind_->resource, target().name) : not_found(target());
  }
  if (verb() != "create" || !found) return std::nullopt;
  if (!name_is_generated_) return base::already_exists(kind_->group, kind_->resource, key_.name);
  if (in_.attempt + 1 < kGenerateNameTriesMax) return std::nullopt;
  auto error = base::already_exists(kind_->group, kind_->resource, key_.name);
  error.message += ", the server was not able to generate a unique name for the object";
  error.retry_after_s = kGenerateRetryAfter_s;
  return error;
}

}  // namespace keelson::verbs

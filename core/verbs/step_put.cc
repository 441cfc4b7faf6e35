#include "core/verbs/step_put.hpp"

#include <algorithm>
#include <array>
#include <boost/json/serialize.hpp>

#include "core/base/json_text.hpp"
#include "core/kinds/body_kinds.hpp"
#include "core/kinds/convert/convert.hpp"
#include "core/kinds/edit.hpp"
#include "core/kinds/empties.hpp"
#include "core/kinds/managed/managed_fields.hpp"
#include "core/kinds/validate/object_warnings.hpp"
#include "core/verbs/narrow_write.hpp"
#include "core/verbs/signing_request_fields.hpp"
#include "core/verbs/versions.hpp"

namespace keelson::verbs {
namespace {

constexpr int kGenerateRetryAfter_s = 1;

/// Where upstream's storage would have it: some kinds lie elsewhere than under their names.
std::string storage_folder(const kinds::Kind& kind) {
  constexpr std::array<std::array<std::string_view, 2>, 5> kElsewhere{{{"services", "services/specs"}, {"endpoints", "services/endpoints"}, {"nodes", "minions"}, {"replicationcontrollers", "controllers"}, {"ingresses", "ingress"}}};
  const bool with_group = kind.strategy.custom_resource || kind.group == "apiextensions.k8s.io" || kind.group == "apiregistration.k8s.io";
  if (with_group) return kind.group + "/" + kind.resource;
  for (const auto& [resource, folder] : kElsewhere)
    if (kind.resource == resource) return std::string(folder);
  return kind.resource;
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

base::Error precondition_failed(const Target& target, std::string_view what, std::string_view wanted, std::string_view found) {
  const std::string key = "/registry/" + storage_folder(*target.kind) + "/" + (target.ns.empty() ? "" : target.ns + "/") + target.name, name(what);
  return base::conflict(target.kind->group, target.kind->resource, target.name,
                        "StorageError: invalid object, Code: 4, Key: " + key + ", ResourceVersion: 0, AdditionalErrorMsg: Precondition failed: " + name + " in precondition: " + std::string(wanted) + ", " + name +
                            " in object meta: " + std::string(found));
}

kinds::ManagerInfo PutRun::manager() const { return manager_of(in_.context, target().subresource, birth_.uid.empty() ? in_.core.parts.runtime.unix_s() : birth_.unix_s); }

std::string PutRun::own_name() const { return std::string(text_at(*object_, {"metadata", "name"})); }

// A PUT is about the object of its uid, if it has one; what a patch makes of the uid is told by validation.
base::Outcome<void> PutRun::check_uid(std::string_view found) const {
  const std::string uid(text_at(*object_, {"metadata", "uid"}));
  if (verb() == "update" && !uid.empty() && uid != found) return precondition_failed(target(), "UID", uid, found);
  return {};
}

base::Outcome<void> PutRun::load() {
  kind_ = in_.kind();
  key_ = key_of(target());
  if (target().name.empty()) return {};
  existing_ = in_.stored(key_);
  if (!existing_) return {};
  if (narrows()) return {};
  auto old = in_.core.decoded(*kind_, *existing_, in_.memory);
  if (!old) return old.error();
  old_.emplace(std::move(*old));
  return {};
}

base::Outcome<StepRun::Next> PutRun::begin() {
  if (auto allowed = in_.core.admit(in_.context, target(), verb(), in_.authorize); !allowed) return allowed.error();
  if (verb() == "create") {
    creating_ = true;
    kind_ = in_.kind();
    return begin_create();
  }
  if (auto loaded = load(); !loaded) return loaded.error();
  if (narrowed_) return passes_ ? Next::passed : Next::admit;
  return existing_ ? begin_update() : begin_missing();
}

base::Outcome<StepRun::Next> PutRun::begin_missing() {
  if (!creates_missing()) {
    if (auto sound = judge_alone(); !sound) return sound.error();
    return not_found(target());
  }
  if (!target().subresource.empty()) whole_ = target(), whole_->subresource.clear();   // made like any other, with all that this brings
  Target collection = target();
  collection.name.clear();
  if (auto allowed = in_.core.admit(in_.context, collection, "create", in_.authorize); !allowed) return allowed.error();
  creating_ = true;
  return begin_create();
}

// --- create ------------------------------------------------------------------------------------------------------------

base::Outcome<StepRun::Next> PutRun::begin_create() {
  birth_ = in_.birth ? *in_.birth : new_birth(in_.core.parts.runtime);
  if (!recalls())
    if (auto prepared = prepare_create(); !prepared) return prepared.error();
  if (kinds::definition_ends(*kind_)) return base::forbidden(kind_->group, kind_->resource, request_.name, "create not allowed while custom resource definition is terminating");
  return Next::admit;
}

void PutRun::set_new_request() {
  set_request(auth::AdmissionRequest::Operation::create);
  request_.name = own_name();
  request_.object = &*object_;
}

base::Outcome<void> PutRun::prepare_create() {
  if (auto produced = produce(); !produced) return produced.error();
  if (auto settled = settle_namespace(target(), *object_); !settled) return settled.error();
  if (verb() == "create" && !in_.step.options.dry_run && !text_at(*object_, {"metadata", "resourceVersion"}).empty()) return base::raw_500("resourceVersion should not be set on objects to be created");
  if (auto same = check_uid(""); !same) return same.error();
  stamp_new(birth_, *object_);
  set_new_request();
  if (known_spec_ && !recalls_spec()) known_spec_->put_into(*object_);
  if (!managers_recorded_) record_creator();
  consider();
  return {};
}

// What becomes of a spec that has come before is known where admission rests on what it rested on then.
bool PutRun::recalls_spec() {
  auth::Grounds grounds{known_spec_->value()};
  if (!in_.core.parts.chains.grounds(request_, grounds)) return false;
  const auto admitted = known_spec_->admitted(grounds.text);
  grounds_ = std::move(grounds.text);
  if (!admitted) return false;
  settled_spec_ = admitted->settled;
  annotations = admitted->annotations;
  read_expectations = std::move(grounds.expectations);
  return request_.spec_is_known = true;
}

// Where nobody looks at it before it is printed, who manages what is printed already.
void PutRun::record_creator() {
  const bool as_stored = asked().schema_epoch == kind_->schema_epoch && target().subresource.empty() && object_->is_object();
  const auto read = [&] { return kinds::managed_fields(*object_) || in_.core.parts.chains.reads_managers(request_); };
  if (!request_.spec_is_known && (!as_stored || read())) return kinds::record_update(*kind_, asked(), nullptr, *object_, manager());
  created_fields_ = in_.core.created_fields->of(*kind_, *object_, known_spec_.get());
}

base::Outcome<void> PutRun::settle_create() {
  auto& metadata = object_at(*object_, {"metadata"});
  const std::string base_name(text_at(*object_, {"metadata", "generateName"}));
  name_is_generated_ = !base_name.empty() && in_.step.target.name.empty();
  if (own_name().empty() && !base_name.empty()) metadata["name"] = base_name.substr(0, kGeneratedBaseBytesMax) + base::name_suffix(in_.core.parts.runtime);
  if (own_name().empty() && is(*kind_, "limitranges")) metadata["name"] = base::uuid_v4(in_.core.parts.runtime);   // the one kind that needs no name
  key_ = {kind_->storage_key, kind_->namespaced ? target().ns : std::string(), own_name()};
  if (!settled_spec_) kinds::prepare(*kind_, *object_, nullptr, target().subresource);
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
  if (!grounds_.empty() && !request_.spec_is_known && settled_spec_ && warnings.empty()) known_spec_->admit({std::move(grounds_), settled_spec_, annotations});
  return conclude(store::Operation::create);
}

// --- update ------------------------------------------------------------------------------------------------------------

base::Outcome<StepRun::Next> PutRun::begin_update() {
  if (auto produced = produce(); !produced) return produced.error();
  if (auto named = check_name(target(), *object_); !named) return named.error();
  if (auto same = check_uid(existing_->columns().uid); !same) return same.error();
  if (auto revision = check_revision(); !revision) return revision.error();
  keep_system_fields(*old_, *object_);
  kinds::merge_for_write(*kind_, *object_, *old_, target().subresource);
  if (!managers_recorded_) kinds::record_update(*kind_, asked(), &*old_, *object_, manager());
  set_request(auth::AdmissionRequest::Operation::update);
  request_.object = &*object_;
  request_.old = &*old_;
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
  if (narrowed_ && narrowed_->changes) return expect_existing(), conclude(store::Operation::update);
  if (narrowed_) return result_ = existing_, base::Outcome<void>();
  if (goes_away()) {
    gone_ = true;
    result_ = draft().freeze(existing_->revision());
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
  if (narrowed_) return {};
  return known_spec_ && !request_.spec_is_known ? settle_known_spec() : settle_object();
}

const json::value* PutRun::spec() const { return find(*object_, {kinds::kSpec}); }

// What admission makes of a spec that is known is mostly what it made of it before, and known to be good.
base::Outcome<void> PutRun::settle_known_spec() {
  const auto* admitted = spec();
  if (!admitted) return settle_object();
  settled_spec_ = known_spec_->settled(*admitted);
  if (settled_spec_ || !known_spec_->may_settle()) return settle_object();
  const json::value before(*admitted, in_.memory);
  const auto told = warnings.size();
  if (auto settled = settle_object(); !settled) return settled;
  if (warnings.size() == told) known_spec_->settle(*kind_, before, *object_);
  return {};
}

base::Outcome<void> PutRun::settle_object() {
  if (creating_) {
    if (auto settled = settle_create(); !settled) return settled;
  } else {
    kinds::prepare(*kind_, *object_, &*old_, target().subresource);
    if (target().subresource == "status" && is(*kind_, "persistentvolumes")) note_phase(*old_, in_.core.parts.runtime.unix_s(), *object_);
    if (kind_->strategy.generation && target().subresource != "status" && kinds::generation_changes(*kind_, *old_, *object_)) raise_generation(*object_);
  }
  if (auto checked = check_result(); !checked) return checked;
  if (auto valid = validate(); !valid) return valid;
  if (settled_spec_) kinds::append_warnings_around_spec(*object_, warnings);
  else if (target().subresource.empty()) kinds::append_object_warnings(*kind_, *object_, creating_ ? nullptr : &*old_, warnings);
  kinds::forget_empty(*kind_, *object_, settled_spec_ ? kinds::kSpec : std::string_view());
  if (is_signing_request(*kind_)) settle_signing_request(in_.context.user, in_.core.parts.runtime.unix_s(), creating_ ? nullptr : &*old_, *object_);
  return {};
}

base::Outcome<void> PutRun::validate() const {
  const auto& kind = *target().kind;
  std::vector<base::Cause> causes;
  if (settled_spec_) {
    causes = kinds::validate_around_spec(*kind_, *object_);
  } else if (kind.schema_epoch == kind_->schema_epoch || !answers_object(target())) {
    causes = kinds::validate(*kind_, *object_, creating_ ? nullptr : &*old_, target().subresource);
  } else {
    // The rules, and the names of fields, are those of the version that was asked for.
    json::value object(*object_, in_.memory), old(old_ ? *old_ : json::value(), in_.memory);
    kinds::convert(kind, object);
    kinds::convert(kind, old);
    causes = kinds::validate(kind, object, creating_ ? nullptr : &old, target().subresource);
  }
  if (creating_ && is_signing_request(*kind_))
    if (auto fault = request_fault(*object_)) causes.insert(std::find_if(causes.begin(), causes.end(), [](const base::Cause& cause) { return !cause.field.starts_with("metadata"); }), std::move(*fault));
  if (causes.empty()) return {};
  return base::invalid(kind_->group, kind_->kind, own_name(), std::move(causes));
}

base::Outcome<void> PutRun::finish() { return creating_ ? finish_create() : finish_update(); }

store::Draft PutRun::draft() const {
  const auto managers = created_fields_ ? kinds::creator_entries(*kind_, manager(), *created_fields_) : std::string();
  kinds::Printed printed{.managers = managers};
  if (settled_spec_) printed.spec = settled_spec_->spec, printed.status = settled_spec_->status;
  auto encoded = kinds::encode(*kind_, *object_, store::kRevisionSlotBytes, printed);
  auto fields = settled_spec_ ? settled_spec_->fields : kinds::selectable_values(*kind_, *object_);
  return store::Draft(columns_of(*kind_, *object_, std::move(fields)), encoded.body, encoded.revision_offset);
}

// An object that is too large may be so by who manages its fields: it is stored without that then, as upstream does.
store::Draft PutRun::storable() {
  if (narrowed_) return narrowed_draft(*existing_, std::move(*narrowed_));   // that large it is not
  auto whole = draft();
  if (whole.body().size() <= store::kObjectBytesMax) return whole;
  const bool as_text = std::exchange(created_fields_, nullptr) != nullptr;
  return object_at(*object_, {"metadata"}).erase("managedFields") > 0 || as_text ? draft() : std::move(whole);
}

base::Outcome<void> PutRun::conclude(store::Operation operation) {
  // A dry run answers the object as it would be: under the revision that it has, none for a new one.
  if (request_.dry_run) result_ = storable().freeze(existing_ ? existing_->revision() : 0);
  else write = store::Write{operation, key_, storable(), durability_of(*kind_, key_.ns)};
  return in_.view.claim(key_);
}

base::Outcome<Written> PutRun::answer(store::ObjectRef stored) {
  // Of what goes with its last finalizer the log keeps the state that was stored; who asked sees what was asked for.
  return StepRun::answer(gone_ ? nullptr : std::move(stored));
}

void PutRun::forget_documents() {
  decoded_.reset();
  object_.reset();
  old_.reset();
  created_fields_.reset();
  known_spec_.reset();
  settled_spec_.reset();
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

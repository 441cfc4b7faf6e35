// What create, update and patch make their object from.
#include <boost/json/serialize.hpp>

#include "core/base/json_text.hpp"
#include "core/kinds/convert/convert.hpp"
#include "core/kinds/managed/managed_fields.hpp"
#include "core/kinds/managed/typed.hpp"
#include "core/kinds/patch/patch_reading.hpp"
#include "core/verbs/narrow_write.hpp"
#include "core/verbs/step_put.hpp"
#include "core/verbs/versions.hpp"

namespace keelson::verbs {
namespace {

/// A patched object that its kind cannot hold: 422 about the field `patch`, as upstream says it.
base::Error unfit(const json::value& patched, const base::Error& why) {
  if (why.code != 400) return why;
  return base::invalid("", "", "", {invalid_value("patch", base::quoted(json::serialize(patched)), why.message)});
}

bool managers_are_forgotten(const json::value& object) {
  const auto* entries = list_at(object, {"metadata", "managedFields"});
  return entries && entries->empty();
}

void append(std::vector<std::string>& to, std::vector<std::string>& from) { to.insert(to.end(), std::make_move_iterator(from.begin()), std::make_move_iterator(from.end())); }

/// The heading is left out: each line is a warning of its own.
void append_lines(std::vector<std::string>& to, std::string_view text) {
  for (auto end = text.find('\n'); end != std::string_view::npos;) {
    text.remove_prefix(end + 1);
    end = text.find('\n');
    const auto line = text.substr(0, end);
    to.emplace_back(line.substr(std::min(line.find_first_not_of(' '), line.size())));
  }
}

}  // namespace

/// The request's body, decoded and defaulted, becomes the object.
base::Outcome<void> PutRun::produce_from_body() {
  const auto& step = in_.step;
  auto decoded = decoded_ ? std::move(*decoded_) : kinds::decode(*target().kind, step.body.media, step.body.bytes, step.options.validation, in_.memory);
  if (!decoded) return decoded.error();
  append(warnings, decoded->warnings);
  emplace_object(std::move(decoded->object));
  return to_stored();
}

const kinds::Kind& PutRun::asked() const { return answers_object(target()) ? *target().kind : *kind_; }

base::Outcome<void> PutRun::to_stored() {
  const auto& kind = asked();
  if (kind.schema_epoch != kind_->schema_epoch) {
    kinds::apply_defaults(kind, *object_);
    kinds::convert(*kind_, *object_);
    auto decoded = kinds::decode_value(*kind_, std::move(*object_), kinds::FieldValidation::ignore);
    if (!decoded) return decoded.error();
    emplace_object(std::move(decoded->object));
  }
  // That nobody is to own anything any more is said by a list that is empty, which defaults take for one that is absent.
  const bool forgets = managers_are_forgotten(*object_);
  kinds::apply_defaults(*kind_, *object_);
  if (forgets) object_at(*object_, {"metadata"})["managedFields"].emplace_array();
  return {};
}

base::Outcome<void> CreateRun::produce() {
  const auto& body = in_.step.body;
  if (!is_plain()) return produce_from_body();
  auto known = in_.core.known_specs->decode(*kind_, body.bytes, in_.step.options.validation, in_.memory, known_spec_);
  if (!known) return produce_from_body();
  append(warnings, known->warnings);
  emplace_object(std::move(known->object));
  return {};
}

base::Outcome<void> UpdateRun::produce() {
  if (auto made = produce_from_body(); !made) return made;
  return creating_ ? check_name(target(), *object_) : base::Outcome<void>();
}

base::Outcome<void> UpdateRun::judge_alone() {
  if (auto made = produce_from_body(); !made) return made;
  if (auto named = check_name(target(), *object_); !named) return named;
  return check_uid("");
}

bool PutRun::may_narrow() const {
  const auto& body = in_.step.body;
  const bool as_it_is = !in_.form && target().kind == kind_ && narrows_as_stored(*kind_, *existing_);
  return as_it_is && body.media == kinds::Media::json && !in_.step.options.force && !kinds::judged_alone(*kind_, target().subresource).empty();
}

bool PutRun::narrows_by(const std::function<std::optional<kinds::Narrowed>(const kinds::NarrowWrite&)>& make) {
  set_request(auth::AdmissionRequest::Operation::update);
  request_.keeps_metadata = true;
  passes_ = in_.core.parts.chains.passes(request_);
  if (passes_ || !in_.core.parts.chains.reads_objects(request_)) narrowed_ = make(narrow_write(*kind_, target().subresource, *existing_, manager()));
  if (narrowed_ && narrowed_->body.size() > store::kObjectBytesMax) narrowed_.reset();
  request_.keeps_metadata = narrowed_.has_value();
  return request_.keeps_metadata;
}

// Through a subresource most of what is sent is left aside, and yet has to fit.
bool UpdateRun::narrows() {
  if (!target().subresource.empty() || !may_narrow()) return false;
  return narrows_by([this](const kinds::NarrowWrite& write) -> std::optional<kinds::Narrowed> {
    const auto& step = in_.step;
    if (auto back = kinds::sent_back(write, step.body.bytes, std::to_string(existing_->revision()), in_.memory)) return demanded_ = existing_->revision(), back;
    decoded_.emplace(kinds::decode(*kind_, step.body.media, step.body.bytes, step.options.validation, in_.memory));
    if (!*decoded_ || !(*decoded_)->warnings.empty()) return std::nullopt;
    const auto demanded = demanded_revision((*decoded_)->object);
    if (!demanded || (*demanded ? **demanded != existing_->revision() : !kind_->strategy.unconditional_update)) return std::nullopt;
    demanded_ = *demanded;
    return kinds::narrow_update(write, (*decoded_)->object, in_.memory);
  });
}

bool PatchRun::narrows() {
  if (!may_narrow()) return false;
  return narrows_by([this](const kinds::NarrowWrite& write) -> std::optional<kinds::Narrowed> {
    const auto& step = in_.step;
    return narrow_patch(write, step.patch_type, step.body.bytes, step.options.validation, in_.memory);
  });
}

base::Outcome<void> PatchRun::produce() { return in_.step.patch_type == kinds::PatchType::apply ? produce_applied() : produce_patched(); }

base::Outcome<void> PatchRun::produce_patched() {
  const auto& step = in_.step;
  if (step.options.force)
    return invalid_options("PatchOptions", {forbidden_value("force", "may not be specified for non-apply patch")});
  auto patch = kinds::read_patch(step.body.media, step.patch_type, step.body.bytes, in_.memory);
  if (!patch) return step.patch_type == kinds::PatchType::json ? base::bad_request("invalid JSON patch") : patch.error();
  const auto& kind = asked();
  const bool other = kind.schema_epoch != kind_->schema_epoch;
  json::value converted(other ? *old_ : json::value(), in_.memory);
  if (other) kinds::convert(kind, converted);
  const json::value& from = other ? converted : *old_;
  auto patched = kinds::patch(kind, step.patch_type, from, patch->value, in_.memory);
  if (!patched) return patched.error();
  using Mode = kinds::FieldValidation;
  const auto mode = step.options.validation;
  auto decoded = kinds::decode_value(kind, std::move(*patched), mode == Mode::ignore ? Mode::ignore : Mode::warn);
  const auto again = [&] { return kinds::patch(kind, step.patch_type, from, patch->value, in_.memory).value(); };   // decoding took it apart
  if (!decoded) return unfit(again(), decoded.error());
  auto complaints = std::move(patch->complaints);
  append(complaints, decoded->warnings);
  if (mode == Mode::strict && !complaints.empty()) return unfit(again(), base::bad_request(kinds::strict_text(complaints)));
  if (mode == Mode::warn) append(warnings, complaints);
  emplace_object(std::move(decoded->object));
  metadata_is_kept_ = true;
  return to_stored();
}

base::Outcome<void> PatchRun::produce_applied() {
  const auto& step = in_.step;
  if (in_.context.field_manager.empty())
    return invalid_options("PatchOptions", {{"FieldValueRequired", "Required value: is required for apply patch", "fieldManager"}});
  auto decoded = kinds::decode_applied(*target().kind, step.body.media, step.body.bytes, step.options.validation, in_.memory);
  if (!decoded) return decoded.error();
  json::value& applied = decoded->object;
  // One that makes the object has to name it.
  if (!creating_ && text_at(applied, {"metadata", "name"}).empty()) object_at(applied, {"metadata"})["name"] = target().name;
  if (auto named = check_name(target(), applied); !named) return named;
  auto demanded = demanded_revision(applied);
  if (!demanded) return demanded.error();
  if (const std::string uid(text_at(applied, {"metadata", "uid"})); creating_ && !uid.empty())
    return base::conflict(kind_->group, kind_->resource, target().name, "uid mismatch: the provided object specified uid " + uid + ", and no existing object was found");
  if (existing_ && *demanded && **demanded != existing_->revision()) return base::object_modified(kind_->group, kind_->resource, target().name);
  const auto& kind = asked();
  const bool other = old_ && kind.schema_epoch != kind_->schema_epoch;
  json::value converted(other ? *old_ : json::value(), in_.memory);
  if (other) kinds::convert(kind, converted);
  auto result = kinds::apply(kind, *kind_, !existing_ ? nullptr : other ? &converted : &*old_, applied, manager(), step.options.force, in_.memory);
  if (!result) return result.error();
  // What is written twice is told when nothing else is wrong.
  if (step.options.validation == kinds::FieldValidation::strict && !decoded->warnings.empty()) return base::bad_request("error strict decoding YAML: " + decoded->warnings.front());
  for (const auto& complaint : decoded->warnings) append_lines(warnings, complaint);
  emplace_object(std::move(*result));
  managers_recorded_ = true;
  metadata_is_kept_ = !*demanded;
  return to_stored();
}

}  // namespace keelson::verbs

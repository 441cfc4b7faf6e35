#include "core/verbs/step_scale.hpp"

#include <algorithm>

#include "core/kinds/body_kinds.hpp"
#include "core/kinds/managed/typed.hpp"

namespace keelson::verbs {
namespace {

std::string joined(const json::array& values) {
  std::vector<std::string> sorted;
  for (const auto& value : values)
    if (const auto* text = value.if_string()) sorted.emplace_back(*text);
  std::sort(sorted.begin(), sorted.end());
  std::string out;
  for (const auto& value : sorted) out += (out.empty() ? "" : ",") + value;
  return out;
}

std::string expression(const json::value& requirement) {
  const std::string key(text_at(requirement, {"key"}));
  const auto op = text_at(requirement, {"operator"});
  if (op == "Exists") return key;
  if (op == "DoesNotExist") return "!" + key;
  const auto* values = list_at(requirement, {"values"});
  return key + (op == "NotIn" ? " notin (" : " in (") + (values ? joined(*values) : "") + ")";
}

/// spec.selector as clients write it in a query: "a=b,c in (d,e)"; a plain map for ReplicationControllers.
std::string selector_text(const json::value& object) {
  const auto* selector = find(object, {"spec", "selector"});
  if (!selector || !selector->is_object()) return "";
  const auto* expressions = list_at(*selector, {"matchExpressions"});
  const auto* labels = find(*selector, {"matchLabels"});
  std::vector<std::string> parts;
  const json::value& equalities = labels ? *labels : *selector;
  if ((labels || !expressions) && equalities.is_object())
    for (const auto& [key, value] : equalities.get_object())
      if (const auto* text = value.if_string()) parts.push_back(std::string(key) + "=" + std::string(*text));
  if (expressions)
    for (const auto& requirement : *expressions) parts.push_back(expression(requirement));
  std::sort(parts.begin(), parts.end());
  std::string out;
  for (const auto& part : parts) out += (out.empty() ? "" : ",") + part;
  return out;
}

/// Where an object of the target's kind keeps what its Scale shows.
struct Places {
  std::string_view replicas = ".spec.replicas", current = ".status.replicas", selector;
};

Places places_of(const kinds::Kind& kind) {
  const auto* scale = kind.subresource("scale");
  if (!scale || scale->spec_replicas_path.empty()) return {};
  return {scale->spec_replicas_path, scale->status_replicas_path, scale->label_selector_path};
}

/// First step of ".a.b", taken off.
std::string_view next_step(std::string_view& path) {
  path.remove_prefix(path.starts_with('.') ? 1 : 0);
  const auto end = std::min(path.find('.'), path.size());
  const auto step = path.substr(0, end);
  path.remove_prefix(end);
  return step;
}

const json::value* at_place(const json::value& object, std::string_view path) {
  const json::value* at = path.empty() ? nullptr : &object;
  while (at && !path.empty()) at = find(*at, {next_step(path)});
  return at;
}

std::int64_t count_at(const json::value& object, std::string_view path) {
  const auto* found = at_place(object, path);
  return found && found->is_int64() ? found->get_int64() : found && found->is_uint64() ? static_cast<std::int64_t>(found->get_uint64()) : 0;
}

void set_place(json::value& object, std::string_view path, std::int64_t count) {
  json::value* at = &object;
  while (!path.empty()) at = &object_at(*at, {})[next_step(path)];
  *at = count;
}

std::string selector_of(const json::value& object, const Places& places) {
  if (places.selector.empty()) return selector_text(object);
  const auto* found = at_place(object, places.selector);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

json::value make_scale(const kinds::Kind& kind, const json::value& object, const json::storage_ptr& memory) {
  const Places places = places_of(kind);
  json::object metadata(memory);
  for (const std::string_view field : {"name", "namespace", "uid", "resourceVersion", "creationTimestamp"})
    if (const auto* value = find(object, {"metadata", field})) metadata[field] = *value;
  json::object status(memory);
  status["replicas"] = count_at(object, places.current);
  if (auto selector = selector_of(object, places); !selector.empty()) status["selector"] = std::move(selector);
  json::object spec(memory);
  if (const auto replicas = count_at(object, places.replicas); replicas != 0) spec["replicas"] = replicas;
  json::object out(memory);
  out["kind"] = "Scale";
  out["apiVersion"] = "autoscaling/v1";
  out["metadata"] = std::move(metadata);
  out["spec"] = std::move(spec);
  out["status"] = std::move(status);
  return out;
}

/// Who disputes the replicas is told in the version that was applied.
base::Error as_of_scale(const kinds::Kind& kind, base::Error error) {
  const std::string theirs = " using " + kind.api_version();
  const auto reword = [&](std::string& text) {
    for (auto at = text.find(theirs); at != std::string::npos; at = text.find(theirs, at + 1)) text.replace(at, theirs.size(), " using autoscaling/v1");
  };
  reword(error.message);
  for (auto& cause : error.causes) reword(cause.message);
  return error;
}

}  // namespace

base::Outcome<store::ObjectRef> scale_of(const Core& core, const Target& target, const store::Object& object) {
  if (!target.kind->subresource("scale")) return base::no_such_resource();
  const auto kind = target.kind;
  auto value = core.decoded(*kind, object, {});
  if (!value) return value.error();
  return synthesized(make_scale(*kind, *value, {}), copy_of(object.columns()), object.revision());
}

base::Error ScaleRun::negative(std::int64_t replicas) const {
  return base::invalid("autoscaling", "Scale", target().name, {invalid_value("spec.replicas", std::to_string(replicas), "must be greater than or equal to 0")});
}

base::Outcome<json::value> ScaleRun::wanted_scale() {
  const auto& step = in_.step;
  if (step.op == Verbs::Step::Op::update) {
    auto decoded = kinds::decode(kinds::body_kind("Scale"), step.body.media, step.body.bytes, step.options.validation, in_.memory);
    if (!decoded) return decoded.error();
    warnings = std::move(decoded->warnings);
    return std::move(decoded->object);
  }
  auto patch = kinds::parse(step.body.media, step.body.bytes, in_.memory);
  if (!patch) return patch.error();
  auto patched = kinds::patch(kinds::body_kind("Scale"), step.patch_type, make_scale(*kind_, *old_, in_.memory), *patch, in_.memory);
  if (!patched) return patched.error();
  auto decoded = kinds::decode_value(kinds::body_kind("Scale"), std::move(*patched), step.options.validation);
  if (!decoded) return decoded.error();
  warnings = std::move(decoded->warnings);
  return std::move(decoded->object);
}

// Who applies a Scale owns the replicas of its object, under the name of the subresource.
base::Outcome<void> ScaleRun::produce_applied() {
  const auto& step = in_.step;
  if (in_.context.field_manager.empty()) return invalid_options("PatchOptions", {{"FieldValueRequired", "Required value: is required for apply patch", "fieldManager"}});
  auto decoded = kinds::decode_applied(kinds::body_kind("Scale"), step.body.media, step.body.bytes, step.options.validation, in_.memory);
  if (!decoded) return decoded.error();
  auto& scale = decoded->object;
  if (text_at(scale, {"metadata", "name"}).empty()) object_at(scale, {"metadata"})["name"] = target().name;
  if (auto named = check_name(target(), scale); !named) return named;
  json::value wanted(json::object({{"apiVersion", kind_->api_version()}, {"kind", kind_->kind}, {"metadata", scale.at("metadata")}}, in_.memory));
  for (const std::string_view field : {"labels", "annotations", "ownerReferences", "finalizers", "resourceVersion", "uid"}) object_at(wanted, {"metadata"}).erase(field);
  if (find(scale, {"spec", "replicas"})) {
    const auto replicas = integer_at(scale, {"spec", "replicas"});
    if (replicas < 0) return negative(replicas);
    set_place(wanted, places_of(*kind_).replicas, replicas);
  }
  auto result = kinds::apply(*kind_, &*old_, wanted, manager(), step.options.force, in_.memory);
  if (!result) return as_of_scale(*kind_, result.error());
  emplace_object(std::move(*result));
  managers_recorded_ = true;
  metadata_is_kept_ = true;
  return {};
}

base::Outcome<void> ScaleRun::produce() {
  if (in_.step.op == Verbs::Step::Op::patch && in_.step.patch_type == kinds::PatchType::apply) return produce_applied();
  auto scale = wanted_scale();
  if (!scale) return scale.error();
  if (auto named = check_name(target(), *scale); !named) return named;
  const auto replicas = integer_at(*scale, {"spec", "replicas"});
  if (replicas < 0) return negative(replicas);
  emplace_object(json::value(*old_, in_.memory));
  set_place(*object_, places_of(*kind_).replicas, replicas);
  auto& metadata = object_at(*object_, {"metadata"});
  if (const auto revision = text_at(*scale, {"metadata", "resourceVersion"}); revision.empty()) metadata.erase("resourceVersion");
  else metadata["resourceVersion"] = revision;
  if (const auto uid = text_at(*scale, {"metadata", "uid"}); !uid.empty()) metadata["uid"] = uid;
  metadata_is_kept_ = in_.step.op == Verbs::Step::Op::patch;
  return {};
}

base::Outcome<StepRun::Next> ScaleRun::begin() {
  auto next = PutRun::begin();
  if (!next) return next;
  scale_.emplace(make_scale(*kind_, *object_, in_.memory));
  old_scale_.emplace(make_scale(*kind_, *old_, in_.memory));
  request_.form = &kinds::body_kind("Scale");
  request_.object = &*scale_;
  request_.old = &*old_scale_;
  return next;
}

// What admission has made of the Scale counts.
base::Outcome<void> ScaleRun::settle() {
  const auto replicas = integer_at(*scale_, {"spec", "replicas"});
  if (replicas < 0) return negative(replicas);
  if (replicas != count_at(*object_, places_of(*kind_).replicas)) set_place(*object_, places_of(*kind_).replicas, replicas);
  return PutRun::settle();
}

void ScaleRun::forget_documents() {
  scale_.reset();
  old_scale_.reset();
  PutRun::forget_documents();
}

base::Outcome<void> ScaleRun::judge_alone() {
  if (in_.step.op == Verbs::Step::Op::patch) return {};
  auto scale = wanted_scale();
  if (!scale) return scale.error();
  return check_name(target(), *scale);
}

base::Outcome<Written> ScaleRun::answer(store::ObjectRef stored) {
  auto out = PutRun::answer(std::move(stored));
  if (!out) return out;
  auto scale = scale_of(in_.core, target(), *out->object);
  if (!scale) return scale.error();
  out->object = std::move(*scale);
  return out;
}

}  // namespace keelson::verbs

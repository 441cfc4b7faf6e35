// POST, PUT, PATCH and DELETE of resources.
#include <algorithm>

#include "core/api/auditing.hpp"
#include "core/api/core.hpp"
#include "core/api/options.hpp"
#include "core/api/table.hpp"
#include "core/api/text.hpp"
#include "core/auth/json_access.hpp"

namespace keelson::api {
namespace {

// Kinds whose DELETE answers the object where others answer a Status (upstream: ReturnDeletedObject).
bool answers_deleted_object(const kinds::Kind& kind) {
  static constexpr std::string_view kinds[] = {"pods", "podtemplates", "persistentvolumes", "persistentvolumeclaims", "resourcequotas", "serviceaccounts", "services",
                                               "storageclasses.storage.k8s.io", "csidrivers.storage.k8s.io", "csinodes.storage.k8s.io", "volumeattachments.storage.k8s.io"};
  return std::find(std::begin(kinds), std::end(kinds), kind.storage_key.text()) != std::end(kinds);
}

std::string success_status(const kinds::Kind& kind, const store::Object& object) {
  std::string text = R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":)" + quoted(object.key().name);
  if (!kind.group.empty()) text += ",\"group\":" + quoted(kind.group);
  return text + ",\"kind\":" + quoted(kind.resource) + ",\"uid\":" + quoted(object.columns().uid) + "}}";
}

/// What was tried only, or is stored nowhere, has no revision.
std::string without_revision(const store::Object& object) {
  static constexpr std::string_view kName = "\"resourceVersion\":\"";
  std::string text(object.body());
  auto begin = object.revision_offset() - kName.size(), end = object.revision_offset() + store::kRevisionSlotBytes;
  if (text[end] == ',') ++end;
  else if (text[begin - 1] == ',') --begin;
  return text.erase(begin, end - begin);
}

/// Answers the object as the call wants it: what a subresource of another kind answers has no table.
void show(const CallRef& call, int code, const store::ObjectRef& object) {
  const bool own = call->info.subresource.empty() || call->info.subresource == "status";
  if (call->form.as == Form::As::partial || (own && call->form.as == Form::As::table)) return send_transformed(call, code, object);
  if (object->revision() != 0) return call->object(code, object);
  if (call->record) audit_object(*call->record, object);
  call->json(code, without_revision(*object));
}

void written(const CallRef& call, verbs::Written result) {
  call->warnings.insert(call->warnings.end(), result.warnings.begin(), result.warnings.end());
  // Evictions and bindings are not about what becomes of their pod.
  const auto& subresource = call->info.subresource;
  if (result.created && (subresource == "eviction" || subresource == "binding" || call->kind->storage_key.text() == "bindings"))
    return call->json(201, R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","code":201})");
  show(call, result.created ? 201 : 200, result.object);
}

struct Prepared {
  verbs::WriteOptions write;
  verbs::Body body;
};

/// Upstream sends warnings when they are found, whatever becomes of the request.
void tells_warnings(const CallRef& call) { call->context.failure_warnings = std::make_shared<std::vector<std::string>>(); }

// Options and body of a create or update; nullopt: answered.
std::optional<Prepared> prepare(const CallRef& call, std::string_view options_kind) {
  auto body = read_body(call->request.header("Content-Type"), std::move(call->request.body));
  if (!body) return call->fail(body.error()), std::nullopt;
  auto options = write_query(call->query, options_kind);
  if (!options) return call->fail(options.error()), std::nullopt;
  if (!options->field_manager.empty()) call->context.field_manager = std::move(options->field_manager);
  tells_warnings(call);
  return Prepared{options->write, std::move(*body)};
}

void deleted(const CallRef& call, const verbs::DeleteOptions& options, verbs::Written result) {
  call->warnings.insert(call->warnings.end(), result.warnings.begin(), result.warnings.end());
  if (options.ignore_read_error) return call->json(200, R"({"kind":"Status","apiVersion":"v1","metadata":{},"status":"Success","details":{"name":)" + quoted(call->info.name) + ",\"kind\":" + quoted(call->kind->kind) + "},\"code\":200}");
  if (result.gone && !answers_deleted_object(*call->kind)) return call->json(200, success_status(*call->kind, *result.object));
  const bool accepted = !result.gone && options.orphan_dependents && !*options.orphan_dependents;
  show(call, accepted ? 202 : 200, result.object);
}

base::Outcome<verbs::DeleteOptions> delete_options(const CallRef& call) {
  base::Outcome<verbs::Body> body = verbs::Body{};
  if (!call->request.body.empty()) body = read_body(call->request.header("Content-Type"), std::move(call->request.body));
  if (!body) return body.error();
  auto options = delete_query(call->query, *body);
  if (options && !options->propagation && !options->orphan_dependents && call->kind->storage_key.text() == "jobs.batch")
    call->warnings.emplace_back("child pods are preserved by default when jobs are deleted; set propagationPolicy=Background to remove them or set propagationPolicy=Orphan to suppress this warning");
  return options;
}

// A Binding is never stored: one that is created binds the pod of its name.
base::Outcome<verbs::Target> create_target(const Call& call, const verbs::Body& body) {
  auto target = call.target();
  if (call.kind->storage_key.text() != "bindings") return target;
  const auto binding = kinds::parse(body.media, body.bytes, {});
  if (!binding) return binding.error();
  target.name = auth::text_at(*binding, {"metadata", "name"});
  target.subresource = "binding";
  target.kind = call.core.parts.registry.current()->find("", "v1", "pods");
  return target;
}

}  // namespace

void answer_create(const CallRef& call) {
  auto prepared = prepare(call, "CreateOptions");
  if (!prepared) return;
  auto target = create_target(*call, prepared->body);
  if (!target) return call->fail(target.error());
  call->core.parts.verbs.create(call->context, std::move(*target), std::move(prepared->body), prepared->write,
                                call->then<verbs::Written>([](const CallRef& self, verbs::Written result) {
                                  result.created = true;
                                  written(self, std::move(result));
                                }));
}

void answer_update(const CallRef& call) {
  auto prepared = prepare(call, "UpdateOptions");
  if (!prepared) return;
  call->core.parts.verbs.update(call->context, call->target(), std::move(prepared->body), prepared->write,
                                call->then<verbs::Written>([](const CallRef& self, verbs::Written result) { written(self, std::move(result)); }));
}

void answer_patch(const CallRef& call) {
  const auto form = patch_form(call->request.header("Content-Type"), call->kind->strategy.custom_resource);
  if (!form) return call->fail(form.error());
  auto options = write_query(call->query, "PatchOptions", form->type == kinds::PatchType::apply);
  if (!options) return call->fail(options.error());
  if (!options->field_manager.empty()) call->context.field_manager = std::move(options->field_manager);
  tells_warnings(call);
  call->core.parts.verbs.patch(call->context, call->target(), form->type, {form->media, std::move(call->request.body)}, options->write,
                               call->then<verbs::Written>([](const CallRef& self, verbs::Written result) { written(self, std::move(result)); }));
}

void answer_delete(const CallRef& call) {
  auto options = delete_options(call);
  if (!options) return call->fail(options.error());
  tells_warnings(call);
  call->core.parts.verbs.remove(call->context, call->target(), *options,
                                call->then<verbs::Written>([options = *options](const CallRef& self, verbs::Written result) { deleted(self, options, std::move(result)); }));
}

void answer_delete_collection(const CallRef& call) {
  auto which = list_query(call->info, call->query, *call->kind);
  if (!which) return call->fail(which.error());
  auto options = delete_options(call);
  if (!options) return call->fail(options.error());
  if (options->ignore_read_error)
    return call->fail(base::invalid("meta.k8s.io", "DeleteOptions", "", {{"FieldValueInvalid", "Invalid value: true: is not allowed with DELETECOLLECTION, try again after removing the option", "ignoreStoreReadErrorWithClusterBreakingPotential"}}));
  call->core.parts.verbs.remove_collection(call->context, call->target(), std::move(which->list), *options,
                                           call->then<verbs::Listed>([](const CallRef& self, verbs::Listed listed) { send_list(self, std::move(listed), false); }));
}

}  // namespace keelson::api

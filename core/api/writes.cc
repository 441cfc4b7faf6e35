// POST, PUT, PATCH and DELETE of resources.
#include <algorithm>

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

void written(const CallRef& call, verbs::Written result) {
  call->warnings.insert(call->warnings.end(), result.warnings.begin(), result.warnings.end());
  const int code = result.created ? 201 : 200;
  if (call->form.as == Form::As::partial) {
    std::string text;
    append_partial(text, *result.object, call->form.version);
    return call->json(code, std::move(text));
  }
  call->object(code, result.object);
}

struct Prepared {
  verbs::WriteOptions write;
  verbs::Body body;
};

// Options and body of a create or update; nullopt: answered.
std::optional<Prepared> prepare(const CallRef& call, std::string_view options_kind) {
  auto body = read_body(call->request.header("Content-Type"), std::move(call->request.body));
  if (!body) return call->fail(body.error()), std::nullopt;
  auto options = write_query(call->query, options_kind);
  if (!options) return call->fail(options.error()), std::nullopt;
  if (!options->field_manager.empty()) call->context.field_manager = std::move(options->field_manager);
  return Prepared{options->write, std::move(*body)};
}

void deleted(const CallRef& call, const verbs::DeleteOptions& options, verbs::Written result) {
  call->warnings.insert(call->warnings.end(), result.warnings.begin(), result.warnings.end());
  if (result.gone && !answers_deleted_object(*call->kind)) return call->json(200, success_status(*call->kind, *result.object));
  const bool accepted = !result.gone && options.orphan_dependents && !*options.orphan_dependents;
  call->object(accepted ? 202 : 200, result.object);
}

base::Outcome<verbs::DeleteOptions> delete_options(const CallRef& call) {
  if (call->request.body.empty()) return delete_query(call->query, {});
  const auto body = read_body(call->request.header("Content-Type"), std::move(call->request.body));
  if (!body) return body.error();
  return delete_query(call->query, *body);
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
                                call->then<verbs::Written>([call](verbs::Written result) {
                                  result.created = true;
                                  written(call, std::move(result));
                                }));
}

void answer_update(const CallRef& call) {
  auto prepared = prepare(call, "UpdateOptions");
  if (!prepared) return;
  call->core.parts.verbs.update(call->context, call->target(), std::move(prepared->body), prepared->write,
                                call->then<verbs::Written>([call](verbs::Written result) { written(call, std::move(result)); }));
}

void answer_patch(const CallRef& call) {
  const auto form = patch_form(call->request.header("Content-Type"), call->kind->strategy.custom_resource);
  if (!form) return call->fail(form.error());
  auto options = write_query(call->query, "PatchOptions", form->type == kinds::PatchType::apply);
  if (!options) return call->fail(options.error());
  if (!options->field_manager.empty()) call->context.field_manager = std::move(options->field_manager);
  call->core.parts.verbs.patch(call->context, call->target(), form->type, {form->media, std::move(call->request.body)}, options->write,
                               call->then<verbs::Written>([call](verbs::Written result) { written(call, std::move(result)); }));
}

void answer_delete(const CallRef& call) {
  auto options = delete_options(call);
  if (!options) return call->fail(options.error());
  call->core.parts.verbs.remove(call->context, call->target(), *options,
                                call->then<verbs::Written>([call, options = *options](verbs::Written result) { deleted(call, options, std::move(result)); }));
}

void answer_delete_collection(const CallRef& call) {
  auto which = list_query(call->info, call->query, *call->kind);
  if (!which) return call->fail(which.error());
  auto options = delete_options(call);
  if (!options) return call->fail(options.error());
  call->core.parts.verbs.remove_collection(call->context, call->target(), std::move(which->list), *options,
                                           call->then<verbs::Listed>([call](verbs::Listed listed) { send_list(call, std::move(listed), false); }));
}

}  // namespace keelson::api

#include "core/verbs/narrow_write.hpp"

#include "core/kinds/known_patches.hpp"
#include "core/kinds/patch/patch_reading.hpp"

namespace keelson::verbs {
namespace {

kinds::KnownPatches& known_of_thread() {
  static thread_local kinds::KnownPatches known;
  return known;
}

std::optional<kinds::Narrowed> read_and_narrow(const kinds::NarrowWrite& write, kinds::PatchType type, std::string_view patch_json, kinds::FieldValidation validation, const json::storage_ptr& memory) {
  auto patch = kinds::read_patch(kinds::Media::json, type, patch_json, memory);
  if (!patch || !patch->complaints.empty()) return std::nullopt;
  auto out = kinds::narrow_patch(write, type, patch->value, validation, memory);
  if (out) known_of_thread().remember(write, type, patch_json, validation, *out, memory);
  return out;
}

}  // namespace

kinds::ManagerInfo manager_of(const Context& context, std::string_view subresource, std::int64_t now_unix_s) {
  const auto& plugin = context.user.plugin;
  return {!context.field_manager.empty() ? context.field_manager : !plugin.empty() ? plugin : "unknown", std::string(subresource), now_unix_s};
}

store::CauseRef cause_of(const Context& context) {
  return std::make_shared<const store::Cause>(store::Cause{context.user.plugin.empty() ? context.user.name : "plugin:" + context.user.plugin, context.request_id, context.trigger});
}

bool narrows_as_stored(const kinds::Kind& kind, const store::Object& object) { return object.columns().schema_epoch == kind.schema_epoch && !object.deleting(); }

kinds::NarrowWrite narrow_write(const kinds::Kind& kind, std::string_view subresource, const store::Object& existing, kinds::ManagerInfo manager) {
  const auto& columns = existing.columns();
  return {kind, subresource, existing.body(), columns.fields, columns.key.ns, columns.key.name, columns.uid, std::move(manager)};
}

std::optional<kinds::Narrowed> narrow_patch(const kinds::NarrowWrite& write, kinds::PatchType type, std::string_view patch_json, kinds::FieldValidation validation, const json::storage_ptr& memory, kinds::LastCredited* last) {
  if (type != kinds::PatchType::merge && type != kinds::PatchType::strategic) return std::nullopt;
  const auto fits = [](const kinds::Narrowed& narrowed) { return narrowed.body.size() <= store::kObjectBytesMax; };
  if (auto out = kinds::stamped(write, patch_json, memory, last); out && fits(*out)) return out;
  if (auto out = known_of_thread().find(write, type, patch_json, validation); out && fits(*out)) return out;
  if (auto out = read_and_narrow(write, type, patch_json, validation, memory); out && fits(*out)) return out;
  return std::nullopt;
}

store::Draft narrowed_draft(const store::Object& existing, kinds::Narrowed narrowed) { return {existing, narrowed.body, narrowed.fields ? &*narrowed.fields : nullptr}; }

}  // namespace keelson::verbs

#include "core/verbs/versions.hpp"

#include <algorithm>

#include "core/kinds/convert/convert.hpp"

namespace keelson::verbs {
namespace {

store::ObjectRef printed(const kinds::Kind& kind, const json::value& value, const store::Object& from) {
  auto encoded = kinds::encode(kind, value, store::kRevisionSlotBytes);
  return store::Draft(columns_of(kind, value), encoded.body, encoded.revision_offset).freeze(from.revision());
}

}  // namespace

base::Outcome<store::ObjectRef> in_form_of(const Core& core, const kinds::Kind& kind, store::ObjectRef object) {
  if (!object || object->columns().schema_epoch == kind.schema_epoch) return object;
  auto value = core.decoded(kind, *object, {});
  if (!value) return value.error();
  return printed(kind, *value, *object);
}

base::Outcome<store::ObjectRef> in_form_of_value(const kinds::Kind& kind, json::value value, const store::Object& object) {
  auto current = kinds::decode_value(kind, std::move(value), kinds::FieldValidation::ignore);
  if (!current) return current.error();
  kinds::apply_defaults(kind, current->object);
  return printed(kind, current->object, object);
}

bool answers_object(const Target& target) {
  if (target.subresource.empty()) return true;
  const auto* subresource = target.kind->subresource(target.subresource);
  return subresource && subresource->kind == target.kind->kind;
}

base::Outcome<void> over_stored(const kinds::Kind& kind, const kinds::Kind& storage, watch::Selector& selector) {
  if (kind.version == storage.version && kind.group == storage.group) return {};
  for (auto& requirement : selector.fields) {
    if (requirement.target != watch::FieldRequirement::Target::column) continue;
    const auto& asked = kind.selectable_fields[requirement.column];
    const auto& fields = storage.selectable_fields;
    const auto found = std::find(fields.begin(), fields.end(), kinds::converted_field(kind, storage, asked));
    if (found == fields.end()) return base::bad_request("field label not supported: " + asked);
    requirement.column = static_cast<std::size_t>(found - fields.begin());
  }
  return {};
}

}  // namespace keelson::verbs

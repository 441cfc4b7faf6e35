// Narrow writes (core/kinds/narrow.hpp) as steps make them: of what is stored, by whom, into what is to be stored.
//
// Threads: any, stateless. Ownership: a NarrowWrite refers to the object and kind that it was made of. Errors: none.
#pragma once
#include "core/kinds/stamps.hpp"
#include "core/verbs/core.hpp"

namespace keelson::verbs {

kinds::ManagerInfo manager_of(const Context& context, std::string_view subresource, std::int64_t now_unix_s);
store::CauseRef cause_of(const Context& context);

/// Whether its text is that which the kind prints today, and a write leaves it there.
bool narrows_as_stored(const kinds::Kind& kind, const store::Object& object);
kinds::NarrowWrite narrow_write(const kinds::Kind& kind, std::string_view subresource, const store::Object& existing, kinds::ManagerInfo manager);
/// Nullopt: it has to be read and judged whole. `last`: see kinds::stamped().
std::optional<kinds::Narrowed> narrow_patch(const kinds::NarrowWrite& write, kinds::PatchType type, std::string_view patch_json, kinds::FieldValidation validation, const json::storage_ptr& memory, kinds::LastCredited* last = nullptr);
store::Draft narrowed_draft(const store::Object& existing, kinds::Narrowed narrowed);

}  // namespace keelson::verbs

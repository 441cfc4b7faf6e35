// Narrow writes: a patch of one member of an object whose rules look at nothing else is worked out on that member alone, and so is an
// update that says of the rest what is stored. The rest stays the text that it is: it is neither read nor judged nor printed again.
//
// Invariants: what comes out is, byte for byte, what decode, patch, defaults, record_update, rules and encode make of the whole
//   object. Whatever is not plain (a write of anything else, a kind whose members are not known to be judged alone, a value that does
//   not fit, a complaint) is answered with nullopt: the whole way is taken, which also tells what is wrong.
// Threads: any, stateless. Ownership: what comes out refers to nothing. Errors: none.
#pragma once
#include <optional>
#include <span>

#include "core/kinds/engine.hpp"

namespace keelson::kinds {

/// The one member that a write through `subresource` may set and whose rules look at nothing of the object beside it but texts that
/// are selectable fields; "": there is none.
std::string_view judged_alone(const Kind& kind, std::string_view subresource);
/// validate() of an object that has no more than that member and those texts.
std::vector<base::Cause> validate_alone(const Kind& kind, const json::value& object, const json::value& old, std::string_view subresource);
/// apply_defaults() where no member of `object` but one is of interest.
void apply_member_defaults(const Kind& kind, std::string_view member, json::value& object);

/// An object as it is stored, and who writes to it.
struct NarrowWrite {
  const Kind& kind;                       ///< of that form, in which the write is, too
  std::string_view subresource;
  std::string_view stored;                ///< as encode() printed it
  std::span<const std::string_view> fields;   ///< its selectable values
  std::string_view ns, name, uid;         ///< its identity, which a write may repeat
  ManagerInfo manager;
};
struct Narrowed {
  bool changes = false;
  std::string body{};                     ///< with the revision's slot where it was; "" unless it changes
  std::optional<std::vector<std::string>> fields{};   ///< none: they stay
};
/// Takes apart what it is given.
std::optional<Narrowed> narrow_patch(const NarrowWrite& write, PatchType type, json::value& patch, FieldValidation validation, const json::storage_ptr& memory);
/// `sent`: the object as decode() gives it, whose revision has been looked at.
std::optional<Narrowed> narrow_update(const NarrowWrite& write, const json::value& sent, const json::storage_ptr& memory);

}  // namespace keelson::kinds

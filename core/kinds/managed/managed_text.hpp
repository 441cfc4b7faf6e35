// Managed text: the printed entries of metadata.managedFields after a write that changes no entry's fields: its manager owns already
// what it sets, so that no more than the time of its entry moves, or has none yet and gets one for what nobody owned.
//
// Invariants: what comes out is what record_update() (engine.hpp) and encode() make of the same entries; nullopt where a set changes
//   or where that cannot be told from the text.
// Threads: any, stateless.
#pragma once
#include <optional>
#include <string>
#include <string_view>

#include "core/kinds/managed/field_compare.hpp"
#include "core/kinds/managed/managed_fields.hpp"

namespace keelson::kinds {

struct CreditedText {
  std::string entries;
  bool more = false;   ///< there is a new one; else all fields are managed as they were
};
std::optional<CreditedText> credited_text(std::string_view entries, const Comparison& change, const EntryName& by, std::int64_t now_unix_s);

}  // namespace keelson::kinds

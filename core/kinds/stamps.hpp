// Stamps: a patch that sets nothing but times which no rule looks at, as the renewal of a lease does. Written as plainly as it can be, it
// is not even read as JSON: its times are put into the stored text at the places of those that stand there.
//
// Invariants: what comes out is what narrow_patch() makes of the same patch; nullopt where that cannot be told so easily. The rest of what
//   is stored was judged when it was written.
// Threads: any, stateless. Ownership: what comes out refers to nothing. Errors: none.
#pragma once
#include "core/kinds/narrow.hpp"

namespace keelson::kinds {

/// The member judged alone of whose times no rule, default or warning takes notice; "": there is none.
std::string_view judged_without_times(const Kind& kind, std::string_view subresource);

/// What the last stamps of one writer made of metadata.managedFields, for those that it sets together: what was renewed together is
/// mostly renewed together again, and says the same there.
struct LastCredited {
  std::string entries, credited;        ///< "": none so far
  std::vector<std::string> names;       ///< of the stamps
  std::int64_t now_unix_s = 0;
};

/// `patch`: of type merge or strategic, as it was sent. `last`: of writes by the same manager to objects of the same kind; null: this is one.
std::optional<Narrowed> stamped(const NarrowWrite& write, std::string_view patch, const json::storage_ptr& memory, LastCredited* last = nullptr);

}  // namespace keelson::kinds

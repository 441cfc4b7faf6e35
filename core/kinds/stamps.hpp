// Stamps: a write that sets nothing but times and texts which no rule looks at, as the renewal of a lease does. Written as plainly as it
// can be, it is not even read as JSON: they are put into the stored text at the places of those that stand there.
//
// Invariants: what comes out is what narrow_patch() makes of the same patch, narrow_update() of the same object; nullopt where that cannot
//   be told so easily. The rest of what is stored was judged when it was written.
// Threads: any; each remembers the last thing that it has credited. Ownership: what comes out refers to nothing. Errors: none.
#pragma once
#include "core/kinds/narrow.hpp"

namespace keelson::kinds {

/// The member judged alone of whose times and texts no rule, default or warning takes notice unless they are empty; "": there is none.
std::string_view judged_without_texts(const Kind& kind, std::string_view subresource);

/// What the last stamps made of metadata.managedFields: the same writer mostly writes the same again, and all who hold a lease as one
/// manager differ in its entry's time at most.
struct LastCredited {
  std::string entries, credited;        ///< "": none so far
  std::size_t time_at = 0;              ///< of both, where that is all that changes; 0: it is not
  std::vector<std::string> names;       ///< of the stamps
  std::string kind, group, version, manager, subresource;
  std::int64_t now_unix_s = 0;
};

/// `patch`: of type merge or strategic, as it was sent. `last`: of writes before it; null: of this thread's.
std::optional<Narrowed> stamped(const NarrowWrite& write, std::string_view patch, const json::storage_ptr& memory, LastCredited* last = nullptr);

/// `sent`: the whole object as JSON, at the stored `revision`: member by member, in any order, the text that is stored, but for stamps.
std::optional<Narrowed> sent_back(const NarrowWrite& write, std::string_view sent, std::string_view revision, const json::storage_ptr& memory);

}  // namespace keelson::kinds

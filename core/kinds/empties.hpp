// Empties: lists and maps without elements, between which and none a built-in kind makes no difference once it is stored.
//
// Threads: any, pure function.
#pragma once
#include "core/kinds/engine.hpp"

namespace keelson::kinds {

/// Takes empty lists and maps out of an object that is about to be stored: who wrote them owns them, but they are shown as null.
/// `settled`: a member that has none; "": not known of any.
void forget_empty(const Kind& kind, json::value& object, std::string_view settled = {});

}  // namespace keelson::kinds

// Versions: stored objects in the form of the version that was asked for, and brought up to date when their schema has changed since.
//
// Invariants: stored bytes are served bytes whenever they are in the form that was asked for. An object in another form has the key,
//   revision and cause of the stored one.
// Threads: any, stateless. Ownership: results are the caller's.
#pragma once
#include "core/verbs/core.hpp"

namespace keelson::verbs {

/// `object` in the form of `kind`; itself when it is. 500 InternalError when it cannot be read.
base::Outcome<store::ObjectRef> in_form_of(const Core& core, const kinds::Kind& kind, store::ObjectRef object);
/// `value`, read from `object` and converted, as an object in the form of `kind`: pruned, defaulted and printed.
base::Outcome<store::ObjectRef> in_form_of_value(const kinds::Kind& kind, json::value value, const store::Object& object);
/// True when what a target answers is the object itself, in one form or another (not Scale, TokenRequest ...).
bool answers_object(const Target& target);
/// A selector over fields of `kind` becomes one over the columns that are stored. 400 when they are not.
base::Outcome<void> over_stored(const kinds::Kind& kind, const kinds::Kind& storage, watch::Selector& selector);

}  // namespace keelson::verbs

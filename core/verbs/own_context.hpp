// own_context: requests that the server makes itself, past authorization as upstream's own loopback client is.
//
// Threads: any. Ownership: values. Errors: none.
#pragma once
#include <string>

#include "core/verbs/verbs.hpp"

namespace keelson::verbs {

/// `part` of the server is told apart in logs and audit by its request id; `manager` owns the fields that it writes.
Context own_context(std::string part, std::string user = "system:apiserver", std::string manager = "keelson");
/// The same, because of what was stored at `trigger`: audit and the watch log keep it as the cause.
Context caused_by(store::Revision trigger, Context context);

}  // namespace keelson::verbs

// durable_file: directories and small files that a power failure leaves whole: the old state or the new one, name included.
//
// Invariants: what returned without an error is on the disk, and so is each name on the way to it.
// Threads: any; two writers of one path at once are the caller's fault. Errors: 500 with the call, the path and the system's reason.
#pragma once
#include <sys/types.h>

#include <string>

#include "core/base/error.hpp"

namespace keelson::base {

/// Makes what is missing of a path, each new part with this mode; what is there stays as it is.
Outcome<void> make_durable_directory(const std::string& path, mode_t mode);

/// Replaces a file at once. A `<path>.new` may be left behind by a failure; it never is by a success.
Outcome<void> write_durable_file(const std::string& path, const std::string& text, mode_t mode);

}  // namespace keelson::base

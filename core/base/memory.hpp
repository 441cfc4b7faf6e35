// Memory of the process as a whole.
//
// Threads: any.
#pragma once

namespace keelson::base {

/// Gives what was freed back to the system: after work that needed much more than what goes on does. Takes about a millisecond.
void give_back_memory();

}  // namespace keelson::base

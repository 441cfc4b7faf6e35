// Memory of the process as a whole.
//
// Threads: any.
#pragma once

namespace keelson::base {

/// Gives what was freed back to the system: after work that needed much more than what goes on does. Takes about a millisecond.
void give_back_memory();

/// Fewer of the allocator's arenas than it would make, one for two processors: what one thread allocates and another frees then
/// mostly stays in one, and the first grows by steps of its own instead of by pages. Before there are threads.
void keep_few_arenas();

}  // namespace keelson::base

#include "core/base/memory.hpp"

#include <malloc.h>
#include <unistd.h>

#include <algorithm>

namespace keelson::base {

void give_back_memory() { ::malloc_trim(0); }

void keep_few_arenas() {
  static constexpr long kProcessorsPerArena = 2;
  ::mallopt(M_ARENA_MAX, static_cast<int>(std::max(1L, ::sysconf(_SC_NPROCESSORS_ONLN) / kProcessorsPerArena)));
}

}  // namespace keelson::base

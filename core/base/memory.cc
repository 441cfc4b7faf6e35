#include "core/base/memory.hpp"

#include <malloc.h>

namespace keelson::base {

void give_back_memory() { ::malloc_trim(0); }

}  // namespace keelson::base

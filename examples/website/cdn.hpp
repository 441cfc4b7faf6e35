// The content network of the example: in memory, always there. A real one is a request that may fail; then answer false
// and the finalizer is tried again.
#pragma once
#include <string>

namespace cdn {

inline bool purge(const std::string& site) { return !site.empty(); }

}  // namespace cdn

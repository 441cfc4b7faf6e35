// Throws where it should declare what it adds.
#include <keelson/plugin.hpp>

KEELSON_PLUGIN("throws-in-start", "0.0.1", setup) { throw std::runtime_error("the sky is falling"); }

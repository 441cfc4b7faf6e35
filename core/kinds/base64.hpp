// Base64 under the names that the rules of kinds use.
#pragma once
#include "core/base/base64.hpp"

namespace keelson::kinds {
using base::base64_decode;
using base::base64_decoded_size;
using base::base64_encode;
}  // namespace keelson::kinds

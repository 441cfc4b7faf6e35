// Quantity under the name that the rules of kinds use.
#pragma once
#include "core/base/quantity.hpp"

namespace keelson::kinds {
using base::Quantity;
}  // namespace keelson::kinds

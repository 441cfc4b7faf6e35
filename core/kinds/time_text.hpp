// Times and durations under the names that the rules of kinds use.
#pragma once
#include "core/base/instant.hpp"

namespace keelson::kinds {
using base::age_text;
using base::duration_text;
using base::human_duration;
using base::Instant;
using base::micro_time_text;
using base::parse_duration;
using base::parse_time;
using base::time_text;
}  // namespace keelson::kinds

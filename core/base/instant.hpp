// Times and durations as text: RFC 3339 in, canonical UTC out; Go's durations; ages as kubectl prints them.
//
// Threads: any, stateless. Errors: an empty optional.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keelson::base {

struct Instant {
  std::int64_t seconds = 0;   ///< since 1970, UTC
  std::int32_t nanos = 0;
};

/// RFC 3339 with any offset and fraction.
std::optional<Instant> parse_time(std::string_view text);
std::string time_text(std::int64_t unix_s);                 ///< 2006-01-02T15:04:05Z
std::string micro_time_text(const Instant& instant);        ///< 2006-01-02T15:04:05.000000Z

/// Go's form, "1h30m0s", in nanoseconds.
std::optional<std::int64_t> parse_duration(std::string_view text);
std::string duration_text(std::int64_t nanos);

/// A duration for humans: 5s, 3m12s, 2d4h.
std::string human_duration(std::int64_t seconds);
/// How long ago `time` (RFC 3339) was; `otherwise` when it is empty.
std::string age_text(std::string_view time, std::int64_t now_unix_s, std::string_view otherwise = "<unknown>");

}  // namespace keelson::base

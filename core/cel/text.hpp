// Numbers, durations, times and characters as CEL reads and prints them (Go's forms).
//
// Threads: any, stateless. Errors: an empty optional.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/cel/value.hpp"

namespace keelson::cel {

std::string double_text(double value);               ///< %g with the shortest digits that read back
std::string plain_double_text(double value);         ///< never with an exponent
std::string duration_seconds_text(std::int64_t nanos);   ///< "3.5s"
std::string moment_text(const Moment& moment);       ///< RFC 3339 in UTC, with as many digits of a second as needed
std::optional<double> parse_double(std::string_view text);
std::optional<std::int64_t> parse_int(std::string_view text);
std::optional<std::uint64_t> parse_uint(std::string_view text);

/// timestamp("...") and the formats date and date-time.
std::optional<Moment> parse_timestamp(std::string_view text);
std::optional<Moment> parse_date(std::string_view text);
std::optional<Moment> parse_date_time(std::string_view text);
/// The format "duration": Go's form, or "3 days".
std::optional<std::int64_t> parse_format_duration(std::string_view text);
/// Go's form, exact to the nanosecond.
std::optional<std::int64_t> parse_duration(std::string_view text);

inline constexpr std::int64_t kMomentMin = -62'135'596'800, kMomentMax = 253'402'300'799;   ///< years 1 to 9999
bool in_range(const Moment& moment);

/// The parts of a time, local to an offset.
struct Calendar {
  std::int64_t year;
  int month, day, year_day, week_day, hour, minute, second;   ///< month, day from 1; year_day from 0; Sunday is 0
};
Calendar calendar(std::int64_t unix_s);
/// Seconds east of UTC of "UTC", "+01:00" or an IANA name at that time; the fault in `why`.
std::optional<std::int64_t> zone_offset(std::string_view zone, std::int64_t unix_s, std::string& why);

/// Number of code points; each broken byte counts as one.
std::size_t count_characters(std::string_view text);
bool valid_utf8(std::string_view text);
/// Byte offset of each character, and the end.
std::vector<std::size_t> character_offsets(std::string_view text);
void append_utf8(std::string& text, char32_t character);
/// Decodes one character at `at`; `length` gets its bytes. 0xFFFD with length 1 for a broken byte.
char32_t decode_character(std::string_view text, std::size_t at, std::size_t& length);

}  // namespace keelson::cel

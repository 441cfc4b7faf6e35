// The parts of runtime.hpp that only print: times, UUIDs and name suffixes.
#include <fmt/format.h>

#include "core/base/runtime.hpp"

namespace keelson::base {
namespace {

constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::int64_t kMicrosPerSecond = 1'000'000;

std::int64_t floor_div(std::int64_t a, std::int64_t b) { return a / b - (a % b < 0 ? 1 : 0); }

struct Date {
  std::int64_t year;
  unsigned month, day;
};

// Proleptic Gregorian date from days since 1970-01-01, counted in 400-year eras that begin on March 1.
Date date_of(std::int64_t days) {
  constexpr std::int64_t kDaysToMarch0000 = 719'468, kDaysPerEra = 146'097;
  days += kDaysToMarch0000;
  const std::int64_t era = floor_div(days, kDaysPerEra);
  const auto day_of_era = static_cast<unsigned>(days - era * kDaysPerEra);
  const unsigned year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36'524 - day_of_era / 146'096) / 365;
  const unsigned day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
  const unsigned shifted_month = (5 * day_of_year + 2) / 153;
  const unsigned month = shifted_month < 10 ? shifted_month + 3 : shifted_month - 9;
  return {era * 400 + year_of_era + (month <= 2 ? 1 : 0), month, day_of_year - (153 * shifted_month + 2) / 5 + 1};
}

std::string without_zone(std::int64_t unix_s) {
  const std::int64_t days = floor_div(unix_s, kSecondsPerDay);
  const std::int64_t second = unix_s - days * kSecondsPerDay;
  const Date date = date_of(days);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", date.year, date.month, date.day, second / 3600, second / 60 % 60, second % 60);
}

}  // namespace

std::string rfc3339(std::int64_t unix_s) { return without_zone(unix_s) + "Z"; }

std::string rfc3339_micro(std::int64_t unix_us) {
  const std::int64_t seconds = floor_div(unix_us, kMicrosPerSecond);
  return fmt::format("{}.{:06}Z", without_zone(seconds), unix_us - seconds * kMicrosPerSecond);
}

std::string uuid_v4(Runtime& runtime) {
  const std::uint64_t high = (runtime.random_u64() & ~0xF000ull) | 0x4000ull;
  const std::uint64_t low = (runtime.random_u64() & ~(3ull << 62)) | (2ull << 62);
  return fmt::format("{:08x}-{:04x}-{:04x}-{:04x}-{:012x}", high >> 32, (high >> 16) & 0xFFFF, high & 0xFFFF, low >> 48, low & 0xFFFF'FFFF'FFFFull);
}

std::string name_suffix(Runtime& runtime, int length) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (int i = 0; i < length; ++i) out += kAlphabet[runtime.random_u64() % kAlphabet.size()];
  return out;
}

}  // namespace keelson::base

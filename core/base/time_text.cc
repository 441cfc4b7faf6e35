// The parts of runtime.hpp that only print: times, UUIDs and name suffixes.
#include <fmt/format.h>

#include "core/base/runtime.hpp"

namespace keelson::base {
namespace {

constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr std::int64_t kMicrosPerSecond = 1'000'000;
constexpr std::size_t kTimeBytes = 28;   // with microseconds and zone

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

// Every write prints a time and two UUIDs, so these digits are put by hand.
void put_decimal(char* at, int digits, std::uint64_t number) {
  for (int i = digits; i-- > 0; number /= 10) at[i] = static_cast<char>('0' + number % 10);
}

void put_hex(char* at, int digits, std::uint64_t number) {
  for (int i = digits; i-- > 0; number >>= 4) at[i] = "0123456789abcdef"[number & 15];
}

std::string without_zone(std::int64_t unix_s) {
  const std::int64_t days = floor_div(unix_s, kSecondsPerDay);
  const auto second = static_cast<std::uint64_t>(unix_s - days * kSecondsPerDay);
  const Date date = date_of(days);
  if (date.year < 0 || date.year > 9999) return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}", date.year, date.month, date.day, second / 3600, second / 60 % 60, second % 60);
  std::string out;
  out.reserve(kTimeBytes);
  out = "0000-00-00T00:00:00";
  put_decimal(out.data(), 4, static_cast<std::uint64_t>(date.year));
  put_decimal(out.data() + 5, 2, date.month);
  put_decimal(out.data() + 8, 2, date.day);
  put_decimal(out.data() + 11, 2, second / 3600);
  put_decimal(out.data() + 14, 2, second / 60 % 60);
  put_decimal(out.data() + 17, 2, second % 60);
  return out;
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
  std::string out(36, '-');
  put_hex(out.data(), 8, high >> 32);
  put_hex(out.data() + 9, 4, high >> 16);
  put_hex(out.data() + 14, 4, high);
  put_hex(out.data() + 19, 4, low >> 48);
  put_hex(out.data() + 24, 12, low);
  return out;
}

std::string name_suffix(Runtime& runtime, int length) {
  constexpr std::string_view kAlphabet = "bcdfghjklmnpqrstvwxz2456789";
  std::string out;
  for (int i = 0; i < length; ++i) out += kAlphabet[runtime.random_u64() % kAlphabet.size()];
  return out;
}

}  // namespace keelson::base

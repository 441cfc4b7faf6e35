#include "core/base/instant.hpp"

#include <array>
#include <chrono>
#include <cmath>
#include <cstdio>

namespace keelson::base {
namespace {

constexpr std::int64_t kMinute = 60, kHour = 3600, kDay = 86'400, kYear = 365 * kDay;

// Reads `count` digits at `from`; -1 when there are none.
int number(std::string_view text, std::size_t from, std::size_t count) {
  if (from + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = from; i < from + count; ++i) {
    if (text[i] < '0' || text[i] > '9') return -1;
    value = value * 10 + (text[i] - '0');
  }
  return value;
}

struct Clock {
  int hour, minute, second;
};

std::optional<std::int64_t> read_day(std::string_view text) {
  const int year = number(text, 0, 4), month = number(text, 5, 2), day = number(text, 8, 2);
  if (year < 0 || month < 1 || day < 1 || text[4] != '-' || text[7] != '-') return std::nullopt;
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (!date.ok()) return std::nullopt;
  return std::chrono::sys_days(date).time_since_epoch().count();
}

std::optional<std::int64_t> read_offset(std::string_view text) {
  if (text == "Z") return 0;
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  const int hours = number(text, 1, 2), minutes = number(text, 4, 2);
  if (hours < 0 || hours > 24 || minutes < 0 || minutes > 59) return std::nullopt;
  return (text[0] == '-' ? -1 : 1) * (hours * kHour + minutes * kMinute);
}

// By hand: every write reads and prints a time or two.
void put_digits(std::string& text, std::size_t at, std::size_t digits, unsigned number) {
  for (; digits-- > 0; number /= 10) text[at + digits] = static_cast<char>('0' + number % 10);
}

std::string date_text(std::int64_t unix_s) {
  const std::int64_t days = unix_s >= 0 ? unix_s / kDay : -((-unix_s + kDay - 1) / kDay);
  const std::int64_t rest = unix_s - days * kDay;
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  if (const int year = static_cast<int>(date.year()); year >= 0 && year <= 9999) {
    std::string text = "0000-00-00T00:00:00";
    put_digits(text, 0, 4, static_cast<unsigned>(year));
    put_digits(text, 5, 2, static_cast<unsigned>(date.month()));
    put_digits(text, 8, 2, static_cast<unsigned>(date.day()));
    put_digits(text, 11, 2, static_cast<unsigned>(rest / kHour));
    put_digits(text, 14, 2, static_cast<unsigned>(rest % kHour / kMinute));
    put_digits(text, 17, 2, static_cast<unsigned>(rest % kMinute));
    return text;
  }
  char buffer[48];
  std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()), static_cast<unsigned>(date.month()),
                static_cast<unsigned>(date.day()), static_cast<int>(rest / kHour), static_cast<int>(rest % kHour / kMinute), static_cast<int>(rest % kMinute));
  return buffer;
}

std::string two(std::int64_t first, char unit, std::int64_t second, char smaller) {
  auto text = std::to_string(first) + unit;
  if (second != 0) text += std::to_string(second) + smaller;
  return text;
}

struct Unit {
  std::string_view name;
  double nanos;
};
constexpr std::array kUnits{Unit{"ns", 1}, Unit{"us", 1e3}, Unit{"\xc2\xb5s", 1e3}, Unit{"ms", 1e6}, Unit{"s", 1e9}, Unit{"m", 6e10}, Unit{"h", 3.6e12}};

// One "1.5h" at the front of `text`; removes it.
std::optional<double> take_part(std::string_view& text) {
  double value = 0, scale = 1;
  std::size_t i = 0;
  bool any = false, point = false;
  for (; i < text.size() && ((text[i] >= '0' && text[i] <= '9') || (text[i] == '.' && !point)); ++i) {
    if (text[i] == '.') {
      point = true;
      continue;
    }
    any = true;
    if (point) scale /= 10;
    value = point ? value + (text[i] - '0') * scale : value * 10 + (text[i] - '0');
  }
  if (!any) return std::nullopt;
  auto end = i;
  while (end < text.size() && text[end] != '.' && (text[end] < '0' || text[end] > '9')) ++end;
  const auto name = text.substr(i, end - i);
  text.remove_prefix(end);
  for (const auto& unit : kUnits)
    if (unit.name == name) return value * unit.nanos;
  return std::nullopt;
}

}  // namespace

std::optional<Instant> parse_time(std::string_view text) {
  if (text.size() < 20 || (text[10] != 'T' && text[10] != 't') || text[13] != ':' || text[16] != ':') return std::nullopt;
  const auto day = read_day(text);
  const Clock clock{number(text, 11, 2), number(text, 14, 2), number(text, 17, 2)};
  if (!day || clock.hour < 0 || clock.hour > 23 || clock.minute < 0 || clock.minute > 59 || clock.second < 0 || clock.second > 59)
    return std::nullopt;
  std::size_t i = 19;
  std::int32_t nanos = 0;
  if (text[i] == '.' || text[i] == ',') {
    std::int32_t place = 100'000'000;
    const auto first = ++i;
    for (; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, place /= 10) nanos += (text[i] - '0') * place;
    if (i == first) return std::nullopt;
  }
  const auto offset = read_offset(text.substr(i));
  if (!offset) return std::nullopt;
  return Instant{*day * kDay + clock.hour * kHour + clock.minute * kMinute + clock.second - *offset, nanos};
}

std::string time_text(std::int64_t unix_s) { return date_text(unix_s) + "Z"; }

std::string micro_time_text(const Instant& instant) {
  char fraction[16];
  std::snprintf(fraction, sizeof fraction, ".%06dZ", static_cast<int>(instant.nanos / 1000));
  return date_text(instant.seconds) + fraction;
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  if (text.empty()) return std::nullopt;
  const bool negative = text[0] == '-';
  if (negative || text[0] == '+') text.remove_prefix(1);
  if (text == "0") return 0;
  if (text.empty()) return std::nullopt;
  double total = 0;
  while (!text.empty()) {
    const auto part = take_part(text);
    if (!part) return std::nullopt;
    total += *part;
  }
  if (total > 9.2e18) return std::nullopt;
  const auto nanos = static_cast<std::int64_t>(std::llround(total));
  return negative ? -nanos : nanos;
}

std::string duration_text(std::int64_t nanos) {
  if (nanos == 0) return "0s";
  std::string text = nanos < 0 ? "-" : "";
  auto rest = nanos < 0 ? -static_cast<std::uint64_t>(nanos) : static_cast<std::uint64_t>(nanos);
  const auto with_fraction = [](std::uint64_t value, std::uint64_t unit) {
    auto out = std::to_string(value / unit);
    if (value % unit == 0) return out;
    auto digits = std::to_string(unit + value % unit).substr(1);
    digits.erase(digits.find_last_not_of('0') + 1);
    return out + "." + digits;
  };
  if (rest < 1000) return text + std::to_string(rest) + "ns";
  if (rest < 1'000'000) return text + with_fraction(rest, 1000) + "\xc2\xb5s";
  if (rest < 1'000'000'000) return text + with_fraction(rest, 1'000'000) + "ms";
  const auto minutes = rest / 60'000'000'000;
  if (minutes >= 60) text += std::to_string(minutes / 60) + "h";
  if (minutes >= 1) text += std::to_string(minutes % 60) + "m";
  return text + with_fraction(rest % 60'000'000'000, 1'000'000'000) + "s";
}

std::string human_duration(std::int64_t seconds) {
  if (seconds < -1) return "<invalid>";
  if (seconds < 0) return "0s";
  if (seconds < 2 * kMinute) return std::to_string(seconds) + "s";
  const auto minutes = seconds / kMinute, hours = seconds / kHour, days = seconds / kDay, years = seconds / kYear;
  if (minutes < 10) return two(minutes, 'm', seconds % kMinute, 's');
  if (hours < 3) return std::to_string(minutes) + "m";
  if (hours < 8) return two(hours, 'h', minutes % 60, 'm');
  if (hours < 48) return std::to_string(hours) + "h";
  if (days < 8) return two(days, 'd', hours % 24, 'h');
  if (days < 2 * 365) return std::to_string(days) + "d";
  if (years < 8) return two(years, 'y', days % 365, 'd');
  return std::to_string(years) + "y";
}

std::string age_text(std::string_view time, std::int64_t now_unix_s, std::string_view otherwise) {
  if (time.empty()) return std::string(otherwise);
  const auto instant = parse_time(time);
  return instant ? human_duration(now_unix_s - instant->seconds) : std::string(otherwise);
}

}  // namespace keelson::base

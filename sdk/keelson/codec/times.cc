#include <array>
#include <charconv>
#include <chrono>

#include <keelson/codec/number.hpp>
#include <keelson/values.hpp>

namespace keelson {
namespace {

constexpr std::int64_t kMicro = 1'000'000, kNano = 1'000'000'000, kDayS = 86'400;

/// `digits` characters as a number; false when one of them is no digit.
bool take(std::string_view& text, int digits, int& out) {
  if (text.size() < static_cast<std::size_t>(digits)) return false;
  out = 0;
  for (int i = 0; i < digits; ++i) {
    if (text[static_cast<std::size_t>(i)] < '0' || text[static_cast<std::size_t>(i)] > '9') return false;
    out = out * 10 + (text[static_cast<std::size_t>(i)] - '0');
  }
  text.remove_prefix(static_cast<std::size_t>(digits));
  return true;
}

bool take(std::string_view& text, char wanted) {
  if (text.empty() || (text.front() != wanted && text.front() != wanted + ('a' - 'A'))) return false;   // t and z are legal
  text.remove_prefix(1);
  return true;
}

/// ".123456789" in microseconds, what is finer is cut off.
bool take_fraction(std::string_view& text, std::int64_t& micros) {
  if (text.empty() || text.front() != '.') return true;
  text.remove_prefix(1);
  std::int64_t unit = kMicro / 10;
  std::size_t count = 0;
  for (; count < text.size() && text[count] >= '0' && text[count] <= '9'; ++count, unit /= 10) micros += unit * (text[count] - '0');
  text.remove_prefix(count);
  return count > 0;
}

bool take_offset(std::string_view& text, std::int64_t& seconds) {
  if (take(text, 'Z')) return true;
  if (text.empty() || (text.front() != '+' && text.front() != '-')) return false;
  const int sign = text.front() == '-' ? -1 : 1;
  text.remove_prefix(1);
  int hours = 0, minutes = 0;
  if (!take(text, 2, hours) || !take(text, ':') || !take(text, 2, minutes) || hours > 23 || minutes > 59) return false;
  seconds = sign * (hours * 3600 + minutes * 60);
  return true;
}

/// Microseconds since 1970.
std::optional<std::int64_t> parse_rfc3339(std::string_view text) {
  int year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0;
  std::int64_t micros = 0, offset_s = 0;
  const bool read = take(text, 4, year) && take(text, '-') && take(text, 2, month) && take(text, '-') && take(text, 2, day) &&
                    take(text, 'T') && take(text, 2, hour) && take(text, ':') && take(text, 2, minute) && take(text, ':') &&
                    take(text, 2, second) && take_fraction(text, micros) && take_offset(text, offset_s) && text.empty();
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)), std::chrono::day(static_cast<unsigned>(day))};
  if (!read || !date.ok() || hour > 23 || minute > 59 || second > 59) return std::nullopt;
  const std::int64_t days = std::chrono::sys_days(date).time_since_epoch().count();
  return (days * kDayS + hour * 3600 + minute * 60 + second - offset_s) * kMicro + micros;
}

/// A year before 0 or after 9999.
void append_wide(std::string& out, std::int64_t number, std::size_t digits) {
  const auto wide = std::to_string(number);
  if (wide.size() < digits) out.append(digits - wide.size(), '0');
  out += wide;
}

/// `digits` a constant, so that the divisions are multiplications of 32 bits.
template <std::size_t digits>
void put(std::string& out, std::int64_t number, char after) {
  char text[digits + 1];
  auto rest = static_cast<std::uint32_t>(number);
  for (std::size_t at = digits; at > 0; rest /= 10) text[--at] = static_cast<char>('0' + rest % 10);
  text[digits] = after;
  if (number >= 0 && number <= UINT32_MAX && rest == 0) return void(out.append(text, digits + 1));
  append_wide(out, number, digits);
  out += after;
}

/// "2006-01-02T15:04:05" and `last`.
std::string print(std::int64_t unix_s, char last) {
  const std::int64_t days = unix_s >= 0 ? unix_s / kDayS : -((-unix_s + kDayS - 1) / kDayS);
  const std::int64_t rest = unix_s - days * kDayS;
  const std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(days))};
  std::string out;
  out.reserve(sizeof "2006-01-02T15:04:05.000000Z");
  put<4>(out, static_cast<int>(date.year()), '-');
  put<2>(out, static_cast<unsigned>(date.month()), '-');
  put<2>(out, static_cast<unsigned>(date.day()), 'T');
  const auto of_day = static_cast<std::uint32_t>(rest);
  put<2>(out, of_day / 3600, ':');
  put<2>(out, of_day / 60 % 60, ':');
  put<2>(out, of_day % 60, last);
  return out;
}

struct Unit {
  std::string_view name;
  std::int64_t ns;
};
constexpr std::array kUnits{Unit{"h", 3600 * kNano}, Unit{"m", 60 * kNano},    Unit{"s", kNano},  Unit{"ms", kMicro},
                            Unit{"us", 1000},        Unit{"\u00b5s", 1000},    Unit{"\u03bcs", 1000}, Unit{"ns", 1}};

/// `whole` units and its fraction, "1.5" for 1500 of 1000.
std::string print_fraction(std::int64_t amount, std::int64_t unit) {
  std::string out = std::to_string(amount / unit);
  std::int64_t rest = amount % unit;
  if (rest == 0) return out;
  out += '.';
  for (unit /= 10; rest != 0; unit /= 10) {
    out += static_cast<char>('0' + rest / unit);
    rest %= unit;
  }
  return out;
}

}  // namespace

std::optional<Time> parse_time(std::string_view text) {
  const auto micros = parse_rfc3339(text);
  if (!micros) return std::nullopt;
  return Time(*micros >= 0 ? *micros / kMicro : -((-*micros + kMicro - 1) / kMicro));
}

std::optional<MicroTime> parse_micro_time(std::string_view text) {
  const auto micros = parse_rfc3339(text);
  if (!micros) return std::nullopt;
  return MicroTime(*micros);
}

std::string to_text(Time time) { return print(time.unix_s, 'Z'); }

std::string to_text(MicroTime time) {
  const std::int64_t seconds = time.unix_us >= 0 ? time.unix_us / kMicro : -((-time.unix_us + kMicro - 1) / kMicro);
  auto out = print(seconds, '.');
  put<6>(out, time.unix_us - seconds * kMicro, 'Z');
  return out;
}

std::optional<Duration> parse_duration(std::string_view text) {
  if (text == "0") return Duration{};
  const bool negative = !text.empty() && text.front() == '-';
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) text.remove_prefix(1);
  if (text.empty()) return std::nullopt;
  long double total = 0;
  while (!text.empty()) {
    long double amount = 0;
    const auto digits = text.find_first_not_of("0123456789.");
    if (digits == 0 || digits == std::string_view::npos) return std::nullopt;
    const auto [end, error] = codec::parse_float(text.data(), text.data() + digits, amount);
    if (error != std::errc{} || end != text.data() + digits) return std::nullopt;
    text.remove_prefix(digits);
    const auto name = text.substr(0, text.find_first_of("0123456789."));
    text.remove_prefix(name.size());
    std::int64_t unit = 0;
    for (const auto& known : kUnits) unit = known.name == name ? known.ns : unit;
    if (unit == 0) return std::nullopt;
    total += amount * static_cast<long double>(unit);
  }
  if (total > 9.2e18) return std::nullopt;
  const auto ns = static_cast<std::int64_t>(total + 0.5);
  return Duration{negative ? -ns : ns};
}

std::string to_text(Duration duration) {
  if (duration.ns == 0) return "0s";
  const std::string sign = duration.ns < 0 ? "-" : "";
  const std::int64_t ns = duration.ns < 0 ? -duration.ns : duration.ns;
  if (ns < 1000) return sign + std::to_string(ns) + "ns";
  if (ns < kMicro) return sign + print_fraction(ns, 1000) + "\u00b5s";
  if (ns < kNano) return sign + print_fraction(ns, kMicro) + "ms";
  std::string out = sign;
  if (ns >= 3600 * kNano) out += std::to_string(ns / (3600 * kNano)) + "h";
  if (ns >= 60 * kNano) out += std::to_string(ns / (60 * kNano) % 60) + "m";
  return out + print_fraction(ns % (60 * kNano), kNano) + "s";
}

}  // namespace keelson

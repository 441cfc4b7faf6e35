#include <array>
#include <charconv>
#include <limits>

#include <keelson/values.hpp>

namespace keelson {
namespace {

__extension__ typedef __int128 Wide;
constexpr Wide kWideMax = Wide{1} << 120;

struct Suffix {
  std::string_view text;
  int binary, decimal;   ///< powers of 2 and of 10
};
constexpr std::array kSuffixes{
    Suffix{"", 0, 0},   Suffix{"m", 0, -3}, Suffix{"k", 0, 3},  Suffix{"M", 0, 6},   Suffix{"G", 0, 9},   Suffix{"T", 0, 12},
    Suffix{"P", 0, 15}, Suffix{"E", 0, 18}, Suffix{"Ki", 10, 0}, Suffix{"Mi", 20, 0}, Suffix{"Gi", 30, 0}, Suffix{"Ti", 40, 0},
    Suffix{"Pi", 50, 0}, Suffix{"Ei", 60, 0}, Suffix{"u", 0, -6}, Suffix{"n", 0, -9}};

struct Parsed {
  Wide digits = 0;   ///< without sign
  bool negative = false;
  int binary = 0, decimal = 0;
};

/// Digits and the point; what remains is the suffix. False: no digit.
bool take_digits(std::string_view& text, Parsed& out) {
  bool point = false, any = false;
  while (!text.empty()) {
    const char c = text.front();
    if (c == '.' && !point) {
      point = true;
    } else if (c >= '0' && c <= '9') {
      any = true;
      if (out.digits < kWideMax / 10) {
        out.digits = out.digits * 10 + (c - '0');
        out.decimal -= point ? 1 : 0;
      } else if (!point) {
        ++out.decimal;   // beyond every int64 anyway
      }
    } else {
      break;
    }
    text.remove_prefix(1);
  }
  return any;
}

bool take_suffix(std::string_view text, Parsed& out) {
  for (const auto& suffix : kSuffixes)
    if (suffix.text == text) {
      out.binary = suffix.binary;
      out.decimal += suffix.decimal;
      return true;
    }
  if (text.size() < 2 || (text.front() != 'e' && text.front() != 'E')) return false;
  text.remove_prefix(text[1] == '+' ? 2 : 1);
  int exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error != std::errc{} || end != text.data() + text.size() || exponent < -1000 || exponent > 1000) return false;
  out.decimal += exponent;
  return true;
}

/// The quantity times 10^scale, fractions rounded away from zero.
std::int64_t scaled(std::string_view text, int scale) {
  Parsed q;
  if (!text.empty() && (text.front() == '-' || text.front() == '+')) {
    q.negative = text.front() == '-';
    text.remove_prefix(1);
  }
  if (!take_digits(text, q) || !take_suffix(text, q) || q.digits == 0) return 0;
  constexpr auto kMax = std::numeric_limits<std::int64_t>::max();
  Wide value = q.digits;
  const auto saturated = [&] { return q.negative ? -kMax : kMax; };
  if (value >= kWideMax >> q.binary) return saturated();
  value <<= q.binary;
  bool rest = false;
  int decimal = q.decimal + scale;
  for (; decimal < 0 && value > 0; ++decimal) {
    rest |= value % 10 != 0;
    value /= 10;
  }
  for (; decimal > 0 && value <= kMax; --decimal) value *= 10;
  if (rest) ++value;
  if (value > kMax) return saturated();
  return static_cast<std::int64_t>(q.negative ? -value : value);
}

}  // namespace

std::int64_t Quantity::value() const { return scaled(text, 0); }
std::int64_t Quantity::milli_value() const { return scaled(text, 3); }

Quantity Quantity::from_value(std::int64_t value) {
  static constexpr std::string_view kNames[] = {"", "k", "M", "G", "T", "P", "E"};
  std::size_t name = 0;
  while (value != 0 && value % 1000 == 0 && name + 1 < std::size(kNames)) {
    value /= 1000;
    ++name;
  }
  return Quantity(std::to_string(value) + std::string(kNames[name]));
}

Quantity Quantity::from_milli(std::int64_t milli) {
  if (milli % 1000 == 0) return from_value(milli / 1000);
  return Quantity(std::to_string(milli) + "m");
}

std::int32_t IntOrString::scaled(std::int32_t total, bool round_up) const {
  if (is_int()) return number();
  const auto& text = std::get<std::string>(value);
  std::int32_t percent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), percent);
  if (error != std::errc{} || end == text.data() || std::string_view(end, static_cast<std::size_t>(text.data() + text.size() - end)) != "%") return 0;
  const std::int64_t hundredths = std::int64_t{percent} * total;
  const std::int64_t down = hundredths >= 0 ? hundredths / 100 : -((-hundredths + 99) / 100);
  return static_cast<std::int32_t>(round_up && hundredths % 100 != 0 ? down + 1 : down);
}

}  // namespace keelson

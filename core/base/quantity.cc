#include "core/base/quantity.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <limits>

namespace keelson::base {
namespace {

using Wide = __int128;
using Family = Quantity::Family;

constexpr std::string_view kWrongForm =
    "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
constexpr std::string_view kWrongNumber = "unable to parse numeric part of quantity";
constexpr std::string_view kWrongSuffix = "unable to parse quantity's suffix";
constexpr int kFinestExponent = -9;
constexpr int kDigitsMax = 36;                                          // what fits a 128-bit mantissa
constexpr int kExponentMax = 1000;                                      // beyond it no amount is meant
constexpr Wide kLargestBinary = std::numeric_limits<std::int64_t>::max();

struct Suffix {
  int exponent;   // of 10, or of 2 for the binary family
  Family family;
};

std::optional<Suffix> read_exponent(std::string_view digits) {
  if (!digits.empty() && digits.front() == '+') digits.remove_prefix(1);
  int exponent = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), exponent);
  if (fault != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (std::abs(exponent) > kExponentMax) return std::nullopt;
  return Suffix{exponent, Family::exponent};
}

std::optional<Suffix> read_suffix(std::string_view text) {
  if (text.empty()) return Suffix{0, Family::decimal};
  constexpr std::string_view binary = "KMGTPE";
  if (text.size() == 2 && text[1] == 'i') {
    const auto place = binary.find(text[0]);
    if (place == std::string_view::npos) return std::nullopt;
    return Suffix{static_cast<int>(place + 1) * 10, Family::binary};
  }
  if (text.size() > 1 && (text[0] == 'e' || text[0] == 'E')) return read_exponent(text.substr(1));
  if (text.size() != 1) return std::nullopt;
  constexpr std::string_view decimal = "num.kMGTPE";   // '.' stands for no suffix
  const auto place = decimal.find(text[0]);
  if (place == std::string_view::npos || text[0] == '.') return std::nullopt;
  return Suffix{static_cast<int>(place) * 3 - 9, Family::decimal};
}

bool digit(char c) { return c >= '0' && c <= '9'; }

struct Parts {
  bool negative = false;
  std::string digits;      // without leading zeros
  int places = 0;          // how many of them follow the point
  std::string_view suffix;
};

std::optional<Parts> split(std::string_view text) {
  Parts parts;
  if (!text.empty() && (text[0] == '+' || text[0] == '-')) {
    parts.negative = text[0] == '-';
    text.remove_prefix(1);
  }
  std::size_t i = 0;
  bool any = false, point = false;
  for (; i < text.size() && (digit(text[i]) || (text[i] == '.' && !point)); ++i) {
    if (text[i] == '.') {
      point = true;
      continue;
    }
    any = true;
    parts.places += point;
    if (text[i] != '0' || !parts.digits.empty()) parts.digits += text[i];
  }
  if (!any) return std::nullopt;
  const auto start = i;
  while (i < text.size() && std::string_view("eEinumkKMGTP").find(text[i]) != std::string_view::npos) ++i;
  if (i < text.size() && (text[i] == '-' || text[i] == '+')) ++i;
  while (i < text.size() && digit(text[i])) ++i;
  if (i != text.size()) return std::nullopt;
  parts.suffix = text.substr(start);
  return parts;
}

// Away from zero.
Wide divide_up(Wide value, Wide by) { return value / by + (value % by == 0 ? 0 : value < 0 ? -1 : 1); }

Wide power_of_ten(int exponent) {
  Wide result = 1;
  while (exponent-- > 0) result *= 10;
  return result;
}

std::string print(Wide value) {
  if (value == 0) return "0";
  std::string text;
  const bool negative = value < 0;
  for (; value != 0; value /= 10) text += static_cast<char>('0' + static_cast<int>(negative ? -(value % 10) : value % 10));
  if (negative) text += '-';
  std::reverse(text.begin(), text.end());
  return text;
}

std::string print_decimal(Wide mantissa, int exponent, Family family) {
  while (mantissa % 10 == 0) mantissa /= 10, ++exponent;
  while (exponent % 3 != 0) mantissa *= 10, --exponent;
  if (exponent == 0) return print(mantissa);
  constexpr std::string_view letters = "num.kMGTPE";
  if (family == Family::exponent || exponent > 18) return print(mantissa) + "e" + std::to_string(exponent);
  return print(mantissa) + letters[static_cast<std::size_t>(exponent / 3 + 3)];
}

std::string print_binary(Wide amount) {
  int steps = 0;
  while (amount % 1024 == 0 && steps < 6) amount /= 1024, ++steps;
  constexpr std::string_view letters = "KMGTPE";
  if (steps == 0) return print(amount);
  return print(amount) + letters[static_cast<std::size_t>(steps - 1)] + "i";
}

}  // namespace

std::optional<Quantity> Quantity::parse(std::string_view text, std::string_view* error) {
  const auto refuse = [&](std::string_view why) -> std::optional<Quantity> {
    if (error) *error = why;
    return std::nullopt;
  };
  const auto parts = split(text);
  if (!parts) return refuse(kWrongForm);
  const auto suffix = read_suffix(parts->suffix);
  if (!suffix) return refuse(kWrongSuffix);
  if (parts->digits.size() > kDigitsMax) return refuse(kWrongNumber);
  Wide mantissa = 0;
  for (const char c : parts->digits) mantissa = mantissa * 10 + (c - '0');
  int exponent = -parts->places;
  auto family = suffix->family;
  if (family == Family::binary) {
    Wide product;
    if (__builtin_mul_overflow(mantissa, Wide(1) << suffix->exponent, &product)) product = kLargestBinary, exponent = 0;
    mantissa = product;
  } else {
    exponent += suffix->exponent;
  }
  if (parts->places > kDigitsMax + 9) return refuse(kWrongNumber);
  Quantity result(parts->negative ? -mantissa : mantissa, exponent, family);
  if (mantissa == 0) return Quantity(0, 0, family);
  result.round_up(kFinestExponent);
  if (family == Family::binary && compare(result, whole(std::numeric_limits<std::int64_t>::max())) > 0)
    result = Quantity(kLargestBinary, 0, family);
  return result;
}

void Quantity::round_up(int exponent) {
  if (exponent_ >= exponent) return;
  const int drop = exponent - exponent_;
  mantissa_ = drop > kDigitsMax ? Wide(sign()) : divide_up(mantissa_, power_of_ten(drop));
  exponent_ = exponent;
}

bool Quantity::is_whole() const {
  return exponent_ >= 0 || -exponent_ > kDigitsMax || mantissa_ % power_of_ten(-exponent_) == 0;
}

std::string Quantity::text() const {
  if (mantissa_ == 0) return "0";
  if (family_ == Family::binary && is_whole() && exponent_ <= 18) {
    const Wide amount = exponent_ < 0 ? mantissa_ / power_of_ten(-exponent_) : mantissa_ * power_of_ten(exponent_);
    if (amount <= -1024 || amount >= 1024) return print_binary(amount);
  }
  return print_decimal(mantissa_, exponent_, family_ == Family::exponent ? Family::exponent : Family::decimal);
}

double Quantity::approximate() const { return static_cast<double>(mantissa_) * std::pow(10.0, exponent_); }

std::int64_t Quantity::scaled(int exponent) const {
  Quantity copy = *this;
  copy.round_up(exponent);
  constexpr Wide most = std::numeric_limits<std::int64_t>::max();
  Wide value = copy.mantissa_;
  for (int e = copy.exponent_; e > exponent && value != 0 && value <= most && value >= -most; --e) value *= 10;
  return static_cast<std::int64_t>(std::clamp(value, -most, most));
}

std::int64_t Quantity::units() const { return scaled(0); }
std::int64_t Quantity::thousandths() const { return scaled(-3); }

int compare(const Quantity& left, const Quantity& right) {
  if (left.sign() != right.sign()) return left.sign() < right.sign() ? -1 : 1;
  const double a = left.approximate(), b = right.approximate();
  if (std::fabs(a - b) > std::fabs(a) * 1e-9) return a < b ? -1 : 1;
  // Close together: so close in size that one common exponent fits both, or they are the same text.
  const int common = std::min(left.exponent_, right.exponent_);
  if (left.exponent_ - common > 30 || right.exponent_ - common > 30) return 0;
  Wide x, y;
  if (__builtin_mul_overflow(left.mantissa_, power_of_ten(left.exponent_ - common), &x) ||
      __builtin_mul_overflow(right.mantissa_, power_of_ten(right.exponent_ - common), &y))
    return 0;
  return x < y ? -1 : x > y;
}

Quantity add(const Quantity& left, const Quantity& right) {
  if (left.mantissa_ == 0) return right;
  const int common = std::min(left.exponent_, right.exponent_);
  Wide x, y, sum;
  if (left.exponent_ - common > 30 || right.exponent_ - common > 30 ||
      __builtin_mul_overflow(left.mantissa_, power_of_ten(left.exponent_ - common), &x) ||
      __builtin_mul_overflow(right.mantissa_, power_of_ten(right.exponent_ - common), &y) || __builtin_add_overflow(x, y, &sum))
    return compare(left, right) > 0 ? left : right;
  return Quantity(sum, common, left.family_);
}

}  // namespace keelson::base

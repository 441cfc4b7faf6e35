#include "core/kinds/yaml_scalar.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <string_view>

#include "core/kinds/base64.hpp"
#include "core/kinds/json_print.hpp"

namespace keelson::kinds {
namespace {

namespace json = boost::json;

template <std::size_t n>
bool any_of(std::string_view text, const std::array<std::string_view, n>& words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

constexpr std::array<std::string_view, 5> kNull{"", "~", "null", "Null", "NULL"};
constexpr std::array<std::string_view, 11> kTrue{"y", "Y", "yes", "Yes", "YES", "true", "True", "TRUE", "on", "On", "ON"};
constexpr std::array<std::string_view, 11> kFalse{"n", "N", "no", "No", "NO", "false", "False", "FALSE", "off", "Off", "OFF"};
constexpr std::array<std::string_view, 12> kNoNumber{".nan", ".NaN",  ".NAN",  ".inf",  ".Inf",  ".INF",
                                                     "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"};

int base_of(std::string_view& digits) {
  if (digits.size() > 1 && digits[0] == '0') {
    const char second = digits[1];
    const int base = second == 'x' || second == 'X' ? 16 : second == 'b' || second == 'B' ? 2 : second == 'o' || second == 'O' ? 8 : 0;
    if (base != 0) {
      digits.remove_prefix(2);
      return base;
    }
    digits.remove_prefix(1);
    return 8;
  }
  return 10;
}

std::optional<json::value> read_integer(std::string_view text, const json::storage_ptr& memory) {
  const bool negative = !text.empty() && text[0] == '-';
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  const int base = base_of(text);
  std::uint64_t value = 0;
  if (text.empty()) return std::nullopt;
  const auto [end, fault] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (fault != std::errc() || end != text.data() + text.size()) return std::nullopt;
  if (!negative && value > INT64_MAX) return json::value(value, memory);
  if (negative && value > static_cast<std::uint64_t>(INT64_MAX) + 1) return std::nullopt;
  return json::value(negative ? static_cast<std::int64_t>(~value + 1) : static_cast<std::int64_t>(value), memory);
}

bool digits_only(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// [-+]?([0-9]+(\.[0-9]*)?|\.[0-9]+)([eE][-+]?[0-9]+)?
bool looks_like_float(std::string_view text) {
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) text.remove_prefix(1);
  if (const auto e = text.find_first_of("eE"); e != std::string_view::npos) {
    auto exponent = text.substr(e + 1);
    if (!exponent.empty() && (exponent[0] == '-' || exponent[0] == '+')) exponent.remove_prefix(1);
    if (!digits_only(exponent)) return false;
    text = text.substr(0, e);
  }
  const auto point = text.find('.');
  if (point == std::string_view::npos) return digits_only(text);
  const auto whole = text.substr(0, point), fraction = text.substr(point + 1);
  return (whole.empty() || digits_only(whole)) && (fraction.empty() || digits_only(fraction)) && !(whole.empty() && fraction.empty());
}

/// A float without fraction is printed like a whole number, and so it counts as one.
json::value number_of(double number, const json::storage_ptr& memory) {
  constexpr double whole_max = 9007199254740992.0;   // 2^53: from here on not every whole number is a double
  if (number == std::trunc(number) && std::abs(number) <= whole_max) return json::value(static_cast<std::int64_t>(number), memory);
  return json::value(number, memory);
}

YamlScalar text_value(std::string_view text, const json::storage_ptr& memory) {
  return {json::value(json::string_view(text.data(), text.size()), memory), {}};
}

YamlScalar number_or_text(const std::string& text, const json::storage_ptr& memory) {
  const char first = text[0];
  if ((first < '0' || first > '9') && first != '-' && first != '+' && first != '.') return text_value(text, memory);
  if (any_of(text, kNoNumber)) return {{}, "json: unsupported value: " + text};
  std::string plain = text;
  std::erase(plain, '_');
  if (auto integer = read_integer(plain, memory)) return {std::move(*integer), {}};
  if (!looks_like_float(plain)) return text_value(text, memory);
  const double number = std::strtod(plain.c_str(), nullptr);
  if (number - number != 0) return {{}, "json: unsupported value: " + text};
  return {number_of(number, memory), {}};
}

YamlScalar plain_scalar(const std::string& text, const json::storage_ptr& memory) {
  if (any_of(text, kNull)) return {json::value(nullptr, memory), {}};
  if (any_of(text, kTrue)) return {json::value(true, memory), {}};
  if (any_of(text, kFalse)) return {json::value(false, memory), {}};
  return number_or_text(text, memory);
}

}  // namespace

YamlScalar yaml_scalar(const std::string& tag, const std::string& text, const json::storage_ptr& memory) {
  if (tag == "?" || tag.empty()) return plain_scalar(text, memory);
  constexpr std::string_view core = "tag:yaml.org,2002:";
  if (!tag.starts_with(core)) return text_value(text, memory);
  const auto name = std::string_view(tag).substr(core.size());
  if (name == "binary") {
    auto bytes = base64_decode(text);
    if (!bytes) return {{}, "!!binary value contains invalid base64 data"};
    return text_value(*bytes, memory);
  }
  if (name != "int" && name != "float" && name != "bool" && name != "null") return text_value(text, memory);
  auto scalar = plain_scalar(text, memory);
  const auto& value = scalar.value;
  const bool fits = name == "int"     ? value.is_int64() || value.is_uint64()
                    : name == "float" ? value.is_number()
                    : name == "bool"  ? value.is_bool()
                                      : value.is_null();
  if (!fits && scalar.fault.empty()) scalar.fault = "cannot decode `" + text + "` as a !!" + std::string(name);
  return scalar;
}

std::optional<std::string> yaml_key(const json::value& key) {
  if (key.is_structured() || key.is_null()) return std::nullopt;
  if (const auto* text = key.if_string()) return std::string(*text);
  std::string out;
  print_scalar(out, key);
  return out;
}

}  // namespace keelson::kinds

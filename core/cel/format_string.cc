#include "core/cel/format_string.hpp"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "core/base/json_text.hpp"
#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

constexpr int kPrecisionUsual = 6;
constexpr std::size_t kOutputBytesMax = 16u << 20;
constexpr std::string_view kSuperscripts[] = {"\xe2\x81\xb0", "\xc2\xb9", "\xc2\xb2", "\xc2\xb3", "\xe2\x81\xb4",
                                              "\xe2\x81\xb5", "\xe2\x81\xb6", "\xe2\x81\xb7", "\xe2\x81\xb8", "\xe2\x81\xb9"};
constexpr std::string_view kSuperscriptMinus = "\xe2\x81\xbb", kTimesTen = "\xc3\x97" "10", kInfinity = "\xe2\x88\x9e";

struct Formatter {
  Arena& arena;
  std::string& out;
  std::string& why;

  bool fail(std::string text) const {
    why = std::move(text);
    return false;
  }
  bool wrong(std::string_view rule, const Value& value) const {
    return fail("error during formatting: " + std::string(rule) + ", was given " + std::string(type_name(value)));
  }

  bool text(const Value& value) const {
    switch (value.kind) {
      case Kind::list: return list(*value.list);
      case Kind::map: return map(*value.map);
      case Kind::bytes:
        if (!valid_utf8(value.view())) return fail("error during formatting: could not convert argument \"invalid UTF-8 in bytes, cannot convert to string\" to string");
        out += value.view();
        return true;
      case Kind::null: case Kind::boolean: case Kind::int64: case Kind::uint64: case Kind::float64: case Kind::string: case Kind::timestamp:
      case Kind::duration: case Kind::type: out += display(value, arena); return true;
      default:
        return wrong("string clause can only be used on strings, bools, bytes, ints, doubles, maps, lists, types, durations, and timestamps", value);
    }
  }

  // As a CEL literal would be written.
  bool literal(const Value& value) const {
    switch (value.kind) {
      case Kind::string: out += base::quoted(value.view()); return true;
      case Kind::bytes: out += 'b' + base::quoted(value.view()); return true;
      case Kind::timestamp: out += "timestamp(" + base::quoted(display(value, arena)) + ')'; return true;
      case Kind::duration: out += "duration(" + base::quoted(display(value, arena)) + ')'; return true;
      case Kind::float64: {
        const auto shown = std::isfinite(value.real) ? fixed_text(value.real, kPrecisionUsual) : base::quoted(double_text(value.real));
        out += shown;
        return true;
      }
      case Kind::list: case Kind::map: case Kind::null: case Kind::boolean: case Kind::int64: case Kind::uint64: case Kind::type: return text(value);
      default: return fail("error during formatting: no formatting function for " + std::string(type_name(value)));
    }
  }

  bool list(const List& list) const {
    out += '[';
    for (std::size_t i = 0; i < list.size(); ++i) {
      if (i > 0) out += ", ";
      if (!literal(list.at(i, arena))) return false;
      bounded();
    }
    out += ']';
    return true;
  }

  bool map(const Map& map) const {
    std::vector<std::pair<std::string, std::string>> entries;
    for (std::size_t i = 0; i < map.size(); ++i) {
      auto& [key, value] = entries.emplace_back();
      if (!Formatter{arena, key, why}.literal(map.key_at(i, arena)) || !Formatter{arena, value, why}.literal(map.value_at(i, arena))) return false;
    }
    std::stable_sort(entries.begin(), entries.end(), [](const auto& left, const auto& right) { return left.first < right.first; });
    out += '{';
    for (const auto& [key, value] : entries) {
      if (&key != &entries.front().first) out += ", ";
      out += key + ':' + value;
    }
    out += '}';
    bounded();
    return true;
  }
  void bounded() const {
    if (out.size() > kOutputBytesMax) throw Stopped{kCostExceeded};
  }

  static std::string fixed_text(double value, int precision) {
    char buffer[kFormatPrecisionMax + 400];
    return {buffer, static_cast<std::size_t>(std::snprintf(buffer, sizeof buffer, "%.*f", precision, value))};
  }

  // A double, or the three texts that stand for one.
  static bool number(const Value& value, double& result) {
    if (value.kind == Kind::float64) {
      result = value.real;
      return true;
    }
    if (value.kind != Kind::string || (value.view() != "NaN" && value.view() != "Infinity" && value.view() != "-Infinity")) return false;
    result = *parse_double(value.view());
    return true;
  }
  bool special(double value) const {
    if (std::isfinite(value)) return false;
    out += std::isnan(value) ? "NaN" : value < 0 ? "-" + std::string(kInfinity) : std::string(kInfinity);
    return true;
  }
  bool fixed(const Value& value, int precision) const {
    double real = 0;
    if (!number(value, real)) return wrong("fixed-point clause can only be used on doubles", value);
    if (special(real)) return true;
    auto shown = fixed_text(real, precision);
    const auto start = shown[0] == '-' ? 1u : 0u;
    for (auto at = std::min(shown.find('.'), shown.size()); at > start + 3;) shown.insert(at -= 3, ",");
    out += shown;
    return true;
  }
  bool scientific(const Value& value, int precision) const {
    double real = 0;
    if (!number(value, real)) return wrong("scientific clause can only be used on doubles", value);
    if (!std::isfinite(real)) out += std::isnan(real) ? "   " : real < 0 ? "    " : "     ";
    if (special(real)) return true;
    char buffer[kFormatPrecisionMax + 40];
    const std::string shown(buffer, static_cast<std::size_t>(std::snprintf(buffer, sizeof buffer, "%.*e", precision, real)));
    const auto e = shown.find('e');
    out += shown.substr(0, e);
    out += kTimesTen;
    for (const char c : shown.substr(e + 1)) {
      if (c == '-') out += kSuperscriptMinus;
      else if (c != '+') out += kSuperscripts[c - '0'];
    }
    return true;
  }

  bool decimal(const Value& value) const {
    if (value.kind != Kind::int64 && value.kind != Kind::uint64) return wrong("decimal clause can only be used on integers", value);
    return text(value);
  }
  void in_base(const Value& value, unsigned base, bool upper) const {
    const bool negative = value.kind == Kind::int64 && value.integer < 0;
    auto rest = negative ? -value.natural : value.natural;
    std::string digits;
    const std::string_view signs = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    do {
      digits += signs[static_cast<std::size_t>(rest % base)];
      rest /= base;
    } while (rest != 0);
    if (negative) digits += '-';
    out.append(digits.rbegin(), digits.rend());
  }
  bool binary(const Value& value) const {
    if (value.kind == Kind::boolean) out += value.flag ? '1' : '0';
    else if (value.kind == Kind::int64 || value.kind == Kind::uint64) in_base(value, 2, false);
    else return wrong("only integers and bools can be formatted as binary", value);
    return true;
  }
  bool octal(const Value& value) const {
    if (value.kind != Kind::int64 && value.kind != Kind::uint64) return wrong("octal clause can only be used on integers", value);
    in_base(value, 8, false);
    return true;
  }
  bool hex(const Value& value, bool upper) const {
    if (value.kind == Kind::int64 || value.kind == Kind::uint64) {
      in_base(value, 16, upper);
      return true;
    }
    if (value.kind != Kind::string && value.kind != Kind::bytes)
      return wrong("only integers, byte buffers, and strings can be formatted as hex", value);
    const std::string_view digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    for (const char c : value.view()) {
      out += digits[static_cast<unsigned char>(c) >> 4];
      out += digits[c & 15];
    }
    return true;
  }

  bool clause(char letter, int precision, const Value& value) const {
    switch (letter) {
      case 's': return text(value);
      case 'd': return decimal(value);
      case 'f': return fixed(value, precision);
      case 'e': return scientific(value, precision);
      case 'b': return binary(value);
      case 'x': case 'X': return hex(value, letter == 'X');
      case 'o': return octal(value);
      default: return fail(std::string("could not parse formatting clause: unrecognized formatting clause \"") + letter + "\"");
    }
  }

  bool precision(std::string_view form, std::size_t& at, int& digits) const {
    constexpr const char* kFault = "could not parse formatting clause: error while parsing precision: ";
    const auto start = ++at;
    while (at < form.size() && form[at] >= '0' && form[at] <= '9') ++at;
    if (at >= form.size()) return fail(std::string(kFault) + "could not find end of precision specifier");
    const auto text = form.substr(start, at - start);
    const auto number = parse_int(text);
    if (!number) return fail(std::string(kFault) + "error while converting precision to integer: strconv.Atoi: parsing \"" + std::string(text) + "\": invalid syntax");
    if (*number > kFormatPrecisionMax)
      return fail(std::string(kFault) + "precision " + std::string(text) + " exceeds maximum allowed precision " + std::to_string(kFormatPrecisionMax));
    digits = static_cast<int>(*number);
    return true;
  }
};

}  // namespace

bool format_string(std::string_view form, const List& args, Arena& arena, std::string& out, std::string& why) {
  const Formatter formatter{arena, out, why};
  std::size_t next = 0;
  for (std::size_t i = 0; i < form.size(); ++i) {
    formatter.bounded();
    if (form[i] != '%') {
      out += form[i];
      continue;
    }
    ++i;
    if (i < form.size() && form[i] == '%') {
      out += '%';
      continue;
    }
    if (next >= args.size()) return formatter.fail("index " + std::to_string(next) + " out of range");
    if (i >= form.size()) return formatter.fail("unexpected end of string");
    int digits = kPrecisionUsual;
    if (form[i] == '.' && !formatter.precision(form, i, digits)) return false;
    if (!formatter.clause(form[i], digits, args.at(next++, arena))) return false;
  }
  return true;
}

}  // namespace keelson::cel

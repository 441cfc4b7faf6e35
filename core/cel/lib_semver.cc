// Semantic versions, and the comparing functions that they share with quantities.
#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "core/base/json_text.hpp"
#include "core/cel/function.hpp"
#include "core/cel/text.hpp"

namespace keelson::cel {

bool compare_quantities(const Value& left, const Value& right, int& order);

namespace {

constexpr std::string_view kSemverType = "kubernetes.Semver";

class Semver final : public Opaque {
 public:
  std::string_view type_name() const override { return kSemverType; }
  bool equal(const Opaque& other) const override { return order(static_cast<const Semver&>(other)) == 0; }
  int order(const Semver& other) const;
  std::uint64_t parts[3] = {};
  std::string_view pre;   ///< without its dash
};

bool numeric(std::string_view text) { return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos; }
bool alphanumeric(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  });
}
bool leading_zero(std::string_view text) { return text.size() > 1 && text[0] == '0'; }

std::string_view take(std::string_view& rest, char at) {
  const auto end = std::min(rest.find(at), rest.size());
  const auto part = rest.substr(0, end);
  rest.remove_prefix(std::min(end + 1, rest.size()));
  return part;
}

int sign(auto left, auto right) { return left < right ? -1 : left > right ? 1 : 0; }

int compare_identifier(std::string_view left, std::string_view right) {
  const bool a = numeric(left), b = numeric(right);
  if (a && b) return sign(*parse_uint(left), *parse_uint(right));
  if (a != b) return a ? -1 : 1;
  return sign(left.compare(right), 0);
}

int Semver::order(const Semver& other) const {
  for (int i = 0; i < 3; ++i)
    if (parts[i] != other.parts[i]) return sign(parts[i], other.parts[i]);
  if (pre.empty() || other.pre.empty()) return sign(pre.empty(), other.pre.empty());
  auto left = pre, right = other.pre;
  while (!left.empty() && !right.empty()) {
    const int result = compare_identifier(take(left, '.'), take(right, '.'));
    if (result != 0) return result;
  }
  return sign(!left.empty(), !right.empty());
}

bool identifiers(std::string_view text, bool pre, std::string& why) {
  for (;;) {
    const auto end = text.find('.');
    const auto one = text.substr(0, end);
    const auto fail = [&](const std::string& what) {
      why = what;
      return false;
    };
    if (one.empty()) return fail(pre ? "Prerelease is empty" : "Build meta data is empty");
    if (pre && numeric(one) && leading_zero(one)) return fail("Numeric PreRelease version must not contain leading zeroes " + base::quoted(one));
    if (!alphanumeric(one)) return fail(std::string("Invalid character(s) found in ") + (pre ? "prerelease " : "build meta data ") + base::quoted(one));
    if (pre && numeric(one) && !parse_uint(one)) return fail("strconv.ParseUint: parsing " + base::quoted(one) + ": value out of range");
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

bool number(std::string_view text, std::string_view lower, std::string_view title, std::uint64_t& value, std::string& why) {
  if (!text.empty() && !numeric(text)) why = "Invalid character(s) found in " + std::string(lower) + " number " + base::quoted(text);
  else if (leading_zero(text)) why = std::string(title) + " number must not contain leading zeroes " + base::quoted(text);
  else if (text.empty()) why = "strconv.ParseUint: parsing \"\": invalid syntax";
  else if (const auto read = parse_uint(text); read) value = *read;
  else why = "strconv.ParseUint: parsing " + base::quoted(text) + ": value out of range";
  return why.empty();
}

bool parse(std::string_view text, Semver& version, std::string& why) {
  if (text.empty()) {
    why = "Version string empty";
    return false;
  }
  if (std::count(text.begin(), text.end(), '.') < 2) {
    why = "No Major.Minor.Patch elements found";
    return false;
  }
  if (!number(take(text, '.'), "major", "Major", version.parts[0], why) || !number(take(text, '.'), "minor", "Minor", version.parts[1], why)) return false;
  const auto plus = text.find('+');
  const auto before = text.substr(0, plus);
  const auto dash = before.find('-');
  if (!number(before.substr(0, dash), "patch", "Patch", version.parts[2], why)) return false;
  if (dash != std::string_view::npos) {
    version.pre = before.substr(dash + 1);
    if (!identifiers(version.pre, true, why)) return false;
  }
  return plus == std::string_view::npos || identifiers(text.substr(plus + 1), false, why);
}

// "v01.2" is 1.2.0.
std::optional<std::string> normalized(std::string_view text, std::string& why) {
  if (text.substr(0, 1) == "v") text.remove_prefix(1);
  std::vector<std::string> parts;
  while (parts.size() < 2 && text.find('.') != std::string_view::npos) parts.emplace_back(take(text, '.'));
  parts.emplace_back(text);
  for (auto& part : parts) {
    if (part.size() <= 1) continue;
    part.erase(0, std::min(part.find_first_not_of('0'), part.size()));
    if (part.empty() || part[0] < '0' || part[0] > '9') part.insert(0, "0");
  }
  if (parts.size() < 3 && parts.back().find_first_of("+-") != std::string::npos) {
    why = "short version cannot contain PreRelease/Build meta data";
    return std::nullopt;
  }
  while (parts.size() < 3) parts.emplace_back("0");
  return parts[0] + '.' + parts[1] + '.' + parts[2];
}

bool read(const Call& call, Semver& version, std::string& why) {
  auto text = call[0].view();
  if (call.args.size() == 2 && call[1].flag) {
    const auto other = normalized(text, why);
    if (!other) return false;
    text = call.arena.keep(*other);
  }
  return parse(text, version, why);
}

bool fits(const Call& call) { return are(call, {Kind::string}) || are(call, {Kind::string, Kind::boolean}); }

Value to_semver(const Call& call) {
  if (!fits(call)) return no_such_overload(call, "semver");
  Semver version;
  std::string why;
  if (!read(call, version, why)) return call.error(why);
  return Value::of(static_cast<const Opaque*>(call.arena.make<Semver>(version)));
}
Value is_semver(const Call& call) {
  if (!fits(call)) return no_such_overload(call, "isSemver");
  Semver version;
  std::string why;
  return Value::of(read(call, version, why));
}

const Semver* semver_of(const Value& value) {
  return value.kind == Kind::opaque && value.opaque->type_name() == kSemverType ? static_cast<const Semver*>(value.opaque) : nullptr;
}

template <int part>
Value part_of(const Call& call) {
  constexpr std::string_view names[] = {"major", "minor", "patch"};
  const auto* version = semver_of(call[0]);
  return version == nullptr ? no_such_overload(call, names[part]) : Value::of_int(static_cast<std::int64_t>(version->parts[part]));
}

template <class Result>
Value ordered(const Call& call, std::string_view name, Result result) {
  int order = 0;
  if (compare_quantities(call[0], call[1], order)) return result(order);
  const auto *left = semver_of(call[0]), *right = semver_of(call[1]);
  return left == nullptr || right == nullptr ? no_such_overload(call, name) : result(left->order(*right));
}
Value compare_to(const Call& call) { return ordered(call, "compareTo", [](int order) { return Value::of_int(order); }); }
Value is_greater(const Call& call) { return ordered(call, "isGreaterThan", [](int order) { return Value::of(order > 0); }); }
Value is_less(const Call& call) { return ordered(call, "isLessThan", [](int order) { return Value::of(order < 0); }); }

constexpr Overload kVersions[] = {
    {"semver", "string_to_semver", "string:kubernetes.Semver", Cost::scan, to_semver},
    {"semver", "string_bool_to_semver", "string,bool:kubernetes.Semver", Cost::scan, to_semver},
    {"isSemver", "is_semver_string", "string:bool", Cost::scan, is_semver},
    {"isSemver", "is_semver_string_bool", "string,bool:bool", Cost::scan, is_semver},
    {"major", "semver_major", ".kubernetes.Semver:int", Cost::unit, part_of<0>},
    {"minor", "semver_minor", ".kubernetes.Semver:int", Cost::unit, part_of<1>},
    {"patch", "semver_patch", ".kubernetes.Semver:int", Cost::unit, part_of<2>},
    {"isGreaterThan", "semver_is_greater_than", ".kubernetes.Semver,kubernetes.Semver:bool", Cost::unit, is_greater},
    {"isGreaterThan", "quantity_is_greater_than", ".kubernetes.Quantity,kubernetes.Quantity:bool", Cost::unit, is_greater},
    {"isLessThan", "semver_is_less_than", ".kubernetes.Semver,kubernetes.Semver:bool", Cost::unit, is_less},
    {"isLessThan", "quantity_is_less_than", ".kubernetes.Quantity,kubernetes.Quantity:bool", Cost::unit, is_less},
    {"compareTo", "semver_compare_to", ".kubernetes.Semver,kubernetes.Semver:int", Cost::unit, compare_to},
    {"compareTo", "quantity_compare_to", ".kubernetes.Quantity,kubernetes.Quantity:int", Cost::unit, compare_to},
};

}  // namespace

Library semver_library() { return kVersions; }

}  // namespace keelson::cel

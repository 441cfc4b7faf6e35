// Named formats.
#include <algorithm>
#include <array>
#include <string>
#include <vector>

#include "core/base/base64.hpp"
#include "core/base/formats.hpp"
#include "core/cel/function.hpp"
#include "core/cel/text.hpp"
#include "core/cel/url.hpp"

namespace keelson::cel {
namespace {

using base::Complaints;

constexpr std::string_view kFormatType = "kubernetes.NamedFormat";

Complaints one(bool right, std::string_view complaint) { return right ? Complaints{} : Complaints{std::string(complaint)}; }

// A prefix of a name may end with a dash.
std::string masked(std::string_view text) {
  if (text.size() > 1 && text.back() == '-') return std::string(text.substr(0, text.size() - 2)) + "a";
  return std::string(text);
}

bool hex(char c) { return (c >= '0' && c <= '9') || ((c | 0x20) >= 'a' && (c | 0x20) <= 'f'); }

bool uuid(std::string_view text) {
  constexpr std::array<std::size_t, 5> groups = {8, 4, 4, 4, 12};
  for (std::size_t i = 0; i < groups.size(); ++i) {
    if (i > 0 && !text.empty() && text[0] == '-') text.remove_prefix(1);
    const auto group = text.substr(0, groups[i]);
    if (group.size() != groups[i] || !std::all_of(group.begin(), group.end(), hex)) return false;
    text.remove_prefix(groups[i]);
  }
  return text.empty();
}

Complaints uri(std::string_view text) {
  std::string why;
  return check_url(text, why) ? Complaints{} : Complaints{why};
}

class Format final : public Opaque {
 public:
  constexpr Format(std::string_view key, std::string_view name, std::uint64_t pattern, Complaints (*check)(std::string_view))
      : key(key), name(name), pattern(pattern), check(check) {}
  std::string_view type_name() const override { return kFormatType; }
  bool equal(const Opaque& other) const override { return name == static_cast<const Format&>(other).name; }
  /// Of the regular expression that upstream counts for it.
  std::uint64_t size() const override { return pattern; }
  std::string_view key, name;
  std::uint64_t pattern;
  Complaints (*check)(std::string_view);
};

constexpr Format kFormats[] = {
    {"dns1123Label", "DNS1123Label", 30, base::check_label_1123},
    {"dns1123Subdomain", "DNS1123Subdomain", 60, base::check_subdomain_1123},
    {"dns1035Label", "DNS1035Label", 30, base::check_label_1035},
    {"qualifiedName", "QualifiedName", 60, base::check_label_key},
    {"dns1123LabelPrefix", "DNS1123LabelPrefix", 30, [](std::string_view text) { return base::check_label_1123(masked(text)); }},
    {"dns1123SubdomainPrefix", "DNS1123SubdomainPrefix", 60, [](std::string_view text) { return base::check_subdomain_1123(masked(text)); }},
    {"dns1035LabelPrefix", "DNS1035LabelPrefix", 30, [](std::string_view text) { return base::check_label_1035(masked(text)); }},
    {"labelValue", "LabelValue", 40, base::check_label_value},
    {"uri", "URI", 1103, uri},
    {"uuid", "uuid", 70, [](std::string_view text) { return one(uuid(text), "does not match the UUID format"); }},
    {"byte", "byte", 84, [](std::string_view text) { return one(!text.empty() && base::base64_decode(text).has_value(), "invalid base64"); }},
    {"date", "date", 71, [](std::string_view text) { return one(parse_date(text).has_value(), "invalid date"); }},
    {"datetime", "datetime", 71, [](std::string_view text) { return one(parse_timestamp(text).has_value(), "invalid datetime"); }},
};

template <std::size_t index>
Value format(const Call&) {
  return Value::of(static_cast<const Opaque*>(&kFormats[index]));
}

Value named(const Call& call) {
  if (!are(call, {Kind::string})) return no_such_overload(call, "format.named");
  const auto* found = std::find_if(std::begin(kFormats), std::end(kFormats), [&](const Format& f) { return f.key == call[0].view(); });
  return found == std::end(kFormats) ? Value::none() : some(Value::of(static_cast<const Opaque*>(found)), call.arena);
}

Value validate(const Call& call) {
  const bool fits = call[0].kind == Kind::opaque && call[0].opaque->type_name() == kFormatType && call[1].kind == Kind::string;
  if (!fits) return no_such_overload(call, "validate");
  const auto complaints = static_cast<const Format*>(call[0].opaque)->check(call[1].view());
  if (complaints.empty()) return Value::none();
  std::vector<Value> texts;
  for (const auto& complaint : complaints) texts.push_back(call.string(complaint));
  return some(Value::of(static_cast<const List*>(ArrayList::make(texts, call.arena))), call.arena);
}

#define FORMAT(index, name) {"format." name, "format." name, ":kubernetes.NamedFormat", Cost::unit, format<index>}
constexpr Overload kFunctions[] = {
    FORMAT(0, "dns1123Label"), FORMAT(1, "dns1123Subdomain"), FORMAT(2, "dns1035Label"), FORMAT(3, "qualifiedName"),
    FORMAT(4, "dns1123LabelPrefix"), FORMAT(5, "dns1123SubdomainPrefix"), FORMAT(6, "dns1035LabelPrefix"), FORMAT(7, "labelValue"),
    FORMAT(8, "uri"), FORMAT(9, "uuid"), FORMAT(10, "byte"), FORMAT(11, "date"), FORMAT(12, "datetime"),
    {"format.named", "format-named", "string:optional<kubernetes.NamedFormat>", Cost::unit, named},
    {"validate", "format-validate", ".kubernetes.NamedFormat,string:optional<list<string>>", Cost::validate, validate},
};
#undef FORMAT

}  // namespace

Library format_library() { return kFunctions; }

}  // namespace keelson::cel

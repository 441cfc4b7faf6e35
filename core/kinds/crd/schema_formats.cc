#include "core/kinds/crd/schema_formats.hpp"

#include <re2/re2.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <string>

#include "core/base/formats.hpp"
#include "core/base/instant.hpp"
#include "core/cel/url.hpp"

namespace keelson::kinds {
namespace {

bool fits(const re2::RE2& whole, std::string_view text) { return re2::RE2::FullMatch({text.data(), text.size()}, whole); }

/// One expression, compiled when it is first asked for.
#define PATTERN(name, expression)             \
  bool name(std::string_view text) {          \
    static const re2::RE2 pattern(expression); \
    return fits(pattern, text);               \
  }

#define UUID(version, variant) "(?i)[0-9a-f]{8}-?[0-9a-f]{4}-?" version "[0-9a-f]{3}-?" variant "[0-9a-f]{3}-?[0-9a-f]{12}"
#define BYTE "\\s*(0|[1-9]\\d?|1\\d\\d?|2[0-4]\\d|25[0-5])\\s*"

PATTERN(object_id, "[0-9a-fA-F]{24}")
PATTERN(any_uuid, UUID("[0-9a-f]", "[0-9a-f]"))
PATTERN(uuid3, UUID("3", "[0-9a-f]"))
PATTERN(uuid4, UUID("4", "[89ab]"))
PATTERN(uuid5, UUID("5", "[89ab]"))
PATTERN(ssn, "\\d{3}[- ]\\d{2}[- ]\\d{4}")
PATTERN(hex_color, "#?([0-9a-fA-F]{3}|[0-9a-fA-F]{6})")
PATTERN(rgb_color, "rgb\\(" BYTE "," BYTE "," BYTE "\\)")
PATTERN(base64, "([A-Za-z0-9+/]{4})*([A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=|[A-Za-z0-9+/]{4})")
PATTERN(card_number, "4[0-9]{12}([0-9]{3})?|5[1-5][0-9]{14}|6(011|5[0-9][0-9])[0-9]{12}|3[47][0-9]{13}|3(0[0-5]|[68][0-9])[0-9]{11}|(2131|1800|35\\d{3})\\d{11}")
PATTERN(mac, "(([0-9a-fA-F]{2}:){5}|([0-9a-fA-F]{2}:){7}|([0-9a-fA-F]{2}:){19})[0-9a-fA-F]{2}|(([0-9a-fA-F]{2}-){5}|([0-9a-fA-F]{2}-){7}|([0-9a-fA-F]{2}-){19})[0-9a-fA-F]{2}|"
             "(([0-9a-fA-F]{4}\\.){2}|([0-9a-fA-F]{4}\\.){3}|([0-9a-fA-F]{4}\\.){9})[0-9a-fA-F]{4}|[0-9a-fA-F]{12}")
PATTERN(clock, "(([01]\\d|2[0-3]):[0-5]\\d:[0-5]\\d)(.[0-9]+)?(z|([+-][0-9]{2}:[0-9]{2}))")
PATTERN(mail_name, R"(([^\x00-\x20()<>\[\]:;@\\,."]+(\.[^\x00-\x20()<>\[\]:;@\\,."]+)*|"([^"\\\r\n]|\\.)+")@([^\x00-\x20()<>\[\]:;@\\,."]+(\.[^\x00-\x20()<>\[\]:;@\\,."]+)*|\[[0-9a-fA-F.:]+\]))")
PATTERN(person, R"((\s|[^\x00-\x20()<>\[\]:;@\\,"]|"([^"\\\r\n]|\\.)*")*)")
PATTERN(dotted, "0*\\d{1,3}(\\.0*\\d{1,3}){3}")
PATTERN(word_duration, "(?i)(\\d+(\\.\\d+)?\\s*(ns|nanos?|nanoseconds?|us|µs|micros?|microseconds?|ms|millis?|milliseconds?|s|secs?|seconds?|m|mins?|minutes?|h|hrs?|hours?|d|days?|w|wks?|weeks?)\\s*)+")

#undef PATTERN
#undef UUID
#undef BYTE

bool has(std::string_view text, char c) { return text.find(c) != std::string_view::npos; }

/// Zeros in front of a number are passed over, as upstream does here.
bool ipv4(std::string_view text) {
  std::string plain(text);
  if (dotted(text)) re2::RE2::GlobalReplace(&plain, "\\b0+(\\d)", "\\1");
  return base::ip_family(plain) != 0 && has(plain, '.');
}

bool ipv6(std::string_view text) { return base::ip_family(text) != 0 && has(text, ':'); }
bool cidr(std::string_view text) { return base::check_cidr(text).empty(); }
bool label(std::string_view text) { return base::check_label_1123(text).empty(); }
bool subdomain(std::string_view text) { return base::check_subdomain_1123(text).empty(); }
bool anything(std::string_view) { return true; }

bool uri(std::string_view text) {
  std::string why;
  return cel::check_url(text, why);
}

bool alphabetic(char c) { return static_cast<unsigned char>(c) >= 0x80 || ((c | 0x20) >= 'a' && (c | 0x20) <= 'z'); }

/// What may stand anywhere in a label: letters of any script, digits, symbols.
bool of_label(char c) { return alphabetic(c) || (c >= '0' && c <= '9') || std::string_view("$+<=>^`|~").find(c) != std::string_view::npos; }

bool host_label(std::string_view text) {
  return !text.empty() && of_label(text.front()) && of_label(text.back()) && std::all_of(text.begin(), text.end(), [](char c) { return c == '-' || of_label(c); });
}

/// A single label has at most one dash, behind its first character; of several the last is of letters alone.
bool hostname(std::string_view text) {
  constexpr std::size_t kBytesMax = 255, kLabelBytesMax = 63, kLastBytesMin = 2;
  if (text.empty() || text.size() > kBytesMax) return false;
  const auto last_dot = text.rfind('.');
  if (last_dot == std::string_view::npos) {
    const auto rest = text.substr(text.size() > 1 && text[1] == '-' ? 2 : 1);
    return text.size() <= kLabelBytesMax && of_label(text.front()) && std::all_of(rest.begin(), rest.end(), of_label);
  }
  const auto last = text.substr(last_dot + 1);
  if (last.size() < kLastBytesMin || last.size() > kLabelBytesMax || !std::all_of(last.begin(), last.end(), alphabetic)) return false;
  for (std::size_t at = 0; at <= last_dot;) {
    const auto end = text.find('.', at);
    if (end - at > kLabelBytesMax || !host_label(text.substr(at, end - at))) return false;
    at = end + 1;
  }
  return true;
}

bool date(std::string_view text) {
  int year = 0;
  unsigned month = 0, day = 0;
  const auto number = [&](std::size_t at, std::size_t length, auto& into) {
    const auto* end = text.data() + at + length;
    return std::from_chars(text.data() + at, end, into).ptr == end && text[at] >= '0';
  };
  if (text.size() != 10 || text[4] != '-' || text[7] != '-' || !number(0, 4, year) || !number(5, 2, month) || !number(8, 2, day)) return false;
  return std::chrono::year_month_day(std::chrono::year(year), std::chrono::month(month), std::chrono::day(day)).ok();
}

bool date_time(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c); });
  const auto between = lower.find('t');
  return between != std::string::npos && date(std::string_view(lower).substr(0, between)) && clock(std::string_view(lower).substr(between + 1));
}

bool duration(std::string_view text) { return base::parse_duration(text).has_value() || word_duration(text); }

/// "a@b" or "Name <a@b>", and a remark behind it.
bool email(std::string_view text) {
  if (text.ends_with(')')) {
    text = text.substr(0, text.rfind('('));
    while (text.ends_with(' ')) text.remove_suffix(1);
  }
  const auto open = text.rfind('<');
  if (open == std::string_view::npos) return mail_name(text);
  return text.ends_with('>') && person(text.substr(0, open)) && mail_name(text.substr(open + 1, text.size() - open - 2));
}

std::string without_separators(std::string_view text) {
  std::string out;
  for (const char c : text)
    if (c != '-' && c != ' ') out += c;
  return out;
}

bool isbn10(std::string_view text) {
  const auto digits = without_separators(text);
  int sum = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const bool ten = i == 9 && (digits[i] == 'X' || digits[i] == 'x');
    if (!ten && (digits[i] < '0' || digits[i] > '9')) return false;
    sum += static_cast<int>(i + 1) * (ten ? 10 : digits[i] - '0');
  }
  return digits.size() == 10 && sum % 11 == 0;
}

bool isbn13(std::string_view text) {
  const auto digits = without_separators(text);
  int sum = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (digits[i] < '0' || digits[i] > '9') return false;
    sum += (i % 2 == 0 ? 1 : 3) * (digits[i] - '0');
  }
  return digits.size() == 13 && sum % 10 == 0;
}

bool isbn(std::string_view text) { return isbn10(text) || isbn13(text); }

/// Right by its own check digit, too.
bool credit_card(std::string_view text) {
  std::string digits;
  for (const char c : text)
    if (c >= '0' && c <= '9') digits += c;
  int sum = 0;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    const int digit = digits[digits.size() - 1 - i] - '0', twice = 2 * digit;
    sum += i % 2 == 0 ? digit : twice > 9 ? twice - 9 : twice;
  }
  return card_number(digits) && sum % 10 == 0;
}

struct Row {
  std::string_view name;
  FormatCheck check;
};

constexpr Row kFormats[] = {{"bsonobjectid", object_id}, {"uri", uri}, {"email", email}, {"hostname", hostname}, {"ipv4", ipv4}, {"ipv6", ipv6}, {"cidr", cidr}, {"mac", mac},
                            {"uuid", any_uuid}, {"uuid3", uuid3}, {"uuid4", uuid4}, {"uuid5", uuid5}, {"isbn", isbn}, {"isbn10", isbn10}, {"isbn13", isbn13}, {"creditcard", credit_card},
                            {"ssn", ssn}, {"hexcolor", hex_color}, {"rgbcolor", rgb_color}, {"byte", base64}, {"password", anything}, {"date", date}, {"duration", duration},
                            {"datetime", date_time}, {"k8sshortname", label}, {"k8slongname", subdomain}};

}  // namespace

FormatCheck format_check(std::string_view format) {
  std::string name(format);
  std::erase(name, '-');
  const auto* row = std::find_if(std::begin(kFormats), std::end(kFormats), [&](const Row& one) { return one.name == name; });
  return row == std::end(kFormats) ? nullptr : row->check;
}

}  // namespace keelson::kinds

#include "core/base/formats.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace keelson::base {
namespace {

constexpr std::size_t kLabelMax = 63, kSubdomainMax = 253, kPortNameMax = 15;
constexpr std::int64_t kPortMax = 65'535, kUserMax = 2'147'483'647;

constexpr std::string_view kLabelForm = "[a-z0-9]([-a-z0-9]*[a-z0-9])?";
constexpr std::string_view kSubdomainForm = R"([a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*)";
constexpr std::string_view kKeyForm = "([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]";
constexpr std::string_view kKeyText = "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character";

bool lower_or_digit(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool alphanumeric(char c) { return lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

// The form at the end of a message, with examples.
std::string with_form(std::string_view message, std::string_view form, std::initializer_list<std::string_view> examples) {
  std::string text(message);
  text += " (";
  bool first = true;
  for (const auto example : examples) {
    text += first ? "e.g. '" : " or '";
    text.append(example).append("', ");
    first = false;
  }
  return text.append("regex used for validation is '").append(form).append("')");
}

// Upstream counts bytes in both, and says so of labels alone.
std::string at_most(std::size_t most, std::string_view what = "characters") { return "must be no more than " + std::to_string(most) + " " + std::string(what); }

bool fits_label(std::string_view text) {
  return !text.empty() && lower_or_digit(text.front()) && lower_or_digit(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return lower_or_digit(c) || c == '-'; });
}

bool fits_subdomain(std::string_view text) {
  while (true) {
    const auto dot = text.find('.');
    if (!fits_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

Complaints subdomain_complaints(std::string_view text, std::string_view counted) {
  Complaints wrong;
  if (text.size() > kSubdomainMax) wrong.push_back(at_most(kSubdomainMax, counted));
  if (!fits_subdomain(text))
    wrong.push_back(with_form("a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an alphanumeric character",
                              kSubdomainForm, {"example.com"}));
  return wrong;
}

bool fits_key(std::string_view text) {
  return !text.empty() && alphanumeric(text.front()) && alphanumeric(text.back()) &&
         std::all_of(text.begin(), text.end(), [](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

std::string between(std::int64_t least, std::int64_t most) {
  return "must be between " + std::to_string(least) + " and " + std::to_string(most) + ", inclusive";
}

}  // namespace

Complaints check_label_1123(std::string_view text) {
  Complaints wrong;
  if (text.size() > kLabelMax) wrong.push_back(at_most(kLabelMax));
  if (fits_label(text)) return wrong;
  if (fits_subdomain(text)) wrong.emplace_back("must not contain dots");
  else
    wrong.push_back(with_form("a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end with an alphanumeric character",
                              kLabelForm, {"my-name", "123-abc"}));
  return wrong;
}

Complaints check_subdomain_1123(std::string_view text) { return subdomain_complaints(text, "characters"); }

Complaints check_label_1035(std::string_view text) {
  Complaints wrong;
  if (text.size() > kLabelMax) wrong.push_back(at_most(kLabelMax));
  if (!fits_label(text) || (text.front() >= '0' && text.front() <= '9'))
    wrong.push_back(with_form("a DNS-1035 label must consist of lower case alphanumeric characters or '-', start with an alphabetic character, and end with an alphanumeric character",
                              "[a-z]([-a-z0-9]*[a-z0-9])?", {"my-name", "abc-123"}));
  return wrong;
}

Complaints check_path_segment(std::string_view text) {
  Complaints wrong;
  if (text == "." || text == "..") wrong.push_back("may not be '" + std::string(text) + "'");
  for (const std::string_view illegal : {"/", "%"})
    if (text.find(illegal) != std::string_view::npos) wrong.push_back("may not contain '" + std::string(illegal) + "'");
  return wrong;
}

Complaints check_label_key(std::string_view text) {
  Complaints wrong;
  auto name = text;
  if (const auto slash = text.find('/'); slash != std::string_view::npos) {
    const auto prefix = text.substr(0, slash);
    name = text.substr(slash + 1);
    if (name.find('/') != std::string_view::npos) {
      wrong.push_back("a valid label key " + with_form(kKeyText, kKeyForm, {"MyName", "my.name", "123-abc"}) +
                      " with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')");
      return wrong;
    }
    if (prefix.empty()) wrong.emplace_back("prefix part must be non-empty");
    else
      for (const auto& each : subdomain_complaints(prefix, "bytes")) wrong.push_back("prefix part " + each);
  }
  if (name.empty()) wrong.emplace_back("name part must be non-empty");
  else if (name.size() > kLabelMax) wrong.push_back("name part " + at_most(kLabelMax, "bytes"));
  if (!fits_key(name)) wrong.push_back("name part " + with_form(kKeyText, kKeyForm, {"MyName", "my.name", "123-abc"}));
  return wrong;
}

Complaints check_label_value(std::string_view text) {
  Complaints wrong;
  if (text.size() > kLabelMax) wrong.push_back(at_most(kLabelMax, "bytes"));
  if (!text.empty() && !fits_key(text))
    wrong.push_back(with_form("a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character",
                              "(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?", {"MyValue", "my_value", "12345"}));
  return wrong;
}

Complaints check_port_name(std::string_view text) {
  Complaints wrong;
  if (text.size() > kPortNameMax) wrong.push_back(at_most(kPortNameMax));
  if (text.empty() || !std::all_of(text.begin(), text.end(), [](char c) { return lower_or_digit(c) || c == '-'; }))
    wrong.emplace_back("must contain only alpha-numeric characters (a-z, 0-9), and hyphens (-)");
  if (std::none_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; })) wrong.emplace_back("must contain at least one letter (a-z)");
  if (text.find("--") != std::string_view::npos) wrong.emplace_back("must not contain consecutive hyphens");
  if (!text.empty() && (text.front() == '-' || text.back() == '-')) wrong.emplace_back("must not begin or end with a hyphen");
  return wrong;
}

Complaints check_port_number(std::int64_t port) {
  if (port >= 1 && port <= kPortMax) return {};
  return {between(1, kPortMax)};
}

Complaints check_env_name(std::string_view text) {
  if (text.empty()) return {"must be non-empty"};
  if (std::all_of(text.begin(), text.end(), [](char c) { return c >= 0x20 && c <= 0x7e && c != '='; })) return {};
  return {"a valid environment variable name must consist only of printable ASCII characters other than '='"};
}

Complaints check_config_key(std::string_view text) {
  Complaints wrong;
  if (text.size() > kSubdomainMax) wrong.push_back(at_most(kSubdomainMax));
  if (text.empty() || !std::all_of(text.begin(), text.end(), [](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; }))
    wrong.push_back(with_form("a valid config key must consist of alphanumeric characters, '-', '_' or '.'", "[-._a-zA-Z0-9]+", {"key.name", "KEY_NAME", "key-name"}));
  if (text == ".") wrong.emplace_back("must not be '.'");
  else if (text == "..") wrong.emplace_back("must not be '..'");
  else if (text.starts_with("..")) wrong.emplace_back("must not start with '..'");
  return wrong;
}

Complaints check_header_name(std::string_view text) {
  if (!text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return alphanumeric(c) || c == '-'; })) return {};
  return {with_form("a valid HTTP header must consist of alphanumeric characters or '-'", "[-A-Za-z0-9]+", {"X-Header-Name"})};
}

Complaints check_user_id(std::int64_t id) {
  if (id >= 0 && id <= kUserMax) return {};
  return {between(0, kUserMax)};
}

int ip_family(std::string_view text) {
  if (text.size() > 45) return 0;
  const std::string copy(text);
  unsigned char buffer[sizeof(in6_addr)];
  if (inet_pton(AF_INET, copy.c_str(), buffer) == 1) return 4;
  return inet_pton(AF_INET6, copy.c_str(), buffer) == 1 ? 6 : 0;
}

Complaints check_ip(std::string_view text) {
  if (ip_family(text) != 0) return {};
  return {"must be a valid IP address, (e.g. 10.9.8.7 or 2001:db8::ffff)"};
}

Complaints check_cidr(std::string_view text) {
  const auto slash = text.find('/');
  const int family = slash == std::string_view::npos ? 0 : ip_family(text.substr(0, slash));
  int bits = -1;
  if (family != 0) {
    const auto digits = text.substr(slash + 1);
    const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
    if (fault != std::errc() || end != digits.data() + digits.size()) bits = -1;
  }
  if (bits >= 0 && bits <= (family == 4 ? 32 : 128)) return {};
  return {"must be a valid CIDR value, (e.g. 10.9.8.0/24 or 2001:db8::/64)"};
}

Complaints check_wildcard_subdomain(std::string_view text) {
  Complaints wrong;
  if (text.size() > kSubdomainMax) wrong.push_back(at_most(kSubdomainMax));
  if (!text.starts_with("*.") || !fits_subdomain(text.substr(2)))
    wrong.push_back(with_form("a wildcard DNS-1123 subdomain must start with '*.', followed by a valid DNS subdomain, which must consist of lower case alphanumeric characters, '-' or '.' and end with an alphanumeric character",
                              R"(\*\.)" + std::string(kSubdomainForm), {"*.example.com"}));
  return wrong;
}

bool is_percent(std::string_view text) {
  return text.size() > 1 && text.back() == '%' && std::all_of(text.begin(), text.end() - 1, [](char c) { return c >= '0' && c <= '9'; });
}

bool has_backsteps(std::string_view path) {
  while (true) {
    const auto slash = path.find('/');
    if (path.substr(0, slash) == "..") return true;
    if (slash == std::string_view::npos) return false;
    path.remove_prefix(slash + 1);
  }
}

}  // namespace keelson::base

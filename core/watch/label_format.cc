#include "core/watch/label_format.hpp"

#include <algorithm>

namespace keelson::watch {
namespace {

bool alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool lower_alphanumeric(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z'); }

bool qualified_part(std::string_view text) {
  if (text.empty() || !alphanumeric(text.front()) || !alphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return alphanumeric(c) || c == '-' || c == '_' || c == '.'; });
}

bool dns_label(std::string_view text) {
  if (text.empty() || !lower_alphanumeric(text.front()) || !lower_alphanumeric(text.back())) return false;
  return std::all_of(text.begin(), text.end(), [](char c) { return lower_alphanumeric(c) || c == '-'; });
}

bool subdomain(std::string_view text) {
  for (;;) {
    const auto dot = text.find('.');
    if (!dns_label(text.substr(0, dot))) return false;
    if (dot == std::string_view::npos) return true;
    text.remove_prefix(dot + 1);
  }
}

std::string too_long(std::size_t limit) { return "must be no more than " + std::to_string(limit) + " bytes"; }

constexpr std::string_view kNameForm =
    "must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or "
    "'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
constexpr std::string_view kValueForm =
    "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is "
    "'(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
constexpr std::string_view kSubdomainForm =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start and end with an "
    "alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";
constexpr std::string_view kKeyForm =
    "a valid label key must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character "
    "(e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an "
    "optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')";

void prefix_faults(std::string_view prefix, std::vector<std::string>& faults) {
  if (prefix.empty()) {
    faults.push_back("prefix part must be non-empty");
    return;
  }
  if (prefix.size() > kSubdomainBytesMax) faults.push_back("prefix part " + too_long(kSubdomainBytesMax));
  if (!subdomain(prefix)) faults.push_back("prefix part " + std::string(kSubdomainForm));
}

}  // namespace

std::vector<std::string> label_key_faults(std::string_view key) {
  std::vector<std::string> faults;
  std::string_view name = key;
  if (const auto slash = key.find('/'); slash != std::string_view::npos) {
    if (key.find('/', slash + 1) != std::string_view::npos) return {std::string(kKeyForm)};
    prefix_faults(key.substr(0, slash), faults);
    name = key.substr(slash + 1);
  }
  if (name.empty()) faults.push_back("name part must be non-empty");
  if (name.size() > kLabelPartBytesMax) faults.push_back("name part " + too_long(kLabelPartBytesMax));
  if (!qualified_part(name)) faults.push_back("name part " + std::string(kNameForm));
  return faults;
}

std::vector<std::string> label_value_faults(std::string_view value) {
  std::vector<std::string> faults;
  if (value.size() > kLabelPartBytesMax) faults.push_back(too_long(kLabelPartBytesMax));
  if (!value.empty() && !qualified_part(value)) faults.emplace_back(kValueForm);
  return faults;
}

}  // namespace keelson::watch

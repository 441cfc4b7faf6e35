// Names of attributes and capacities of devices.
//
// The rules are those of pkg/apis/resource/validation: validateQualifiedName.
#include "core/kinds/validate/device_parts.hpp"

#include <algorithm>
#include <cctype>

namespace keelson::kinds {
namespace {

constexpr std::size_t kNameBytesMax = 32;

bool is_identifier(std::string_view text) {
  const auto fits = [](unsigned char c) { return std::isalnum(c) || c == '_'; };
  return !text.empty() && !std::isdigit(static_cast<unsigned char>(text[0])) && std::all_of(text.begin(), text.end(), fits);
}

void validate_identifier(std::string_view text, const Path& path, FieldErrors& errors) {
  if (text.size() > kNameBytesMax) errors.too_long(path, kNameBytesMax);
  if (!is_identifier(text))
    errors.invalid(path, text,
                   "a valid C identifier must start with alphabetic character or '_', followed by a string of alphanumeric characters or '_' (e.g. 'my_name',  or 'MY_NAME',  or "
                   "'MyName', regex used for validation is '[A-Za-z_][A-Za-z0-9_]*')");
}

}  // namespace

void validate_attribute_name(std::string_view name, const Path& path, FieldErrors& errors) {
  const auto slash = name.find('/');
  if (slash == std::string_view::npos) return validate_identifier(name, path, errors);
  const auto domain = name.substr(0, slash), rest = name.substr(slash + 1);
  if (rest.find('/') != std::string_view::npos) return;   // of these nothing is said
  if (domain.empty()) errors.invalid(path, "", "the domain must not be empty");
  else validate_driver_name(domain, path, errors);
  if (rest.empty()) errors.invalid(path, "", "the name must not be empty");
  else validate_identifier(rest, path, errors);
}

}  // namespace keelson::kinds

#include "core/kinds/field_errors.hpp"

#include <algorithm>

#include "core/kinds/json_print.hpp"

namespace keelson::kinds {

std::string Path::text() const {
  if (!up_) return std::string(name_);
  auto text = up_->text();
  if (form_ == Form::index) return text + "[" + std::to_string(index_) + "]";
  if (form_ == Form::key) return text + "[" + std::string(name_) + "]";
  if (!text.empty()) text += '.';
  return text.append(name_);
}

std::string shown_value(const boost::json::value* value) {
  if (!value) return "null";
  std::string text;
  print_value(text, *value);
  if (!value->is_structured()) return text;
  std::string escaped;
  for (const char c : text) {
    if (c == '<') escaped += "\\u003c";
    else if (c == '>') escaped += "\\u003e";
    else if (c == '&') escaped += "\\u0026";
    else escaped += c;
  }
  return escaped;
}

std::string shown_value(std::string_view text) {
  std::string shown;
  print_string(shown, text);
  return shown;
}

void FieldErrors::add(std::string_view reason, const Path& path, std::string message) {
  if (!full()) add(base::Cause{std::string(reason), std::move(message), path.text()});
}

void FieldErrors::add(const base::Cause& cause) {
  if (full()) return;
  causes_.push_back(cause);
  bytes_ += cause.message.size() + cause.field.size();
}

void FieldErrors::required(const Path& path, std::string_view detail) {
  add("FieldValueRequired", path, detail.empty() ? "Required value" : "Required value: " + std::string(detail));
}

void FieldErrors::invalid(const Path& path, Value value, std::string_view detail) {
  if (full()) return;
  add("FieldValueInvalid", path, "Invalid value: " + shown_value(value) + (detail.empty() ? "" : ": " + std::string(detail)));
}

void FieldErrors::invalid(const Path& path, std::string_view value, std::string_view detail) {
  add("FieldValueInvalid", path, "Invalid value: " + shown_value(value) + ": " + std::string(detail));
}

void FieldErrors::invalid_each(const Path& path, std::string_view value, const std::vector<std::string>& messages) {
  for (const auto& message : messages) invalid(path, value, message);
}

void FieldErrors::not_supported(const Path& path, std::string_view value, std::span<const std::string_view> supported) { unsupported(path, shown_value(value), supported); }
void FieldErrors::not_supported(const Path& path, Value value, std::span<const std::string_view> supported) { unsupported(path, shown_value(value), supported); }

void FieldErrors::unsupported(const Path& path, const std::string& shown, std::span<const std::string_view> supported) {
  std::string list;
  for (const auto each : supported) list += (list.empty() ? "" : ", ") + shown_value(each);
  add("FieldValueNotSupported", path, "Unsupported value: " + shown + (list.empty() ? "" : ": supported values: " + list));
}

void FieldErrors::duplicate(const Path& path, Value value) { if (!full()) add("FieldValueDuplicate", path, "Duplicate value: " + shown_value(value)); }
void FieldErrors::duplicate(const Path& path, std::string_view value) { add("FieldValueDuplicate", path, "Duplicate value: " + shown_value(value)); }
void FieldErrors::forbidden(const Path& path, std::string_view detail) { add("FieldValueForbidden", path, "Forbidden: " + std::string(detail)); }
void FieldErrors::internal(const Path& path, std::string_view detail) { add("InternalError", path, "Internal error: " + std::string(detail)); }
void FieldErrors::not_found(const Path& path, std::string_view value, std::string_view detail) {
  add("FieldValueNotFound", path, "Not found: " + shown_value(value) + (detail.empty() ? "" : ": " + std::string(detail)));
}

void FieldErrors::too_long(const Path& path, std::size_t most) {
  add("FieldValueTooLong", path, "Too long: may not be more than " + std::to_string(most) + " bytes");
}

void FieldErrors::too_many(const Path& path, std::size_t count, std::size_t most) {
  add("FieldValueTooMany", path, "Too many: " + std::to_string(count) + ": must have at most " + std::to_string(most) + " items");
}

bool FieldErrors::one_of(const Path& path, std::string_view value, std::span<const std::string_view> supported) {
  if (std::find(supported.begin(), supported.end(), value) != supported.end()) return true;
  not_supported(path, value, supported);
  return false;
}

}  // namespace keelson::kinds

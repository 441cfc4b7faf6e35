#include "core/kinds/patch/patch.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "core/kinds/engine.hpp"

namespace keelson::kinds {
namespace {

std::string printed_object(const json::object& object) {
  std::vector<std::string_view> keys;
  for (const auto& member : object) keys.push_back(member.key());
  std::sort(keys.begin(), keys.end());
  std::string text = "map[";
  for (std::string_view key : keys) {
    if (text.size() > 4) text += ' ';
    text += std::string(key) + ':' + printed(object.at(key));
  }
  return text + ']';
}

std::string printed_array(const json::array& array) {
  std::string text = "[";
  for (const auto& element : array) {
    if (text.size() > 1) text += ' ';
    text += printed(element);
  }
  return text + ']';
}

base::Error unsupported_media_type() {
  base::Error error;
  error.code = 415;
  error.reason = "UnsupportedMediaType";
  error.message =
      "the body of the request was in an unknown format - accepted media types include: application/json-patch+json, "
      "application/merge-patch+json, application/apply-patch+yaml";
  return error;
}

}  // namespace

base::Error patch_rejected(std::string why) {
  base::Error error;
  error.code = 422;
  error.reason = "Invalid";
  error.message = "the server rejected our request due to an error in our request";
  error.causes.push_back({"UnexpectedServerResponse", std::move(why), ""});
  return error;
}

std::string_view json_kind_name(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return "null";
    case json::kind::bool_: return "bool";
    case json::kind::string: return "string";
    case json::kind::array: return "array";
    case json::kind::object: return "object";
    default: return "number";
  }
}

std::string printed(const json::value& value) {
  if (value.is_object()) return printed_object(value.get_object());
  if (value.is_array()) return printed_array(value.get_array());
  if (value.is_string()) return std::string(value.get_string());
  return value.is_null() ? "<nil>" : json::serialize(value);
}

namespace {

/// Whatever the patch says of kind and version, the object keeps its own.
base::Outcome<json::value> strategic_of_kind(const Type& type, const json::value& original, const json::value& patch, json::storage_ptr memory) {
  auto patched = strategic_patch(type, original, patch, memory);
  const auto* before = original.if_object();
  if (!patched || !patched->is_object() || !before) return patched;
  for (const std::string_view name : {"kind", "apiVersion"})
    if (const auto* own = before->if_contains(name)) patched->get_object()[name] = *own;
  return patched;
}

}  // namespace

base::Outcome<json::value> patch(const Kind& kind, PatchType type, const json::value& original, const json::value& patch, json::storage_ptr memory) {
  switch (type) {
    case PatchType::json: return json_patch(original, patch, memory);
    case PatchType::merge: return merge_patch(original, patch, memory);
    case PatchType::strategic:
      if (kind.strategy.custom_resource || !kind.type) return unsupported_media_type();
      return strategic_of_kind(*kind.type, original, patch, memory);
    case PatchType::apply: break;
  }
  return base::bad_request("an apply patch needs a field manager");
}

}  // namespace keelson::kinds

#include <boost/json.hpp>

#include "core/kinds/patch/patch.hpp"

namespace keelson::kinds {
namespace json = boost::json;
namespace {

void merge_object(json::object& target, const json::object& patch);

void merge_member(json::object& target, const json::object::value_type& member) {
  if (member.value().is_null()) {
    target.erase(member.key());
  } else if (!member.value().is_object()) {
    target.insert_or_assign(member.key(), member.value());
  } else {
    json::value& slot = target[member.key()];
    if (!slot.is_object()) slot.emplace_object();
    merge_object(slot.get_object(), member.value().get_object());
  }
}

void merge_object(json::object& target, const json::object& patch) {
  for (const auto& member : patch) merge_member(target, member);
}

}  // namespace

base::Outcome<json::value> merge_patch(const json::value& original, const json::value& patch, json::storage_ptr memory) {
  if (!patch.is_object())
    return base::bad_request("error decoding patch: json: cannot unmarshal " + std::string(json_kind_name(patch)) + " into Go value of type map[string]interface {}");
  json::value result(original, std::move(memory));
  if (!result.is_object()) result.emplace_object();
  merge_object(result.get_object(), patch.get_object());
  return result;
}

}  // namespace keelson::kinds

#include "core/kinds/patch/patch_reading.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "core/kinds/parse.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kOperationMembers[] = {"op", "path", "from", "value"};

bool of_an_operation(std::string_view name) { return std::find(std::begin(kOperationMembers), std::end(kOperationMembers), name) != std::end(kOperationMembers); }

void add_unknown_members(const json::value& operations, std::vector<std::string>& complaints) {
  const auto* list = operations.if_array();
  for (std::size_t i = 0; list && i < list->size(); ++i) {
    const auto* operation = (*list)[i].if_object();
    if (!operation) continue;
    for (const auto& member : *operation)
      if (const std::string name(member.key()); !of_an_operation(name) && complaints.size() < kComplaintsMax)
        complaints.push_back("unknown field \"[" + std::to_string(i) + "]." + name + '"');
  }
}

}  // namespace

base::Outcome<ReadPatch> read_patch(Media media, PatchType type, std::string_view body, json::storage_ptr memory) {
  if (body.size() > kBodyBytesMax)
    return base::request_too_large("Request entity too large: limit is " + std::to_string(kBodyBytesMax));
  auto parsed = media == Media::json ? parse_json(body, std::move(memory)) : parse_yaml(body, std::move(memory));
  if (!parsed.fault.empty()) return base::bad_request(parsed.fault);
  ReadPatch read{std::move(parsed.value), std::move(parsed.duplicates)};
  if (type != PatchType::json) return read;
  add_unknown_members(read.value, read.complaints);
  for (auto& complaint : read.complaints) complaint.insert(0, "json patch ");
  return read;
}

std::string strict_text(const std::vector<std::string>& complaints) {
  std::string text = "strict decoding error: ";
  for (const auto& complaint : complaints) text += (&complaint == &complaints.front() ? "" : ", ") + complaint;
  return text;
}

}  // namespace keelson::kinds

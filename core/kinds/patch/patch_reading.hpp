// PatchReading: a patch as it was sent, and what strict decoding has to say of the patch itself: keys that occur twice, members that
// an operation of a JSON patch does not have. What the patched object says comes on top, from decode_value().
//
// Threads: any, stateless. Ownership: values live in the given memory resource. Errors: as parse().
#pragma once
#include <string>
#include <vector>

#include "core/kinds/engine.hpp"

namespace keelson::kinds {

struct ReadPatch {
  json::value value;
  std::vector<std::string> complaints;   ///< at most kComplaintsMax
};
base::Outcome<ReadPatch> read_patch(Media media, PatchType type, std::string_view body, json::storage_ptr memory);

/// "strict decoding error: ..., ..."
std::string strict_text(const std::vector<std::string>& complaints);

}  // namespace keelson::kinds

// The three client patches as pure functions over JSON values: JSON patch (RFC 6902), merge patch (RFC 7386) and
// strategic merge patch. engine.hpp's patch() picks one of them; nothing else calls them.
//
// Invariants: neither operand changes; the result lives in `memory`. Work is linear in the operands but for JSON patch,
//   whose operations and copied bytes are bounded by engine.hpp's constants.
// Threads: any. Errors: 400 for a patch that is none, 413 for too many operations, 422 for one that does not apply.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

#include "core/base/error.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {

base::Outcome<boost::json::value> json_patch(const boost::json::value& original, const boost::json::value& operations, boost::json::storage_ptr memory);
base::Outcome<boost::json::value> merge_patch(const boost::json::value& original, const boost::json::value& patch, boost::json::storage_ptr memory);
base::Outcome<boost::json::value> strategic_patch(const Type& type, const boost::json::value& original, const boost::json::value& patch, boost::json::storage_ptr memory);

/// 422 Invalid for a well-formed patch that does not apply to this object; `why` becomes the one cause.
base::Error patch_rejected(std::string why);
/// What a decoder in the reference implementation calls this value's type: "object", "array", "string" ...
std::string_view json_kind_name(const boost::json::value& value);
/// A value as that implementation's messages print it: map[a:1 b:x], [1 2], text without quotes.
std::string printed(const boost::json::value& value);

}  // namespace keelson::kinds

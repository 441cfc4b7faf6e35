// Protobuf: request bodies as typed clients send them (application/vnd.kubernetes.protobuf), read by the same tables as
// JSON. The envelope names the type, its message becomes the JSON value that the client would have sent instead.
//
// Threads: any, stateless. Errors: 400; input is never trusted: lengths, depth and wire types are checked.
#pragma once
#include <boost/json/value.hpp>
#include <string_view>

#include "core/base/error.hpp"

namespace keelson::kinds {

inline constexpr std::string_view kProtobufMedia = "application/vnd.kubernetes.protobuf";
/// Nested messages of one body; the deepest type that is no schema has fewer than 20.
inline constexpr int kProtobufDepthMax = 64;

/// The whole body, magic bytes first.
base::Outcome<boost::json::value> from_protobuf(std::string_view body, boost::json::storage_ptr memory = {});

}  // namespace keelson::kinds

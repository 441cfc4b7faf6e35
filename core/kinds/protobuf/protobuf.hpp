// Protobuf: bodies as typed clients send and take them (application/vnd.kubernetes.protobuf), read and written by the same
// tables as JSON. The envelope names the type, its message is the JSON value in another form.
//
// Invariants: what is written is byte for byte what Go's generated code writes for the same object: fields in the order of
//   their numbers, plain fields also when zero, maps by key.
// Threads: any, stateless. Errors: 400; input is never trusted: lengths, depth and wire types are checked. What is written
//   comes from the store: a value that does not fit its field reads as the field's zero, and what a type keeps as it is (fieldsV1) goes out as it stands.
#pragma once
#include <boost/json/value.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace keelson::kinds {

inline constexpr std::string_view kProtobufMedia = "application/vnd.kubernetes.protobuf";
/// Nested messages of one body; the deepest type that is no schema has fewer than 20.
inline constexpr int kProtobufDepthMax = 64;

/// The whole body, magic bytes first.
base::Outcome<boost::json::value> from_protobuf(std::string_view body, boost::json::storage_ptr memory = {});

/// An object in its envelope: what a client is sent whole, and the message inside with its field's head, which is that of an item of a
/// list, too: both are number 2.
struct ProtobufObject {
  std::string bytes;
  std::size_t item_at = 0, item_size = 0;
  std::string_view item() const { return std::string_view(bytes).substr(item_at, item_size); }
};
/// Whether objects of this kind have numbers on the wire (custom resources have none).
bool has_protobuf(std::string_view api_version, std::string_view kind);
/// An object's text as the server prints it, by its own apiVersion and kind; empty when these have no numbers.
std::optional<ProtobufObject> json_to_protobuf(std::string_view text);
std::optional<ProtobufObject> to_protobuf(const boost::json::value& object);

// --- lists, piece by piece: head, then ProtobufObject::item() of each, then the tail -------------------------------------
struct ListHead {
  std::string_view api_version, kind;   ///< of the list
  std::uint64_t revision = 0;
  std::string_view continue_token;
  std::optional<std::int64_t> remaining;
};
/// `items_bytes`: of all items.
std::string protobuf_list_head(const ListHead& head, std::uint64_t items_bytes);
std::string_view protobuf_list_tail();

/// One event of a watch, its length first; `object` in its envelope.
std::string protobuf_watch_frame(std::string_view type, std::string_view object);

}  // namespace keelson::kinds

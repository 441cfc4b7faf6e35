// A list in protobuf: its length stands before its items, so they are encoded once to be measured and, beyond what is kept,
// once more as the client takes them. Private to core/api.
//
// Threads: the connection's network thread. Ownership: holds the objects.
#pragma once
#include <functional>
#include <span>
#include <vector>

#include "core/api/core.hpp"

namespace keelson::api {

/// How its items are written.
struct ItemEncoder {
  /// Appends what is kept of each, null where nothing is; absent: nothing is ever kept.
  std::function<void(std::span<const store::ObjectRef>, std::vector<ProtobufRef>&)> find;
  std::function<ProtobufRef(const store::ObjectRef&)> encode;
};

std::unique_ptr<http::Payload> protobuf_list_payload(std::shared_ptr<http::Responder> responder, const std::string& api_version, const std::string& kind, verbs::Listed listed, ItemEncoder encoder);

}  // namespace keelson::api

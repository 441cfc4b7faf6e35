// A list in protobuf: its length stands before its items, so they are encoded once to be measured and, beyond what is kept,
// once more as the client takes them. Private to core/api.
//
// Threads: the connection's network thread. Ownership: holds the objects.
#pragma once
#include <functional>

#include "core/api/core.hpp"

namespace keelson::api {

using EncodeItem = std::function<ProtobufRef(const store::ObjectRef&)>;

std::unique_ptr<Payload> protobuf_list_payload(std::shared_ptr<Responder> responder, const std::string& api_version, const std::string& kind, verbs::Listed listed, EncodeItem encode);

}  // namespace keelson::api

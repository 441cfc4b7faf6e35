// WebSocket, the server's sending half: watches for browsers, one event per text frame. What the client sends is read
// and thrown away; it leaves by closing.
#pragma once
#include "core/http/http.hpp"

namespace keelson::http {

/// GET with Upgrade: websocket and a key.
bool asks_websocket(const Request& request);
/// 101 with `payload`'s bytes framed, one frame a piece: text lines, or binary without the length before each. `headers`
/// are added.
Response websocket_response(const Request& request, std::unique_ptr<Payload> payload, Headers headers, bool binary = false);

/// The same as text, for a connection that is handed on.
std::string websocket_head(const Request& request, std::string_view protocol);

}  // namespace keelson::http

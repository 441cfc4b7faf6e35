// Translation: between a WebSocket client and a streaming server that speaks something else. Private to the transport.
//
// Invariants: bytes in, bytes out: it neither reads nor waits, and keeps no more than one control message and one status.
// Threads: the network thread of its relay, which owns it.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "core/http/http.hpp"

namespace keelson::http {

class Translation {
 public:
  virtual ~Translation() = default;
  /// The server has taken the upgrade: what it hears first.
  virtual void begin(std::string& up) = 0;
  /// False: the client has said goodbye. What it is answered goes to `down`.
  virtual bool from_client(std::string_view bytes, std::string& up, std::string& down) = 0;
  /// False: the server cannot be understood. What it is answered goes to `up`.
  virtual bool from_server(std::string_view bytes, std::string& up, std::string& down) = 0;
  /// The server says no more: the client's goodbye.
  virtual void server_ended(std::string& down) = 0;
};

/// Null where bytes go through as they are.
std::unique_ptr<Translation> make_translation(const Tunnel& tunnel);

}  // namespace keelson::http

// WebSocket frames: a client's taken apart, the server's put together.
//
// Invariants: a client's frames are masked, control frames are short and whole; anything else ends the connection with
//   1002. Data frames of any size pass through as they come, nothing is kept of them.
// Threads: one.
#pragma once
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

namespace keelson::http {

enum class WebSocketCode : std::uint16_t { normal = 1000, protocol_error = 1002 };

/// The server's frame around `size` bytes that follow it.
std::string websocket_frame_head(unsigned char operation, std::size_t size);
std::string websocket_binary(std::string_view bytes);
std::string websocket_close(WebSocketCode code);

/// Hears a client's messages, each in as many parts as they arrived in.
class WebSocketListener {
 public:
  virtual ~WebSocketListener() = default;
  virtual void message_begins() = 0;
  virtual void message_part(std::string_view bytes) = 0;
};

class WebSocketReader {
 public:
  enum class State { open, closed };
  /// Tells `listener` of data, and appends to `reply` what has to be answered (pongs, the goodbye).
  State feed(std::string_view bytes, WebSocketListener& listener, std::string& reply);
  /// The same without borders between messages: their bytes are appended to `data`.
  State feed(std::string_view bytes, std::string& data, std::string& reply);

 private:
  std::size_t read_head(std::string_view bytes);
  bool head_makes_sense() const;
  void begin_payload();
  std::size_t read_payload(std::string_view bytes, WebSocketListener& listener);
  void end_control(std::string& reply);
  void fail(std::string& reply);
  bool control() const { return (operation_ & 8) != 0; }

  std::array<unsigned char, 14> head_{};
  std::size_t head_size_ = 0;          // received of it
  unsigned char operation_ = 0;
  std::uint64_t left_ = 0;             // of the payload
  std::array<unsigned char, 4> mask_{};
  std::size_t mask_at_ = 0;
  bool in_payload_ = false;
  std::string control_;
  std::string part_;
  State state_ = State::open;
};

}  // namespace keelson::http

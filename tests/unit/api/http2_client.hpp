// An HTTP/2 client for tests, on nghttp2: several requests on one connection, and raw bytes for what no library sends.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "core/auth/auth.hpp"

namespace keelson::tests {

struct Http2Answer {
  std::map<std::string, std::string> headers;
  std::string body;
  bool head = false;                  ///< its headers have come
  bool complete = false;
  std::optional<std::uint32_t> reset; ///< the code of RST_STREAM
  int status() const { return head ? std::stoi(headers.at(":status")) : 0; }
};

class Http2Client {
 public:
  using Headers = std::map<std::string, std::string>;
  /// `window`: of each stream, in bytes.
  explicit Http2Client(std::uint16_t port, const std::optional<auth::KeyPair>& identity = std::nullopt, std::int32_t window = 65'535);
  ~Http2Client();
  Http2Client(const Http2Client&) = delete;
  Http2Client& operator=(const Http2Client&) = delete;

  std::string protocol() const;   ///< that ALPN chose
  std::int32_t begin(std::string_view method, std::string_view path, std::string body = {}, const Headers& more = {});
  void cancel(std::int32_t stream);
  Http2Answer& answer(std::int32_t stream);
  /// Waits until `holds`; false at the connection's end or after a bounded time.
  template <class Holds>
  bool until(Holds holds) {
    while (!holds())
      if (!turn()) return holds();
    return true;
  }
  Http2Answer request(std::string_view method, std::string_view path, std::string body = {}, const Headers& more = {});
  void send_raw(std::string_view bytes);
  bool ended();                   ///< waits for the connection's end
  bool goaway() const;
  std::uint32_t streams_allowed() const;

 private:
  bool turn();
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// One frame.
std::string http2_frame(unsigned type, unsigned flags, std::uint32_t stream, std::string_view payload);

}  // namespace keelson::tests

// One HTTP/2 connection as bytes in and bytes out, with one request under way at a time; nghttp2 does the frames.
//
// Threads: its caller's. Errors: what is not HTTP/2, and a stream that is reset, throws (client.hpp). Ownership: of the session.
#pragma once
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

struct nghttp2_session;

namespace keelson::bench {

class Http2 {
 public:
  struct Events {
    std::function<void(int status)> head;
    std::function<void(std::string_view)> body;
    std::function<void()> end;   ///< may make the next request
  };
  explicit Http2(Events events);
  ~Http2();
  Http2(const Http2&) = delete;
  Http2& operator=(const Http2&) = delete;

  using Headers = std::vector<std::pair<std::string, std::string>>;   ///< with `:method` and so on, which come first
  void request(const Headers& headers, std::string_view content);
  /// What has come; calls the events.
  void take(std::string_view bytes);
  /// Appends what is to be sent. Not from within an event.
  void give(std::string& out);
  bool taking() const { return taking_; }

 private:
  struct Calls;
  const Events events_;
  nghttp2_session* session_ = nullptr;
  std::string content_;
  std::size_t content_at_ = 0;
  bool taking_ = false;
};

}  // namespace keelson::bench

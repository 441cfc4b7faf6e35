#include "tests/bench/http2.hpp"

#include <nghttp2/nghttp2.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "tests/bench/client.hpp"

namespace keelson::bench {
namespace {

// As Go's client has them, so that windows do not hold a list up.
constexpr std::uint32_t kStreamWindowBytes = 4u << 20;
constexpr int kConnectionWindowBytes = 1 << 30;

void must(int code, const char* what) {
  if (code < 0) die(std::string("HTTP/2 ") + what + ": " + nghttp2_strerror(code));
}

}  // namespace

struct Http2::Calls {
  static int header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t* name, std::size_t name_bytes, const std::uint8_t* value, std::size_t, std::uint8_t, void* self) {
    if (name_bytes == 7 && std::memcmp(name, ":status", 7) == 0) static_cast<Http2*>(self)->events_.head(std::atoi(reinterpret_cast<const char*>(value)));
    return 0;
  }
  static int data(nghttp2_session*, std::uint8_t, std::int32_t, const std::uint8_t* bytes, std::size_t count, void* self) {
    static_cast<Http2*>(self)->events_.body({reinterpret_cast<const char*>(bytes), count});
    return 0;
  }
  static int closed(nghttp2_session*, std::int32_t, std::uint32_t error, void* self) {
    if (error != NGHTTP2_NO_ERROR) die("a stream was reset: " + std::string(nghttp2_http2_strerror(error)));
    static_cast<Http2*>(self)->events_.end();
    return 0;
  }
  static ssize_t content(nghttp2_session*, std::int32_t, std::uint8_t* to, std::size_t count, std::uint32_t* flags, nghttp2_data_source* source, void*) {
    auto& self = *static_cast<Http2*>(source->ptr);
    const auto some = std::min(count, self.content_.size() - self.content_at_);
    std::memcpy(to, self.content_.data() + self.content_at_, some);
    self.content_at_ += some;
    if (self.content_at_ == self.content_.size()) *flags |= NGHTTP2_DATA_FLAG_EOF;
    return static_cast<ssize_t>(some);
  }
};

Http2::Http2(Events events) : events_(std::move(events)) {
  nghttp2_session_callbacks* calls = nullptr;
  must(nghttp2_session_callbacks_new(&calls), "callbacks");
  nghttp2_session_callbacks_set_on_header_callback(calls, Calls::header);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(calls, Calls::data);
  nghttp2_session_callbacks_set_on_stream_close_callback(calls, Calls::closed);
  must(nghttp2_session_client_new(&session_, calls, this), "session");
  nghttp2_session_callbacks_del(calls);
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_ENABLE_PUSH, 0}, {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kStreamWindowBytes}};
  must(nghttp2_submit_settings(session_, NGHTTP2_FLAG_NONE, settings, std::size(settings)), "settings");
  must(nghttp2_session_set_local_window_size(session_, NGHTTP2_FLAG_NONE, 0, kConnectionWindowBytes), "window");
}

Http2::~Http2() { nghttp2_session_del(session_); }

void Http2::request(const Headers& headers, std::string_view content) {
  std::vector<nghttp2_nv> fields;
  for (const auto& [name, value] : headers) {
    // nghttp2 copies both and changes neither.
    const auto bytes_of = [](const std::string& text) { return reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data())); };
    fields.push_back({bytes_of(name), bytes_of(value), name.size(), value.size(), NGHTTP2_NV_FLAG_NONE});
  }
  content_ = content;
  content_at_ = 0;
  nghttp2_data_provider provider{{.ptr = this}, Calls::content};
  must(nghttp2_submit_request(session_, nullptr, fields.data(), fields.size(), content.empty() ? nullptr : &provider, nullptr), "request");
}

void Http2::take(std::string_view bytes) {
  taking_ = true;
  const auto taken = nghttp2_session_mem_recv(session_, reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
  taking_ = false;
  must(static_cast<int>(taken), "bytes");
}

void Http2::give(std::string& out) {
  for (;;) {
    const std::uint8_t* bytes = nullptr;
    const auto count = nghttp2_session_mem_send(session_, &bytes);
    must(static_cast<int>(count), "frames");
    if (count == 0) return;
    out.append(reinterpret_cast<const char*>(bytes), static_cast<std::size_t>(count));
  }
}

}  // namespace keelson::bench

#include <new>

#include "core/base/log.hpp"
#include "core/http/http2_connection.hpp"

namespace keelson::http {
namespace {

Http2Connection& connection_of(void* user) { return *static_cast<Http2Connection*>(user); }

std::string_view view(const std::uint8_t* bytes, std::size_t size) { return {reinterpret_cast<const char*>(bytes), size}; }

int on_begin_headers(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  if (frame->hd.type == NGHTTP2_HEADERS && frame->headers.cat == NGHTTP2_HCAT_REQUEST) connection_of(user).begin_request(frame->hd.stream_id);
  return 0;
}

// Trailers change nothing.
int on_header(nghttp2_session*, const nghttp2_frame* frame, const std::uint8_t* name, std::size_t name_size, const std::uint8_t* value, std::size_t value_size, std::uint8_t, void* user) {
  if (frame->hd.type != NGHTTP2_HEADERS || frame->headers.cat != NGHTTP2_HCAT_REQUEST) return 0;
  if (auto* stream = connection_of(user).find(frame->hd.stream_id)) stream->take_header(view(name, name_size), view(value, value_size));
  return 0;
}

// Left out by default, which would let two readers see two requests.
int on_invalid_header(nghttp2_session*, const nghttp2_frame*, const std::uint8_t*, std::size_t, const std::uint8_t*, std::size_t, std::uint8_t, void*) {
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int on_frame(nghttp2_session* session, const nghttp2_frame* frame, void* user) {
  auto& connection = connection_of(user);
  const bool headers = frame->hd.type == NGHTTP2_HEADERS;
  if (!headers && frame->hd.type != NGHTTP2_DATA) return 0;
  auto* stream = connection.find(frame->hd.stream_id);
  if (!stream) return 0;
  if (headers && frame->headers.cat == NGHTTP2_HCAT_REQUEST) {
    stream->settle_head();
    if (same_text(stream->request.header("expect"), "100-continue")) {
      std::uint8_t name[] = ":status", value[] = "100";
      const nghttp2_nv go_on{name, value, 7, 3, NGHTTP2_NV_FLAG_NONE};
      nghttp2_submit_headers(session, NGHTTP2_FLAG_NONE, stream->id, nullptr, &go_on, 1, nullptr);
    }
  }
  if (frame->hd.flags & NGHTTP2_FLAG_END_STREAM) {
    stream->complete = true;
    connection.request_complete(stream->id);
  } else if (stream->refused) {
    connection.request_complete(stream->id);   // answered at once, what still comes is dropped
  }
  return 0;
}

int on_data(nghttp2_session* session, std::uint8_t, std::int32_t id, const std::uint8_t* bytes, std::size_t size, void* user) {
  auto& connection = connection_of(user);
  nghttp2_session_consume_connection(session, size);
  auto* stream = connection.find(id);
  if (!stream || stream->refused) return 0;   // its window stays shut
  if (!connection.take_body(*stream, view(bytes, size))) {
    nghttp2_submit_rst_stream(session, NGHTTP2_FLAG_NONE, id, NGHTTP2_ENHANCE_YOUR_CALM);
    return 0;
  }
  nghttp2_session_consume_stream(session, id, size);
  return 0;
}

int on_frame_sent(nghttp2_session*, const nghttp2_frame* frame, void* user) {
  connection_of(user).sent_frame(*frame);
  return 0;
}

int on_stream_close(nghttp2_session*, std::int32_t id, std::uint32_t, void* user) {
  connection_of(user).stream_closed(id);
  return 0;
}

// nghttp2 is C: an exception must not pass through it.
ssize_t read_data(nghttp2_session*, std::int32_t id, std::uint8_t*, std::size_t most, std::uint32_t* flags, nghttp2_data_source* source, void* user) try {
  return connection_of(user).read_payload(*static_cast<Http2Stream*>(source->ptr), most, *flags);
} catch (const std::exception& broken) {
  base::log_error("api", "stream ended by an exception", {{"what", broken.what()}, {"stream", std::to_string(id)}});
  return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
}

int send_data(nghttp2_session*, nghttp2_frame*, const std::uint8_t* head, std::size_t size, nghttp2_data_source* source, void* user) {
  static constexpr std::size_t kFrameHeadBytes = 9;
  return connection_of(user).send_data(*static_cast<Http2Stream*>(source->ptr), view(head, kFrameHeadBytes), size) ? 0 : NGHTTP2_ERR_WOULDBLOCK;
}

nghttp2_session_callbacks* make_callbacks() {
  nghttp2_session_callbacks* callbacks = nullptr;
  if (nghttp2_session_callbacks_new(&callbacks) != 0) throw std::bad_alloc();
  nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, on_begin_headers);
  nghttp2_session_callbacks_set_on_header_callback(callbacks, on_header);
  nghttp2_session_callbacks_set_on_invalid_header_callback(callbacks, on_invalid_header);
  nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, on_frame);
  nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, on_data);
  nghttp2_session_callbacks_set_on_frame_send_callback(callbacks, on_frame_sent);
  nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, on_stream_close);
  nghttp2_session_callbacks_set_send_data_callback(callbacks, send_data);
  return callbacks;
}

nghttp2_option* make_options() {
  nghttp2_option* options = nullptr;
  if (nghttp2_option_new(&options) != 0) throw std::bad_alloc();
  nghttp2_option_set_no_auto_window_update(options, 1);
  nghttp2_option_set_no_closed_streams(options, 1);
  nghttp2_option_set_max_outbound_ack(options, kHttp2AcksMax);
  nghttp2_option_set_max_continuations(options, kHttp2ContinuationsMax);
  nghttp2_option_set_stream_reset_rate_limit(options, kHttp2ResetBurst, kHttp2ResetsPerSecond);
  return options;
}

}  // namespace

nghttp2_session* make_http2_session(Http2Connection& connection) {
  auto* callbacks = make_callbacks();
  auto* options = make_options();
  nghttp2_session* session = nullptr;
  const int made = nghttp2_session_server_new2(&session, callbacks, &connection, options);
  nghttp2_option_del(options);
  nghttp2_session_callbacks_del(callbacks);
  if (made != 0) throw std::bad_alloc();
  const nghttp2_settings_entry settings[] = {{NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS, kHttp2StreamsMax},
                                             {NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE, kHttp2StreamWindowBytes},
                                             {NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE, kHeaderBytesMax}};
  nghttp2_submit_settings(session, NGHTTP2_FLAG_NONE, settings, std::size(settings));
  nghttp2_session_set_local_window_size(session, NGHTTP2_FLAG_NONE, 0, kHttp2ConnectionWindowBytes);
  return session;
}

nghttp2_data_provider payload_provider(Http2Stream& stream) {
  nghttp2_data_provider provider{};
  provider.source.ptr = &stream;
  provider.read_callback = read_data;
  return provider;
}

}  // namespace keelson::http

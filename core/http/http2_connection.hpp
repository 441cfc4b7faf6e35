// Http2Connection: the session and its streams on one connection. Private to http2*.cc.
//
// Invariants: nghttp2 is fed and drained by drive() only; requests are handed over between two reads, never inside one of
//   nghttp2's callbacks. Bytes to send are gathered in `out_`, which is written before more is asked for.
// Threads: the network thread. Ownership: the NetThread holds it; nghttp2's callbacks know it as user data.
#pragma once
#include <nghttp2/nghttp2.h>

#include <map>

#include "core/http/http2.hpp"
#include "core/http/http2_stream.hpp"

namespace keelson::http {

class Http2Connection final : public Session, public Exchanges, public std::enable_shared_from_this<Http2Connection> {
 public:
  Http2Connection(std::shared_ptr<NetThread> net, tcp::socket socket, std::shared_ptr<TlsContext> context, std::unique_ptr<TlsStream> tls,
                  std::shared_ptr<const PeerCertificate> certificate, std::string remote);
  ~Http2Connection() override;

  void start() override;
  void expire() override;
  void stop() override;
  void close() override;

  void answer(std::uint64_t request, Response response) override;
  void tunnel(std::uint64_t request, Tunnel tunnel) override;
  void woken(std::uint64_t request) override;

  // --- what nghttp2 calls (http2_callbacks.cc) ---
  Http2Stream* find(std::int32_t id);
  void begin_request(std::int32_t id);
  /// False: the connection's bodies are more than it may keep.
  bool take_body(Http2Stream& stream, std::string_view bytes);
  void request_complete(std::int32_t id) { ready_.push_back(id); }
  void sent_frame(const nghttp2_frame& frame);
  ssize_t read_payload(Http2Stream& stream, std::size_t most, std::uint32_t& flags);
  /// A DATA frame's head and bytes go out; false: not now.
  bool send_data(Http2Stream& stream, std::string_view frame_head, std::size_t bytes);
  void stream_closed(std::int32_t id);

 private:
  base::Monotonic now() const { return net_->shared.runtime.monotonic_ns(); }
  void drive();
  bool receive();
  bool send();
  bool write();
  void gather();
  void dispatch();
  void refuse(Http2Stream& stream);
  void submit(Http2Stream& stream, Response response);
  void say_goodbye();
  void arm();
  void arm_deadline();
  bool late(const Http2Stream& stream, base::Monotonic now) const;

  std::shared_ptr<NetThread> net_;
  tcp::socket socket_;
  std::shared_ptr<TlsContext> context_;
  std::unique_ptr<TlsStream> tls_;
  std::shared_ptr<const PeerCertificate> certificate_;
  std::string remote_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, Http2Stream> streams_;
  std::vector<std::int32_t> ready_;      // complete requests, not handed over yet
  std::size_t bodies_bytes_ = 0;         // of incomplete requests
  std::string out_;
  std::size_t out_at_ = 0, moved_ = 0;   // moved: since the last yield
  base::Monotonic wrote_ = 0;
  bool driving_ = false, closed_ = false, leaving_ = false, readable_ = true, ended_ = false;
  bool want_write_ = false, reading_ = false, writing_ = false;
};

/// A server's session whose callbacks belong to `connection`.
nghttp2_session* make_http2_session(Http2Connection& connection);
nghttp2_data_provider payload_provider(Http2Stream& stream);

}  // namespace keelson::http

// GrpcConnection: the calls of one HTTP/2 connection. Calls become streams, frames become messages.
//
// Threads: one. Invariants: no function of a call runs inside submit(), read() or write(): what is due is run by run_due().
// Errors: read() and write() answer false when the connection is of no use any more; end_all() then ends its calls.
#pragma once
#include <nghttp2/nghttp2.h>

#include <array>
#include <map>
#include <memory>

#include "grpc_client.hpp"

namespace keelson::node {

using SteadyTime = std::chrono::steady_clock::time_point;

class GrpcConnection {
 public:
  /// Null when nobody listens there; `error` then says why.
  static std::unique_ptr<GrpcConnection> open(const std::string& socket_path, std::string& error);
  /// Over a connection that stands and does not wait; `fd` becomes its own.
  static std::unique_ptr<GrpcConnection> over(int fd) { return std::unique_ptr<GrpcConnection>(new GrpcConnection(fd)); }
  ~GrpcConnection();
  GrpcConnection(const GrpcConnection&) = delete;
  GrpcConnection& operator=(const GrpcConnection&) = delete;

  int fd() const { return fd_; }
  void submit(GrpcCall call);
  bool wants_write() const { return !out_.empty() || nghttp2_session_want_write(session_) != 0; }
  bool read();
  bool write();
  void end_all(const GrpcStatus& status);
  /// Ends the calls whose time is over; answers when the next one's is.
  SteadyTime expire();
  void run_due();

 private:
  struct Stream {
    GrpcCall call;
    std::int32_t id = 0;
    std::size_t sent = 0;          // of call.request, which has its frame's head by then
    std::string received;          // not yet a whole message
    SteadyTime deadline = SteadyTime::max();
    GrpcStatus status;
    bool has_status = false;
    std::string http_status;
    bool up = false;
    bool ended = false;            // done is due or has run; nghttp2 may still read the body
  };
  struct Callbacks;

  explicit GrpcConnection(int fd);
  bool flush();
  void end(const std::shared_ptr<Stream>& stream, GrpcStatus status);
  void give_up(const std::shared_ptr<Stream>& stream, GrpcStatus status);
  void take_header(Stream& stream, std::string_view name, std::string_view value);
  void take_data(Stream& stream, std::string_view data);
  void closed(std::int32_t id, std::uint32_t error);
  void pinged();

  const int fd_;
  nghttp2_session* session_ = nullptr;
  std::map<std::int32_t, std::shared_ptr<Stream>> streams_;
  std::vector<std::function<void()>> due_;
  std::string out_;                               // accepted by nghttp2, not yet by the socket
  std::array<std::uint8_t, 16u << 10> buffer_;
};

}  // namespace keelson::node

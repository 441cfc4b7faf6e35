// Connection: HTTP/1.1 on one TLS connection: read a request, hand it over, send what the Payload gives, at the client's
// pace. Private to connection*.cc.
//
// Invariants: one request at a time; what the client sends ahead waits, bounded.
// Threads: the network thread. Ownership: the NetThread holds it.
#pragma once
#include "core/http/exchange.hpp"
#include "core/http/head_parser.hpp"

namespace keelson::http {

class Connection final : public Session, public Exchanges, public Pollable, public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<NetThread> net, tcp::socket socket);
  ~Connection() override;

  void start() override;
  void ready(bool readable, bool writable) override;
  void expire() override;
  void stop() override;
  void close() override;

  void answer(std::uint64_t request, Response response) override;
  void tunnel(std::uint64_t request, Tunnel tunnel) override;
  void woken(std::uint64_t) override { drive(); }
  void drive();

 private:
  enum class State { handshake, reading, handling, sending, draining, closed };
  enum class Step { again, wait };

  base::Monotonic in_ms(std::int64_t ms) const { return net_->shared.runtime.in_ms(ms); }
  Step step();
  Step shake();
  void become_http2();
  Step read();
  bool receive(std::string_view& bytes);
  bool fill();
  bool feed(std::string_view received);
  Step wait_for_more();
  void dispatch();
  void refuse(const ParseFailure& why);
  void cut_short();
  Step send();
  Step drain();
  base::Monotonic stall_deadline() const { return patient_ ? base::kForever : in_ms(kStallTimeout_ms); }
  bool ready_to_write(std::string_view bytes, std::size_t& at);
  bool begins_record() const;
  bool send_piece();
  void gather();
  bool pull();
  void begin(Response response);
  void print_head(std::optional<std::uint64_t> length, bool bodiless, bool raw);
  void finish_answer();
  void end_exchange();
  tcp::socket leave_socket();
  void yield();
  void watch_client();

  std::shared_ptr<NetThread> net_;
  tcp protocol_ = tcp::v4();
  int socket_ = -1;             // in the poller from start() on
  std::shared_ptr<TlsContext> tls_context_;
  std::unique_ptr<TlsStream> tls_;
  std::string remote_;
  State state_ = State::handshake;
  bool driving_ = false, want_read_ = false, want_write_ = false;
  bool readable_ = true;        // the socket may have bytes that were not read yet
  bool client_ended_ = false;
  std::shared_ptr<const PeerCertificate> certificate_;

  std::string in_;              // received, not used yet
  std::optional<RequestParser> parser_;
  bool begun_ = false;          // bytes of the present request have arrived
  std::weak_ptr<Exchange> exchange_;
  std::uint64_t request_ = 0;   // counts requests, so that a late answer finds the wrong one
  bool head_only_ = false, close_after_ = false, http10_ = false, refused_ = false, patient_ = false;
  std::size_t drained_ = 0;

  Response response_;
  bool chunked_ = false, ended_ = false, stop_stream_ = false;
  bool head_alone_ = false;     // no body was asked for yet
  bool more_ = false;           // the last pull of a body that has an end gave not yet all: the rest of a record comes from the next one
  std::string out_;
  std::size_t out_at_ = 0;
  std::vector<std::string_view> pieces_;
  std::size_t piece_ = 0, piece_at_ = 0;
  std::size_t sent_ = 0;        // since the last yield
};

}  // namespace keelson::http

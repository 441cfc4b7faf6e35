// Relay: a client's TLS connection joined to another HTTP server's: the request's head goes there, then bytes both ways.
// Private to the transport.
//
// Invariants: half-close is preserved; an answer other than 101 is passed on as an ordinary answer and both sides are
//   closed (nothing the client sends after it reaches the other server). At most kRelayBytes wait in each direction.
// Threads: the network thread.
#pragma once
#include "core/http/net_thread.hpp"

namespace keelson::http {

inline constexpr std::size_t kRelayBytes = 64u << 10;
inline constexpr std::int64_t kRelayConnect_ms = 10'000;
/// After one side has closed, the other has this long to say the rest.
inline constexpr std::int64_t kRelayLinger_ms = 30'000;

std::shared_ptr<Session> make_relay(std::shared_ptr<NetThread> net, tcp::socket client, std::shared_ptr<TlsContext> context, std::unique_ptr<TlsStream> tls, std::string received, Tunnel tunnel);

}  // namespace keelson::http

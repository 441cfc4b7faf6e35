// HTTP/2 on a TLS connection that chose it by ALPN: nghttp2 keeps the protocol, this gives it requests' bytes and answers'
// payloads. Private to the transport.
//
// Invariants: every stream is one Request and one Exchange, as on HTTP/1.1; upgrades are not possible here. A stream's
//   payload is pulled only while its window has room. What a client can make the server keep is bounded: streams, header
//   bytes, continuations, settings, unanswered pings, resets a second and bodies under way.
// Threads: the network thread.
#pragma once
#include "core/http/net_thread.hpp"

namespace keelson::http {

inline constexpr std::uint32_t kHttp2StreamsMax = 100;                    ///< at a time on one connection, as upstream
inline constexpr std::int32_t kHttp2StreamWindowBytes = 256 << 10;        ///< of a body that is not read yet
inline constexpr std::int32_t kHttp2ConnectionWindowBytes = 1 << 20;
inline constexpr std::size_t kHttp2BodiesBytesMax = 16u << 20;            ///< of all requests of a connection that are incomplete
inline constexpr std::size_t kHttp2ContinuationsMax = 64;                 ///< frames of 16 KiB: what kHeaderBytesMax needs
inline constexpr std::size_t kHttp2AcksMax = 100;                         ///< answers to pings and settings that the client does not read
inline constexpr std::uint64_t kHttp2ResetBurst = 500, kHttp2ResetsPerSecond = 50;

std::shared_ptr<Session> make_http2(std::shared_ptr<NetThread> net, tcp::socket socket, std::shared_ptr<TlsContext> context, std::unique_ptr<TlsStream> tls,
                                    std::shared_ptr<const PeerCertificate> certificate, std::string remote);

}  // namespace keelson::http

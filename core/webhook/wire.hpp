// Wire: one TLS connection to somewhere outside, as coroutines use it. Private to core/webhook (includes Asio and Beast).
//
// Invariants: link-local, multicast and unspecified addresses are refused after the name was resolved; whoever is told to verify
//   believes nobody whose certificate is not signed by the CA or does not show the endpoint's server name.
// Threads: that of the io_context. Ownership: the caller's. Errors: Broken, in the words of Go's http client.
#pragma once
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/beast/core.hpp>
#include <boost/beast/ssl.hpp>
#include <memory>
#include <string>

#include "core/base/runtime.hpp"
#include "core/webhook/client.hpp"

namespace keelson::webhook {

struct ClientCertificate;   // core/webhook/outgoing.hpp

struct Wire {
  Wire(boost::asio::io_context& context, boost::asio::ssl::context& tls) : stream(context, tls) {}
  boost::beast::tcp_stream& tcp_layer() { return boost::beast::get_lowest_layer(stream); }
  boost::beast::ssl_stream<boost::beast::tcp_stream> stream;
  boost::beast::flat_buffer buffer;
  base::Monotonic used = 0;
};
using WirePtr = std::shared_ptr<Wire>;

struct Broken {
  std::string why;
};

/// `ca_pem` empty: the system's. `certificate` null: none is shown.
base::Outcome<boost::asio::ssl::context> tls_for(const std::string& ca_pem, bool verify, const ClientCertificate* certificate);
/// `plain`: no TLS.
boost::asio::awaitable<void> connect(boost::asio::io_context& context, Wire& wire, const Endpoint& endpoint, bool verify, bool plain = false);
/// Go's words for what a socket says.
std::string words(const boost::system::error_code& code);

}  // namespace keelson::webhook

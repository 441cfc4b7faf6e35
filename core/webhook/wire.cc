#include "core/webhook/wire.hpp"

#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/http/error.hpp>
#include <vector>

#include "core/webhook/outgoing.hpp"

namespace keelson::webhook {

namespace asio = boost::asio;
namespace http = boost::beast::http;
using asio::awaitable;
using asio::redirect_error;
using asio::use_awaitable;
using tcp = asio::ip::tcp;

namespace {

/// Why a handshake did not come about.
std::string handshake_words(SSL* ssl, const boost::system::error_code& code, const std::string& name) {
  const auto verdict = SSL_get_verify_result(ssl);
  const std::string x509 = "tls: failed to verify certificate: x509: ";
  switch (verdict) {
    case X509_V_OK: break;
    case X509_V_ERR_CERT_HAS_EXPIRED:
    case X509_V_ERR_CERT_NOT_YET_VALID: return x509 + "certificate has expired or is not yet valid";
    case X509_V_ERR_DEPTH_ZERO_SELF_SIGNED_CERT:
    case X509_V_ERR_SELF_SIGNED_CERT_IN_CHAIN:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT:
    case X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY:
    case X509_V_ERR_UNABLE_TO_VERIFY_LEAF_SIGNATURE: return x509 + "certificate signed by unknown authority";
    case X509_V_ERR_UNSPECIFIED: return x509 + "certificate is not valid for " + name;   // our own look at the name
    default: return x509 + X509_verify_cert_error_string(verdict);
  }
  if (code.category() == asio::error::get_ssl_category()) return "tls: handshake failure";
  return words(code);
}

/// Nobody's webhook lives there, but the metadata services of clouds do.
bool refused_address(const asio::ip::address& address) {
  if (address.is_unspecified() || address.is_multicast()) return true;
  if (address.is_v4()) return (address.to_v4().to_uint() >> 16) == 0xA9FE;
  const auto v6 = address.to_v6();
  if (v6.is_v4_mapped()) return refused_address(asio::ip::make_address_v4(asio::ip::v4_mapped, v6));
  return v6.is_link_local();
}

}  // namespace

std::string words(const boost::system::error_code& code) {
  if (code == asio::error::connection_refused) return "connection refused";
  if (code == asio::error::connection_reset) return "connection reset by peer";
  if (code == asio::error::eof || code == asio::ssl::error::stream_truncated || code == http::error::end_of_stream) return "EOF";
  if (code == http::error::partial_message) return "unexpected EOF";
  if (code == http::error::body_limit) return "response body is too large";
  if (code.category() == http::make_error_code(http::error::bad_version).category()) return "malformed HTTP response";
  return code.message();
}

base::Outcome<asio::ssl::context> tls_for(const std::string& ca_pem, bool verify, const ClientCertificate* certificate) {
  asio::ssl::context tls(asio::ssl::context::tls_client);
  boost::system::error_code code;
  tls.set_verify_mode(verify ? asio::ssl::verify_peer : asio::ssl::verify_none);
  if (!verify) code.clear();
  else if (ca_pem.empty()) tls.set_default_verify_paths(code);
  else tls.add_certificate_authority(asio::buffer(ca_pem), code);
  if (code) return base::raw_500("unable to load root certificates: unable to parse bytes as PEM block");
  if (!certificate) return tls;
  tls.use_certificate_chain(asio::buffer(certificate->certificate_pem), code);
  if (!code) tls.use_private_key(asio::buffer(certificate->key_pem), asio::ssl::context::pem, code);
  if (code) return base::raw_500("the client certificate is of no use");
  return tls;
}

awaitable<void> connect(asio::io_context& context, Wire& wire, const Endpoint& endpoint, bool verify, bool plain) {
  boost::system::error_code code;
  std::vector<tcp::endpoint> places;
  const auto literal = asio::ip::make_address(endpoint.host, code);
  if (!code) {
    places.emplace_back(literal, static_cast<std::uint16_t>(std::atoi(endpoint.port.c_str())));
  } else {
    tcp::resolver resolver(context);
    const auto found = co_await resolver.async_resolve(endpoint.host, endpoint.port, redirect_error(use_awaitable, code));
    if (code) throw Broken{"dial tcp: lookup " + endpoint.host + ": no such host"};
    for (const auto& entry : found) places.push_back(entry.endpoint());
  }
  std::erase_if(places, [](const auto& place) { return refused_address(place.address()); });
  if (places.empty()) throw Broken{"dial tcp: " + endpoint.host + ": no address that may be called"};
  co_await wire.tcp_layer().async_connect(places, redirect_error(use_awaitable, code));
  if (code) throw Broken{"dial tcp " + places.front().address().to_string() + ":" + endpoint.port + ": connect: " + words(code)};
  wire.tcp_layer().socket().set_option(tcp::no_delay(true), code);
  if (plain) co_return;
  boost::system::error_code no_address;
  asio::ip::make_address(endpoint.server_name, no_address);
  if (no_address) SSL_set_tlsext_host_name(wire.stream.native_handle(), endpoint.server_name.c_str());   // SNI has names only
  if (verify) wire.stream.set_verify_callback(asio::ssl::host_name_verification(endpoint.server_name));
  co_await wire.stream.async_handshake(asio::ssl::stream_base::client, redirect_error(use_awaitable, code));
  if (code) throw Broken{handshake_words(wire.stream.native_handle(), code, endpoint.server_name)};
}

}  // namespace keelson::webhook

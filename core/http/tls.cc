#include "core/http/tls.hpp"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <new>

namespace keelson::http {
namespace {

template <auto Free>
struct Freed {
  template <class T>
  void operator()(T* p) const { Free(p); }
};
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;

int choose_protocol(SSL*, const unsigned char** out, unsigned char* out_size, const unsigned char* in, unsigned in_size, void*) {
  static const unsigned char offered[] = "\x02h2\x08http/1.1";
  unsigned char* chosen = nullptr;
  if (SSL_select_next_proto(&chosen, out_size, offered, sizeof offered - 1, in, in_size) != OPENSSL_NPN_NEGOTIATED)
    return SSL_TLSEXT_ERR_NOACK;
  *out = chosen;
  return SSL_TLSEXT_ERR_OK;
}

// The verdict is read after the handshake, which a bad certificate must not break.
int accept_any(int, X509_STORE_CTX*) { return 1; }

Bio memory_bio(const std::string& text) { return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))); }

bool use_chain(SSL_CTX* context, const std::string& pem) {
  const auto bio = memory_bio(pem);
  const X509Ptr leaf(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  if (!leaf || SSL_CTX_use_certificate(context, leaf.get()) != 1) return false;
  while (X509* next = PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr))
    if (SSL_CTX_add0_chain_cert(context, next) != 1) return false;
  ERR_clear_error();
  return true;
}

bool use_key(SSL_CTX* context, const std::string& pem) {
  const auto bio = memory_bio(pem);
  const std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>> key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr));
  return key && SSL_CTX_use_PrivateKey(context, key.get()) == 1 && SSL_CTX_check_private_key(context) == 1;
}

std::string der_of(X509* certificate) {
  unsigned char* bytes = nullptr;
  const int size = i2d_X509(certificate, &bytes);
  if (size <= 0) return {};
  std::string out(reinterpret_cast<char*>(bytes), static_cast<std::size_t>(size));
  OPENSSL_free(bytes);
  return out;
}

bool trust_clients_of(SSL_CTX* context, const std::string& pem, std::vector<std::string>& cas) {
  const auto bio = memory_bio(pem);
  while (X509Ptr ca{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    if (X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get()) != 1 || SSL_CTX_add_client_CA(context, ca.get()) != 1) return false;
    cas.push_back(der_of(ca.get()));
  }
  ERR_clear_error();
  return !cas.empty();
}

bool trust_servers_of(SSL_CTX* context, const std::string& pem) {
  if (pem.empty()) return SSL_CTX_set_default_verify_paths(context) == 1;
  const auto bio = memory_bio(pem);
  bool any = false;
  while (const X509Ptr ca{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) any = X509_STORE_add_cert(SSL_CTX_get_cert_store(context), ca.get()) == 1;
  ERR_clear_error();
  return any;
}

/// A server's name, or its address.
bool demand_name(SSL* ssl, const std::string& name) {
  auto* const rules = SSL_get0_param(ssl);
  if (X509_VERIFY_PARAM_set1_ip_asc(rules, name.c_str()) == 1) return true;
  SSL_set_tlsext_host_name(ssl, name.c_str());
  return SSL_set1_host(ssl, name.c_str()) == 1;
}

void set_rules(SSL_CTX* context) {
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET | SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
  SSL_CTX_set_read_ahead(context, 1);   // one system call a record instead of two
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_num_tickets(context, 0);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  // A record's buffers, 17 KiB each way, are any stream's: the thread keeps them, in its processor's cache.
  SSL_CTX_set_mode(context, SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_alpn_select_cb(context, choose_protocol, nullptr);
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, accept_any);
  // AES-128 first: a third cheaper than AES-256, and no client refuses it.
  SSL_CTX_set_ciphersuites(context, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256");
  SSL_CTX_set_cipher_list(context, "ECDHE+AESGCM:ECDHE+CHACHA20");   // of TLS 1.2: authenticated encryption, forward secrecy
  SSL_CTX_set_options(context, SSL_OP_CIPHER_SERVER_PREFERENCE);
}

std::string serial_of(const X509* certificate) {
  BIGNUM* const number = ASN1_INTEGER_to_BN(X509_get0_serialNumber(certificate), nullptr);
  char* const digits = number ? BN_bn2hex(number) : nullptr;
  std::string serial = digits ? digits : "";
  OPENSSL_free(digits);
  BN_free(number);
  return serial;
}

std::vector<std::string> name_entries(X509_NAME* name, int nid) {
  std::vector<std::string> values;
  for (int i = X509_NAME_get_index_by_NID(name, nid, -1); i >= 0; i = X509_NAME_get_index_by_NID(name, nid, i)) {
    unsigned char* text = nullptr;
    const int size = ASN1_STRING_to_UTF8(&text, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, i)));
    if (size < 0) continue;
    values.emplace_back(reinterpret_cast<char*>(text), static_cast<std::size_t>(size));
    OPENSSL_free(text);
  }
  return values;
}

}  // namespace

// --- a BIO on the socket that never raises SIGPIPE ---
struct SocketBio {
  static TlsStream& stream(BIO* bio) { return *static_cast<TlsStream*>(BIO_get_data(bio)); }

  static int write(BIO* bio, const char* from, int size) {
    BIO_clear_retry_flags(bio);
    const int more = stream(bio).more_ ? MSG_MORE : 0;
    const auto put = ::send(stream(bio).fd_, from, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT | more);
    if (put < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_write(bio);
    return static_cast<int>(put);
  }

  static int read(BIO* bio, char* into, int room) {
    BIO_clear_retry_flags(bio);
    const auto got = ::recv(stream(bio).fd_, into, static_cast<std::size_t>(room), MSG_DONTWAIT);
    stream(bio).drained_ = got < room;
    if (got < 0 && (errno == EAGAIN || errno == EINTR)) BIO_set_retry_read(bio);
    if (got == 0) BIO_set_flags(bio, BIO_FLAGS_IN_EOF);
    return static_cast<int>(got);
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_FLUSH) return 1;
    if (command == BIO_CTRL_EOF) return BIO_test_flags(bio, BIO_FLAGS_IN_EOF) != 0;
    return 0;
  }

  static int create(BIO* bio) {
    BIO_set_init(bio, 1);
    return 1;
  }

  static const BIO_METHOD* method() {
    static const BIO_METHOD* const method = [] {
      BIO_METHOD* made = BIO_meth_new(BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "keelson socket");
      BIO_meth_set_write(made, write);
      BIO_meth_set_read(made, read);
      BIO_meth_set_ctrl(made, control);
      BIO_meth_set_create(made, create);
      return made;
    }();
    return method;
  }
};

base::Outcome<std::shared_ptr<TlsContext>> TlsContext::make(const TlsOptions& options) {
  SSL_CTX* const context = SSL_CTX_new(TLS_server_method());
  if (!context) return base::internal("TLS cannot start");
  std::shared_ptr<TlsContext> made(new TlsContext(context));
  set_rules(context);
  if (!use_chain(context, options.certificate_pem)) return base::internal("the server certificate is not usable");
  if (!use_key(context, options.key_pem)) return base::internal("the server key does not belong to its certificate");
  if (!options.client_ca_pem.empty() && !trust_clients_of(context, options.client_ca_pem, made->client_cas_))
    return base::internal("the client CA certificate is not usable");
  if (!options.front_proxy_ca_pem.empty() && !trust_clients_of(context, options.front_proxy_ca_pem, made->front_proxy_cas_))
    return base::internal("the front proxies' CA certificate is not usable");
  return made;
}

base::Outcome<std::shared_ptr<TlsContext>> TlsContext::make_client(const TunnelTls& options) {
  SSL_CTX* const context = SSL_CTX_new(TLS_client_method());
  if (!context) return base::internal("TLS cannot start");
  std::shared_ptr<TlsContext> made(new TlsContext(context));
  made->server_name_ = options.server_name;
  made->verify_ = options.verify;
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  SSL_CTX_set_verify(context, options.verify ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, nullptr);
  if (options.verify && !trust_servers_of(context, options.ca_pem)) return base::internal("the CA bundle is not usable");
  if (!options.certificate_pem.empty() && (!use_chain(context, options.certificate_pem) || !use_key(context, options.key_pem)))
    return base::internal("the client certificate is not usable");
  return made;
}

TlsContext::~TlsContext() { SSL_CTX_free(context_); }

TlsStream::TlsStream(const TlsContext& context, int fd) : ssl_(SSL_new(context.get())), fd_(fd) {
  BIO* bio = ssl_ ? BIO_new(SocketBio::method()) : nullptr;
  if (!bio) throw std::bad_alloc();
  BIO_set_data(bio, this);
  SSL_set_bio(ssl_, bio, bio);
  if (context.server_name_.empty()) {
    SSL_set_accept_state(ssl_);
  } else {
    SSL_set_connect_state(ssl_);
    if (!demand_name(ssl_, context.server_name_)) throw std::bad_alloc();
  }
  context_ = &context;
}

TlsStream::~TlsStream() { SSL_free(ssl_); }

Io TlsStream::outcome(int result) const {
  switch (SSL_get_error(ssl_, result)) {
    case SSL_ERROR_WANT_READ: return Io::want_read;
    case SSL_ERROR_WANT_WRITE: return Io::want_write;
    default: ERR_clear_error(); return Io::closed;
  }
}

Io TlsStream::handshake() {
  const int result = SSL_do_handshake(ssl_);
  return result == 1 ? Io::done : outcome(result);
}

bool TlsStream::greeted() const { return SSL_get_state(ssl_) != TLS_ST_BEFORE; }

bool TlsStream::speaks_http2() const {
  const unsigned char* name = nullptr;
  unsigned size = 0;
  SSL_get0_alpn_selected(ssl_, &name, &size);
  return std::string_view(reinterpret_cast<const char*>(name), size) == "h2";
}

Io TlsStream::read(char* into, std::size_t room, std::size_t& got) {
  const int result = SSL_read_ex(ssl_, into, room, &got);
  return result == 1 ? Io::done : outcome(result);
}

bool TlsStream::has_pending() const { return SSL_has_pending(ssl_) == 1; }

Io TlsStream::write(const char* from, std::size_t size, std::size_t& put) {
  const int result = SSL_write_ex(ssl_, from, size, &put);
  return result == 1 ? Io::done : outcome(result);
}

void TlsStream::close_notify() {
  if (SSL_in_init(ssl_)) return;
  SSL_shutdown(ssl_);
  ERR_clear_error();
}

std::shared_ptr<const PeerCertificate> TlsStream::peer() const {
  X509* const certificate = SSL_get0_peer_certificate(ssl_);
  if (!certificate) return nullptr;
  const auto found = std::make_shared<PeerCertificate>();
  auto& peer = *found;
  X509_NAME* const subject = X509_get_subject_name(certificate);
  const auto names = name_entries(subject, NID_commonName);
  if (!names.empty()) peer.subject.common_name = names.back();
  peer.subject.organizations = name_entries(subject, NID_organizationName);
  peer.subject.serial = serial_of(certificate);
  const auto* const chain = SSL_get0_verified_chain(ssl_);
  if (SSL_get_verify_result(ssl_) != X509_V_OK || !chain || sk_X509_num(chain) == 0) return found;
  const auto root = der_of(sk_X509_value(chain, sk_X509_num(chain) - 1));
  const auto among = [&root](const std::vector<std::string>& cas) { return std::find(cas.begin(), cas.end(), root) != cas.end(); };
  peer.verified = among(context_->client_cas_) && !peer.subject.common_name.empty();
  peer.front_proxy = among(context_->front_proxy_cas_);
  return found;
}

}  // namespace keelson::http

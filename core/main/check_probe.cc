#include "core/main/check_probe.hpp"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <filesystem>

#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"
#include "core/main/identity.hpp"

namespace keelson::server {
namespace {

namespace fs = std::filesystem;
namespace json = boost::json;

constexpr std::int64_t kDeadline_ms = 10'000;
constexpr timeval kSocketDeadline{3, 0};

std::string mode_text(mode_t mode) {
  std::string text(4, '0');
  for (int i = 3; i >= 0; --i, mode /= 8) text[static_cast<std::size_t>(i)] = static_cast<char>('0' + mode % 8);
  return text;
}

}  // namespace

base::Outcome<std::unique_ptr<Probe>> Probe::make(Settings settings) {
  auto where = remote::read_kubeconfig(settings.data_dir + "/admin.kubeconfig", "");
  if (!where) return where.error();
  std::unique_ptr<Probe> probe(new Probe(std::move(settings), *where, base::real_runtime()));
  auto admin = remote::make_client(*where, "keelson-check", *probe->runtime_);
  if (!admin) return admin.error();
  probe->admin_ = std::move(*admin);
  where->certificate_pem.clear();
  where->key_pem.clear();
  auto nobody = remote::make_client(*where, "keelson-check", *probe->runtime_);
  if (!nobody) return nobody.error();
  probe->nobody_ = std::move(*nobody);
  if (probe->as_nobody("/livez") != 200) return base::unavailable("the server at " + where->url() + " does not answer");
  return base::Outcome<std::unique_ptr<Probe>>(std::move(probe));
}

Probe::~Probe() {
  if (admin_) admin_->stop();
  if (nobody_) nobody_->stop();
}

remote::Answer Probe::ask(remote::Client& client, remote::Request request) {
  struct Shared {
    std::unique_ptr<base::Waiter> waiter;
    remote::Answer answer;
  };
  auto shared = std::make_shared<Shared>();
  shared->waiter = runtime_->waiter();
  request.deadline_ms = kDeadline_ms;
  client.send(std::move(request), [shared](base::Outcome<remote::Answer> answer) {
    if (answer) shared->answer = std::move(*answer);
    shared->waiter->notify();
  });
  shared->waiter->wait_until(runtime_->in_ms(2 * kDeadline_ms));
  return shared->answer;
}

int Probe::as_admin(const std::string& method, const std::string& target, const std::string& body) { return ask(*admin_, {method, target, body.empty() ? "" : "application/json", body}).status; }
int Probe::as_nobody(const std::string& target) { return ask(*nobody_, {"GET", target, {}, {}}).status; }

std::string Probe::text(const std::string& target) {
  auto answer = ask(*admin_, {"GET", target, {}, {}});
  return answer.status == 200 ? std::move(answer.body) : std::string();
}

long Probe::metric(const std::string& name) {
  const auto all = text("/metrics");
  const auto at = all.find("\n" + name + " ");
  return at == std::string::npos ? 0 : std::atol(all.c_str() + at + name.size() + 2);
}

json::value Probe::read(const std::string& target) {
  boost::system::error_code broken;
  auto value = base::json_of(text(target), broken);
  return broken ? json::value(json::object()) : value;
}

bool Probe::may(const std::string& user, const std::vector<std::string>& groups, const std::string& verb, const std::string& group, const std::string& resource, const std::string& ns) {
  json::array listed;
  for (const auto& each : groups) listed.emplace_back(each);
  json::object attributes{{"verb", verb}, {"group", group}, {"resource", resource}, {"namespace", ns}};
  const json::object review{{"apiVersion", "authorization.k8s.io/v1"}, {"kind", "SubjectAccessReview"}, {"spec", json::object{{"user", user}, {"groups", std::move(listed)}, {"resourceAttributes", std::move(attributes)}}}};
  const auto answer = ask(*admin_, {"POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", "application/json", json::serialize(review)});
  boost::system::error_code broken;
  const auto value = base::json_of(answer.body, broken);
  return broken || auth::flag_at(value, {"status", "allowed"}, true);   // no answer is no proof
}

int Probe::connected(int port) const {
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_port = htons(static_cast<std::uint16_t>(port));
  if (::inet_pton(AF_INET, where_.host.c_str(), &to.sin_addr) != 1) to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const int descriptor = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &kSocketDeadline, sizeof kSocketDeadline);
  ::setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &kSocketDeadline, sizeof kSocketDeadline);
  if (descriptor >= 0 && ::connect(descriptor, reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0) return descriptor;
  if (descriptor >= 0) ::close(descriptor);
  return -1;
}

bool Probe::listens(int port) {
  const int descriptor = connected(port);
  if (descriptor >= 0) ::close(descriptor);
  return descriptor >= 0;
}

bool Probe::plain_http() {
  const int descriptor = connected(std::atoi(where_.port.c_str()));
  if (descriptor < 0) return false;
  static constexpr std::string_view request = "GET /version HTTP/1.0\r\n\r\n";
  char answer[16] = {};
  const bool sent = ::send(descriptor, request.data(), request.size(), MSG_NOSIGNAL) > 0;
  const auto got = sent ? ::recv(descriptor, answer, sizeof answer - 1, 0) : 0;
  ::close(descriptor);
  return got > 0 && std::string_view(answer).find(" 200") != std::string_view::npos;
}

bool Probe::tls(int version, const char* ciphers) {
  const int descriptor = connected(std::atoi(where_.port.c_str()));
  if (descriptor < 0) return false;
  SSL_CTX* context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_security_level(context, 0);
  SSL_CTX_set_min_proto_version(context, TLS1_VERSION);
  SSL_CTX_set_max_proto_version(context, version);
  if (ciphers) SSL_CTX_set_cipher_list(context, ciphers);
  SSL* tls = SSL_new(context);
  SSL_set_fd(tls, descriptor);
  const bool agreed = SSL_connect(tls) == 1;
  SSL_free(tls);
  SSL_CTX_free(context);
  ::close(descriptor);
  return agreed;
}

std::string not_private(const std::string& path) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) return {};
  if ((facts.st_mode & 077) != 0) return path + " has mode " + mode_text(facts.st_mode & 07777);
  return facts.st_uid == ::geteuid() || facts.st_uid == 0 ? std::string() : path + " belongs to another user";
}

std::string writable_by_others(const std::string& path) {
  struct stat facts{};
  if (::stat(path.c_str(), &facts) != 0) return {};
  if ((facts.st_mode & 022) != 0) return path + " has mode " + mode_text(facts.st_mode & 07777);
  return facts.st_uid == ::geteuid() || facts.st_uid == 0 ? std::string() : path + " belongs to another user";
}

std::vector<std::string> files_below(const std::string& folder, const std::string& ending) {
  std::vector<std::string> out;
  std::error_code ignored;
  for (auto at = fs::directory_iterator(folder, ignored); at != fs::directory_iterator(); at.increment(ignored))
    if (at->path().string().ends_with(ending)) out.push_back(at->path().string());
  return out;
}

bool holds(const std::string& folder, const std::string& text) {
  for (const auto& file : files_below(folder, "")) {
    const auto bytes = read_file(file);
    if (bytes && bytes->find(text) != std::string::npos) return true;
  }
  return false;
}

}  // namespace keelson::server

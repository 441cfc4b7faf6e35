#include "core/main/certificate_command.hpp"

#include <openssl/x509v3.h>
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <iostream>
#include <memory>

#include "core/auth/certificate_life.hpp"
#include "core/auth/openssl.hpp"
#include "core/base/instant.hpp"
#include "core/main/identity.hpp"
#include "core/main/settings.hpp"

namespace keelson::server {
namespace {

constexpr std::int64_t kHour_s = 3600, kDay_s = 24 * kHour_s;

std::string subject_of(X509* certificate) {
  auth::BioPtr out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  return auth::text_of(out.get());
}

bool signed_by(X509* certificate, X509* ca) {
  const auth::KeyPtr key(X509_get_pubkey(ca));
  return key && X509_verify(certificate, key.get()) == 1;
}

std::string fault_of(const std::string& stem, const std::string& pem, X509* certificate, X509* ca, std::int64_t expires, std::int64_t now) {
  const auto key_text = read_file(stem + ".key");
  if (!key_text) return "its key cannot be read";
  struct stat facts{};
  if (::stat((stem + ".key").c_str(), &facts) != 0 || (facts.st_mode & 077) != 0) return "its key can be read by others";
  const auto key = auth::key_of(*key_text);
  if (!key || X509_check_private_key(certificate, key.get()) != 1) return "its key does not belong to it";
  if (!ca || !signed_by(certificate, ca)) return "it is not signed by the CA";
  if (expires <= now) return "it is over";
  return pem.empty() ? "it is empty" : std::string();
}

std::string left_text(std::int64_t seconds) {
  if (seconds <= 0) return "over";
  if (seconds >= 2 * kDay_s) return std::to_string(seconds / kDay_s) + "d";
  return std::to_string(seconds / kHour_s) + "h" + std::to_string(seconds % kHour_s / 60) + "m";
}

void pad(std::string& line, std::size_t to) { line.append(line.size() < to ? to - line.size() : 1, ' '); }

int check(const std::string& data_dir) {
  const auto runtime = base::real_runtime();
  const auto now = runtime->unix_s();
  bool well = true;
  std::cout << "CERTIFICATE         EXPIRES               LEFT     STATE  SUBJECT\n";
  for (const auto& state : certificate_states(data_dir, now)) {
    std::string line = state.name;
    pad(line, 20);
    line += state.expires_unix_s ? base::time_text(state.expires_unix_s) : "-";
    pad(line, 42);
    line += state.expires_unix_s ? left_text(state.expires_unix_s - now) : "-";
    pad(line, 51);
    line += state.complaint.empty() ? "ok" : "BAD";
    pad(line, 58);
    line += state.complaint.empty() ? state.subject : state.complaint;
    std::cout << line << "\n";
    well = well && state.complaint.empty();
  }
  if (now < auth::kMadeAfter_unix_s) std::cout << "the clock of this machine is wrong: it says " << base::time_text(now) << "\n";
  return well ? 0 : 1;
}

}  // namespace

std::vector<CertificateState> certificate_states(const std::string& data_dir, std::int64_t now_unix_s) {
  std::vector<CertificateState> all;
  const auto folder = data_dir + "/tls/";
  struct Named { const char* name; const char* ca; };
  for (const auto& [name, ca_name] : {Named{"ca", "ca"}, {"server", "ca"}, {"admin", "ca"}, {"front-proxy-ca", "front-proxy-ca"}, {"front-proxy-client", "front-proxy-ca"}}) {
    const auto ca_pem = read_file(folder + ca_name + ".crt");
    const auto ca = ca_pem ? auth::certificate_of(*ca_pem) : auth::CertificatePtr();
    auto& state = all.emplace_back();
    state.name = name;
    const auto pem = read_file(folder + name + ".crt");
    const auto certificate = pem ? auth::certificate_of(*pem) : auth::CertificatePtr();
    if (!certificate) {
      state.complaint = pem ? "it is no certificate" : pem.error().message;
      continue;
    }
    state.subject = subject_of(certificate.get());
    const auto expires = auth::certificate_expiry(*pem);
    state.expires_unix_s = expires ? *expires : 0;
    state.complaint = fault_of(folder + name, *pem, certificate.get(), ca.get(), state.expires_unix_s, now_unix_s);
  }
  return all;
}

std::function<int()> add_certificate_command(CLI::App& app) {
  auto* const certificate = app.add_subcommand("certificate", "look after certificates");
  certificate->require_subcommand(1);
  auto* const command = certificate->add_subcommand("check", "print the server's certificates: whether they fit, and how long they live");
  auto data_dir = std::make_shared<std::string>(kDefaultDataDir);
  command->add_option("--data-dir", *data_dir, "the server's folder")->envname("KEELSON_DATA_DIR");
  return [data_dir] { return check(*data_dir); };
}

}  // namespace keelson::server

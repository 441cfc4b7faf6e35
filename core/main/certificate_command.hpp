// `keelson certificate check`: what is in <data-dir>/tls, whether it fits together, and how long it lives.
//
// Errors: exit code 1 when anything is over, does not fit its key or its CA, or can be read by others.
#pragma once
#include <functional>
#include <string>
#include <vector>

namespace CLI {
class App;
}

namespace keelson::server {

struct CertificateState {
  std::string name, subject, complaint;   ///< complaint empty: well
  std::int64_t expires_unix_s = 0;
};
/// The certificates of a data folder, as of a moment.
std::vector<CertificateState> certificate_states(const std::string& data_dir, std::int64_t now_unix_s);

std::function<int()> add_certificate_command(CLI::App& app);

}  // namespace keelson::server

// Kubeconfig: where an API server is and who we are to it, read from a kubeconfig file.
//
// Errors: what the file lacks or asks for and this program cannot do (plain HTTP, passwords) is a sentence that names it. Threads: values.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/base/error.hpp"

namespace keelson::remote {

/// `exec` of a user: see credential_program.hpp.
struct CredentialProgram {
  std::string command;                                 ///< a path, or a name to look for in PATH
  std::vector<std::string> args;
  std::vector<std::pair<std::string, std::string>> env;
  std::string api_version, install_hint;
  bool provide_cluster = false;
};

struct Connection {
  std::string host, port = "443", prefix;              ///< of https://host:port/prefix
  std::string server_name;                             ///< what the certificate has to say; empty: `host`
  std::string ca_pem, certificate_pem, key_pem;        ///< empty: the system's authorities; no client certificate
  std::string token, token_file;                       ///< the file is read again now and then
  std::optional<CredentialProgram> program;            ///< tells token or certificate, when there is one
  bool verify = true;
  std::string ns = "default";                          ///< the context's namespace
  /// As a URL has it.
  std::string authority() const { return (host.find(':') == std::string::npos ? host : "[" + host + "]") + ":" + port; }
  std::string url() const { return "https://" + authority() + prefix; }
};

/// The file's `context`; empty: its current one.
base::Outcome<Connection> read_kubeconfig(const std::string& file, const std::string& context);

}  // namespace keelson::remote

// Kubeconfig: where an API server is and who we are to it, read from a kubeconfig file.
//
// Errors: what the file lacks or asks for and this program cannot do (credential programs, plain HTTP, passwords) is a sentence that names
//   it. Threads: values.
#pragma once
#include <cstdint>
#include <string>

#include "core/base/error.hpp"

namespace keelson::remote {

struct Connection {
  std::string host, port = "443", prefix;              ///< of https://host:port/prefix
  std::string server_name;                             ///< what the certificate has to say; empty: `host`
  std::string ca_pem, certificate_pem, key_pem;        ///< empty: the system's authorities; no client certificate
  std::string token, token_file;                       ///< the file is read again now and then
  bool verify = true;
  std::string ns = "default";                          ///< the context's namespace
  std::string url() const { return "https://" + host + ":" + port + prefix; }
};

/// The file's `context`; empty: its current one.
base::Outcome<Connection> read_kubeconfig(const std::string& file, const std::string& context);

}  // namespace keelson::remote

// CredentialProgram: a program that a kubeconfig names, which tells who we are: a token, or a client certificate, for some time.
//
// Invariants: the program is never asked anything by a terminal: its input is empty, and one that always needs it is refused.
// Threads: any; run_credential_program() waits for the program. Errors: sentences that name the program.
#pragma once
#include "core/base/runtime.hpp"
#include "core/remote/kubeconfig.hpp"

namespace keelson::remote {

/// A program that takes longer is ended.
inline constexpr std::int64_t kCredentialProgramDeadline_ms = 20'000;
inline constexpr std::size_t kCredentialBytesMax = 1u << 20;

struct Credential {
  std::string token, certificate_pem, key_pem;   ///< at least the token, or the other two
  std::int64_t expires_unix_s = 0;               ///< 0: nobody says
};

base::Outcome<Credential> run_credential_program(const Connection& connection, base::Runtime& runtime);

/// What the program printed, of the version that it was asked for.
base::Outcome<Credential> parse_credential(std::string_view printed, const std::string& api_version);
/// KUBERNETES_EXEC_INFO.
std::string credential_request(const Connection& connection);

}  // namespace keelson::remote

#include "core/remote/credential_program.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using namespace keelson;
using namespace keelson::remote;

namespace {

constexpr const char* kVersion = "client.authentication.k8s.io/v1";

/// A shell script in a kubeconfig; `exec` names it relative to the file.
struct Program {
  explicit Program(const std::string& script) {
    auto pattern = (std::filesystem::temp_directory_path() / "keelson-cp-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
    std::ofstream(directory + "/tell") << "#!/bin/sh\n" << script;
    std::filesystem::permissions(directory + "/tell", std::filesystem::perms::owner_all);
    std::ofstream(directory + "/config") << "current-context: c\ncontexts: [{name: c, context: {cluster: c, user: u}}]\nclusters: [{name: c, cluster: {server: 'https://[::1]:6443'}}]\n"
                                         << "users: [{name: u, user: {exec: {command: ./tell, args: [two, words], env: [{name: SAID, value: hello}], apiVersion: " << kVersion
                                         << ", provideClusterInfo: true, installHint: get it there}}}]\n";
  }
  ~Program() { std::filesystem::remove_all(directory); }
  base::Outcome<Credential> run() const {
    const auto connection = read_kubeconfig(directory + "/config", "");
    REQUIRE(connection.has_value());
    return run_credential_program(*connection, *runtime);
  }
  std::string directory;
  std::unique_ptr<base::Runtime> runtime = base::real_runtime();
};

}  // namespace

TEST_CASE("a credential program gets its words, its environment and the server, and tells a token for some time") {
  const Program program(R"sh(printf '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"%s","expirationTimestamp":"1970-01-01T00:01:00Z"}}' \
                          "$1-$2-$SAID-$(echo "$KUBERNETES_EXEC_INFO" | grep -c '"server":"https://\[::1\]:6443"')")sh");
  const auto credential = program.run();
  REQUIRE(credential.has_value());
  CHECK(credential->token == "two-words-hello-1");
  CHECK(credential->expires_unix_s == 60);
}

TEST_CASE("a credential program that fails is named, with its hint") {
  const auto failed = Program("exit 3").run();
  REQUIRE_FALSE(failed.has_value());
  CHECK(failed.error().message.find("/./tell: exited with status 3\nget it there") != std::string::npos);
  CHECK(Program("echo nonsense").run().error().message.find("it printed no ExecCredential") != std::string::npos);
}

TEST_CASE("what a credential program prints is a token or a certificate with its key, of the version asked for") {
  const auto complaint = [](const std::string& text) { const auto read = parse_credential(text, kVersion); return read ? std::string() : read.error().message; };
  const std::string head = R"({"apiVersion":"client.authentication.k8s.io/v1","status":)";
  CHECK(complaint(R"({"apiVersion":"v2"})") == "it answers with apiVersion \"v2\", the kubeconfig wants client.authentication.k8s.io/v1");
  CHECK(complaint(head + "{}}") == "its answer has neither token nor certificate");
  CHECK(complaint(head + R"({"token":"t","clientKeyData":"K"}})") == "certificate and key have to come together");
  const auto both = parse_credential(head + R"({"clientCertificateData":"C","clientKeyData":"K"}})", kVersion);
  REQUIRE(both.has_value());
  CHECK((both->certificate_pem == "C" && both->key_pem == "K" && both->token.empty() && both->expires_unix_s == 0));
}

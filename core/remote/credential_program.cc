#include "core/remote/credential_program.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/json.hpp>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "core/base/base64.hpp"
#include "core/base/instant.hpp"
#include "core/base/json_value.hpp"

namespace keelson::remote {
namespace {

namespace json = boost::json;

std::string text_of(const json::object& object, std::string_view name) {
  const auto* value = object.if_contains(name);
  return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
}

base::Error failed(const Connection& connection, const std::string& what) {
  const auto& program = *connection.program;
  const auto hint = program.install_hint.empty() ? std::string() : "\n" + program.install_hint;
  return base::bad_request("credential program " + program.command + ": " + what + hint);
}

/// Our environment, with what the kubeconfig adds and what the program is told.
std::vector<std::string> environment_of(const Connection& connection) {
  auto added = connection.program->env;
  added.emplace_back("KUBERNETES_EXEC_INFO", credential_request(connection));
  std::vector<std::string> all;
  for (char** entry = environ; *entry != nullptr; ++entry) {
    const std::string_view text = *entry;
    const auto name = text.substr(0, text.find('='));
    if (std::none_of(added.begin(), added.end(), [name](const auto& one) { return one.first == name; })) all.emplace_back(text);
  }
  for (const auto& [name, value] : added) all.push_back(name + "=" + value);
  return all;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (auto& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

/// 0, or an errno. The program writes to `output`; what it complains about goes where our log goes.
int spawn(const Connection& connection, int output, pid_t& child) {
  std::vector<std::string> words = {connection.program->command};
  words.insert(words.end(), connection.program->args.begin(), connection.program->args.end());
  auto environment = environment_of(connection);
  auto argv = pointers(words), envp = pointers(environment);
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none;
  ::sigemptyset(&none);
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&actions, output, STDOUT_FILENO);
  ::posix_spawnattr_init(&attributes);
  ::posix_spawnattr_setsigmask(&attributes, &none);   // ours blocks those that end us
  ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK);
  const int wrong = ::posix_spawnp(&child, words[0].c_str(), &actions, &attributes, argv.data(), envp.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return wrong;
}

/// False: it took too long or said too much.
bool read_all(int from, std::string& text, base::Monotonic deadline, base::Runtime& runtime) {
  char chunk[4096];
  while (text.size() < kCredentialBytesMax) {
    const auto left_ms = (deadline - runtime.monotonic_ns()) / base::kNanosPerMs;
    pollfd entry{from, POLLIN, 0};
    if (left_ms <= 0 || (::poll(&entry, 1, static_cast<int>(left_ms)) == 0)) return false;
    const auto got = ::read(from, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got == 0;
    text.append(chunk, static_cast<std::size_t>(got));
  }
  return false;
}

base::Outcome<std::string> output_of(const Connection& connection, base::Runtime& runtime) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return failed(connection, std::strerror(errno));
  pid_t child = 0;
  const int wrong = spawn(connection, ends[1], child);
  ::close(ends[1]);
  std::string text;
  bool whole = false;
  int status = 0;
  if (wrong == 0) {
    whole = read_all(ends[0], text, runtime.in_ms(kCredentialProgramDeadline_ms), runtime);
    if (!whole) ::kill(child, SIGKILL);
    while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  }
  ::close(ends[0]);
  if (wrong != 0) return failed(connection, std::strerror(wrong));
  if (!whole) return failed(connection, "took too long or said too much");
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) return failed(connection, WIFEXITED(status) ? "exited with status " + std::to_string(WEXITSTATUS(status)) : "was ended by a signal");
  return text;
}

}  // namespace

std::string credential_request(const Connection& connection) {
  json::object spec{{"interactive", false}};
  if (connection.program->provide_cluster) {
    json::object cluster{{"server", connection.url()}};
    if (!connection.server_name.empty()) cluster["tls-server-name"] = connection.server_name;
    if (!connection.verify) cluster["insecure-skip-tls-verify"] = true;
    if (!connection.ca_pem.empty()) cluster["certificate-authority-data"] = base::base64_encode(connection.ca_pem);
    spec["cluster"] = std::move(cluster);
  }
  return json::serialize(json::object{{"kind", "ExecCredential"}, {"apiVersion", connection.program->api_version}, {"spec", std::move(spec)}});
}

base::Outcome<Credential> parse_credential(std::string_view printed, const std::string& api_version) {
  boost::system::error_code wrong;
  const auto value = base::json_of(printed, wrong);
  if (wrong || !value.is_object()) return base::bad_request("it printed no ExecCredential");
  const auto& object = value.get_object();
  if (text_of(object, "apiVersion") != api_version) return base::bad_request("it answers with apiVersion \"" + text_of(object, "apiVersion") + "\", the kubeconfig wants " + api_version);
  const auto* status = object.if_contains("status");
  if (status == nullptr || !status->is_object()) return base::bad_request("its answer has no status");
  const auto& told = status->get_object();
  Credential credential{text_of(told, "token"), text_of(told, "clientCertificateData"), text_of(told, "clientKeyData"), 0};
  if (credential.certificate_pem.empty() != credential.key_pem.empty()) return base::bad_request("certificate and key have to come together");
  if (credential.token.empty() && credential.key_pem.empty()) return base::bad_request("its answer has neither token nor certificate");
  if (const auto expires = base::parse_time(text_of(told, "expirationTimestamp"))) credential.expires_unix_s = expires->seconds;
  return credential;
}

base::Outcome<Credential> run_credential_program(const Connection& connection, base::Runtime& runtime) {
  const auto printed = output_of(connection, runtime);
  if (!printed) return printed.error();
  auto credential = parse_credential(*printed, connection.program->api_version);
  if (!credential) return failed(connection, credential.error().message);
  return credential;
}

}  // namespace keelson::remote

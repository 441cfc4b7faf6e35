#include "core/remote/kubeconfig.hpp"

#include <yaml-cpp/yaml.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>

#include "core/base/base64.hpp"
#include "core/base/json_text.hpp"

namespace keelson::remote {
namespace {

base::Outcome<std::string> content_of(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string text{std::istreambuf_iterator<char>(in), {}};
  if (!in) return base::bad_request("open " + file + ": " + std::strerror(errno));
  return text;
}

/// A key's value in the list of named entries.
YAML::Node entry(const YAML::Node& root, const char* list, const std::string& name, const char* what) {
  for (const auto& item : root[list])
    if (item["name"].as<std::string>("") == name) return item[what];
  return YAML::Node(YAML::NodeType::Undefined);
}

/// What client-go calls a configuration that cannot be used.
base::Error unusable(const std::string& why) { return base::bad_request("invalid configuration: " + why); }

/// `name`-data in base64, or the file that `name` names, relative to the kubeconfig. `what` and `whose` are said of a file that cannot be read.
base::Outcome<std::string> pem(const YAML::Node& from, const std::string& name, const std::filesystem::path& beside, const char* what, const std::string& whose) {
  if (const auto data = from[name + "-data"].as<std::string>(""); !data.empty()) {
    auto decoded = base::base64_decode(data);
    if (!decoded) return base::bad_request(name + "-data is no base64");
    return std::move(*decoded);
  }
  const auto file = from[name].as<std::string>("");
  if (file.empty()) return std::string();
  const auto path = (beside / file).string();
  auto text = content_of(path);
  if (!text) return unusable(std::string("unable to read ") + what + " " + path + " for " + whose + " due to " + text.error().message);
  return text;
}

base::Outcome<void> read_server(const std::string& server, Connection& into) {
  constexpr std::string_view kScheme = "https://";
  if (!server.starts_with(kScheme)) return base::bad_request("server \"" + server + "\": only https:// is understood");
  auto rest = server.substr(kScheme.size());
  const auto slash = rest.find('/');
  if (slash != std::string::npos) into.prefix = rest.substr(slash);
  while (into.prefix.ends_with('/')) into.prefix.pop_back();
  rest.resize(std::min(slash, rest.size()));
  const auto colon = rest.rfind(':');
  if (colon != std::string::npos && rest.find(']', colon) == std::string::npos) {
    into.port = rest.substr(colon + 1);
    rest.resize(colon);
  }
  if (rest.starts_with('[') && rest.ends_with(']')) rest = rest.substr(1, rest.size() - 2);
  if (rest.empty() || into.port.empty()) return base::bad_request("server \"" + server + "\" names no host");
  into.host = rest;
  return {};
}

base::Outcome<void> read_pem(const YAML::Node& from, const char* name, const std::filesystem::path& beside, const char* what, const std::string& whose, std::string& into) {
  auto text = pem(from, name, beside, what, whose);
  if (!text) return text.error();
  into = std::move(*text);
  return {};
}

/// A path is relative to the kubeconfig, a plain name is looked for in PATH.
base::Outcome<void> read_program(const YAML::Node& exec, const std::string& whose, const std::filesystem::path& beside, Connection& into) {
  CredentialProgram program;
  program.command = exec["command"].as<std::string>("");
  if (program.command.find('/') != std::string::npos) program.command = (beside / program.command).string();
  for (const auto& word : exec["args"]) program.args.push_back(word.as<std::string>());
  for (const auto& one : exec["env"]) program.env.emplace_back(one["name"].as<std::string>(""), one["value"].as<std::string>(""));
  program.api_version = exec["apiVersion"].as<std::string>("");
  program.install_hint = exec["installHint"].as<std::string>("");
  program.provide_cluster = exec["provideClusterInfo"].as<bool>(false);
  if (program.command.empty()) return unusable("command must be specified for " + whose + " to use exec authentication plugin");
  if (program.api_version.empty()) return unusable("apiVersion must be specified for " + whose + " to use exec authentication plugin");
  if (program.api_version != "client.authentication.k8s.io/v1" && program.api_version != "client.authentication.k8s.io/v1beta1")
    return base::bad_request("the user's \"exec\": apiVersion \"" + program.api_version + "\" is not understood");
  if (exec["interactiveMode"].as<std::string>("") == "Always") return base::bad_request("the user's \"exec\" wants a terminal, and there is none");
  into.program = std::move(program);
  return {};
}

base::Outcome<void> read_user(const YAML::Node& user, const std::string& name, const std::filesystem::path& beside, Connection& into) {
  if (user["token"] && (user["username"] || user["password"]))
    return unusable("more than one authentication method found for " + name + "; found [token basicAuth], only one is allowed");
  for (const auto* unknown : {"auth-provider", "username"})
    if (user[unknown]) return base::bad_request(std::string("the user's \"") + unknown + "\" is not understood: use a client certificate, token, tokenFile or exec");
  if (const auto exec = user["exec"]; exec)
    if (auto read = read_program(exec, name, beside, into); !read) return read;
  if (auto read = read_pem(user, "client-certificate", beside, "client-cert", name, into.certificate_pem); !read) return read;
  if (auto read = read_pem(user, "client-key", beside, "client-key", name, into.key_pem); !read) return read;
  into.token = user["token"].as<std::string>("");
  const auto file = user["tokenFile"].as<std::string>("");
  if (!file.empty()) into.token_file = (beside / file).string();
  return {};
}

base::Outcome<Connection> read_context(const YAML::Node& root, const std::string& name, const std::filesystem::path& beside) {
  const auto context = entry(root, "contexts", name, "context");
  if (!context) return base::bad_request("there is no context \"" + name + "\"");
  const auto cluster = entry(root, "clusters", context["cluster"].as<std::string>(""), "cluster");
  if (!cluster) return base::bad_request("context \"" + name + "\" names no cluster that is there");
  const auto cluster_name = context["cluster"].as<std::string>("");
  if (cluster["server"].as<std::string>("").empty()) return unusable("no server found for cluster " + base::quoted(cluster_name));
  Connection connection;
  if (auto read = read_server(cluster["server"].as<std::string>(""), connection); !read) return read.error();
  if (auto read = read_pem(cluster, "certificate-authority", beside, "certificate-authority", cluster_name, connection.ca_pem); !read) return read.error();
  connection.verify = !cluster["insecure-skip-tls-verify"].as<bool>(false);
  connection.server_name = cluster["tls-server-name"].as<std::string>("");
  connection.ns = context["namespace"].as<std::string>("default");
  const auto user_name = context["user"].as<std::string>("");
  if (const auto user = entry(root, "users", user_name, "user"); user)
    if (auto read = read_user(user, user_name, beside, connection); !read) return read.error();
  return connection;
}

}  // namespace

base::Outcome<Connection> read_kubeconfig(const std::string& file, const std::string& context) try {
  const auto text = content_of(file);
  if (!text) return text.error();
  const auto root = YAML::Load(*text);
  if (!root.IsMap() || root.size() == 0) return base::bad_request(file + ": invalid configuration: no configuration has been provided");
  const auto name = context.empty() ? root["current-context"].as<std::string>("") : context;
  auto connection = read_context(root, name, std::filesystem::absolute(file).parent_path());
  if (!connection) return base::bad_request(file + ": " + connection.error().message);
  return connection;
} catch (const YAML::Exception& error) {
  return base::bad_request(file + ": " + error.what());
}

}  // namespace keelson::remote

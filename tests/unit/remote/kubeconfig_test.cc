#include "core/remote/kubeconfig.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

using keelson::remote::read_kubeconfig;

namespace {

struct File {
  explicit File(const std::string& text) {
    auto pattern = (std::filesystem::temp_directory_path() / "keelson-kc-XXXXXX").string();
    directory = ::mkdtemp(pattern.data());
    path = directory + "/config";
    std::ofstream(path) << text;
    std::ofstream(directory + "/key.pem") << "KEY";
  }
  ~File() { std::filesystem::remove_all(directory); }
  std::string directory, path;
};

std::string config(const std::string& cluster, const std::string& user) {
  return "current-context: one\ncontexts:\n- {name: one, context: {cluster: c, user: u, namespace: team}}\nclusters:\n- {name: c, cluster: " + cluster +
         "}\nusers:\n- {name: u, user: " + user + "}\n";
}

std::string complaint(const std::string& cluster, const std::string& user) {
  const File file(config(cluster, user));
  const auto read = read_kubeconfig(file.path, "");
  return read ? "" : read.error().message;
}

}  // namespace

TEST_CASE("a kubeconfig says where the server is and who we are, with data inside or files beside it") {
  const File file(config("{server: 'https://[::1]:6443/below/', certificate-authority-data: Q0E=}", "{client-certificate-data: Q0VSVA==, client-key: key.pem, token: secret}"));
  const auto read = read_kubeconfig(file.path, "");
  REQUIRE(read.has_value());
  CHECK(read->host == "::1");
  CHECK(read->port == "6443");
  CHECK(read->prefix == "/below");
  CHECK(read->ca_pem == "CA");
  CHECK(read->certificate_pem == "CERT");
  CHECK(read->key_pem == "KEY");
  CHECK(read->token == "secret");
  CHECK(read->ns == "team");
}

TEST_CASE("a kubeconfig that cannot be used is refused in the words of client-go") {
  const auto ends = [](const std::string& said, const std::string& wanted) { return said.ends_with(": invalid configuration: " + wanted); };
  CHECK(ends(complaint("{}", "{}"), R"(no server found for cluster "c")"));
  CHECK(ends(complaint("{certificate-authority-data: Q0E=}", "{}"), R"(no server found for cluster "c")"));
  const auto unread = complaint("{server: 'https://a'}", "{client-certificate: none.pem, client-key: key.pem}");
  CHECK(unread.find("invalid configuration: unable to read client-cert /") != std::string::npos);
  CHECK(unread.ends_with("/none.pem: No such file or directory"));
  CHECK(complaint("{server: 'https://a'}", "{client-key: none.pem}").find("unable to read client-key /") != std::string::npos);
  CHECK(complaint("{server: 'https://a', certificate-authority: none.pem}", "{}").find("unable to read certificate-authority /") != std::string::npos);
  CHECK(ends(complaint("{server: 'https://a'}", "{token: t, username: u, password: p}"), "more than one authentication method found for u; found [token basicAuth], only one is allowed"));
  CHECK(ends(complaint("{server: 'https://a'}", "{exec: {command: x}}"), "apiVersion must be specified for u to use exec authentication plugin"));
  CHECK(ends(complaint("{server: 'https://a'}", "{exec: {apiVersion: client.authentication.k8s.io/v1}}"), "command must be specified for u to use exec authentication plugin"));
  const File empty("");
  CHECK(ends(read_kubeconfig(empty.path, "").error().message, "no configuration has been provided"));
  const File both(config("{server: 'https://a'}", "{client-key-data: REFUQQ==, client-key: key.pem}"));
  CHECK(read_kubeconfig(both.path, "")->key_pem == "DATA");
}

TEST_CASE("a kubeconfig that asks for what is not done is refused by name") {
  CHECK(complaint("{server: 'http://a'}", "{}").find("only https://") != std::string::npos);
  CHECK(complaint("{server: 'https://a'}", "{auth-provider: {name: x}}").find("\"auth-provider\" is not understood") != std::string::npos);
  CHECK(complaint("{server: 'https://a'}", "{exec: {command: x, apiVersion: v3}}").find("apiVersion \"v3\" is not understood") != std::string::npos);
  CHECK(complaint("{server: 'https://a'}", "{exec: {command: x, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Always}}").find("wants a terminal") != std::string::npos);
  CHECK(complaint("{server: 'https://a', certificate-authority-data: '%%'}", "{}").find("is no base64") != std::string::npos);
  const File file(config("{server: 'https://a'}", "{}"));
  const auto read = read_kubeconfig(file.path, "other");
  REQUIRE_FALSE(read.has_value());
  CHECK(read.error().message.find("no context \"other\"") != std::string::npos);
}

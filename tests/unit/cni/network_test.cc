#include <catch2/catch.hpp>

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "execute.hpp"
#include "network.hpp"
#include "pod_range.hpp"

using namespace keelson::cni;

namespace {

struct TempDir {
  std::string path;
  TempDir() {
    path = (std::filesystem::temp_directory_path() / "cni-XXXXXX").string();
    REQUIRE(::mkdtemp(path.data()) != nullptr);
  }
  ~TempDir() { std::filesystem::remove_all(path); }
};

void write(const std::string& path, const std::string& text) {
  std::filesystem::create_directories(std::filesystem::path(path).parent_path());
  std::ofstream(path) << text;
}

/// A network whose plugins are scripts that note how they were called.
Network scripted(const std::string& dir) {
  Network network;
  network.range = "10.42.3.0/24";
  network.state_dir = dir + "/ipam";
  network.conf_dir = dir + "/net.d";
  network.cache_dir = dir + "/cache";
  network.bin_dirs = {dir + "/bin"};
  for (const char* name : {"bridge", "portmap"}) {
    const std::string path = dir + "/bin/" + name;
    write(path, "#!/bin/sh\necho \"" + std::string(name) + " $CNI_COMMAND $CNI_CONTAINERID $CNI_IFNAME\" >>" + dir + "/calls\ncat >>" + dir + "/stdin\n");
    ::chmod(path.c_str(), 0755);
  }
  return network;
}

std::string text_of(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

}  // namespace

TEST_CASE("ranges are read, printed and cut into ranges of nodes without overlap") {
  const auto cluster = parse_range("10.42.0.0/16");
  REQUIRE(cluster);
  CHECK(cluster->text() == "10.42.0.0/16");
  CHECK(free_range(*cluster, {})->text() == "10.42.0.0/24");
  CHECK(free_range(*cluster, {*parse_range("10.42.0.0/24"), *parse_range("10.42.1.128/25")})->text() == "10.42.2.0/24");
  CHECK_FALSE(free_range(*cluster, {*parse_range("10.0.0.0/8")}));
  for (const char* bad : {"10.42.0.0", "10.42.0.256/24", "10.42.0.0/33", "x", "10.42.0.0/24x", ""}) CHECK_FALSE(parse_range(bad));
}

TEST_CASE("the list of plugins names the bridge, the node's range and the state directory") {
  TempDir dir;
  const auto text = conflist(scripted(dir.path));
  for (const char* part : {"\"subnet\":\"10.42.3.0/24\"", "\"bridge\":\"keelson0\"", "\"portMappings\":true", "/ipam\""}) CHECK(text.find(part) != std::string::npos);
}

TEST_CASE("the list is written once and again only when it changed") {
  TempDir dir;
  auto network = scripted(dir.path);
  REQUIRE(install(network).has_value());
  const std::string path = network.conf_dir + "/10-keelson.conflist";
  struct stat first {}, second {};
  ::stat(path.c_str(), &first);
  REQUIRE(install(network).has_value());
  ::stat(path.c_str(), &second);
  CHECK(first.st_ino == second.st_ino);
  network.range = "10.42.9.0/24";
  REQUIRE(install(network).has_value());
  CHECK(text_of(path).find("10.42.9.0/24") != std::string::npos);
}

TEST_CASE("an old address that nobody lives behind is leaked, a young one and a living one are not") {
  TempDir dir;
  const auto network = scripted(dir.path);
  write(network.state_dir + "/keelson/10.42.3.5", "dead\r\neth0");
  write(network.state_dir + "/keelson/10.42.3.6", "alive\r\neth0");
  write(network.state_dir + "/keelson/last_reserved_ip.0", "10.42.3.6");
  write(network.state_dir + "/keelson/lock", "");
  write(network.cache_dir + "/keelson-alive-eth0", R"({"result":{"interfaces":[{"name":"keelson0"},{"name":"eth0","sandbox":"/proc/self/ns/net"}]}})");
  const std::int64_t now = ::time(nullptr);
  CHECK(reservations(network).size() == 2);
  CHECK(leaked(network, now).empty());
  const auto old = leaked(network, now + kLeakAgeS + 1);
  REQUIRE(old.size() == 1);
  CHECK(old[0].container_id == "dead");
  CHECK(old[0].address == "10.42.3.5");
}

TEST_CASE("release calls DEL of every plugin, last first, with the cached result, and frees the address") {
  TempDir dir;
  const auto network = scripted(dir.path);
  write(network.state_dir + "/keelson/10.42.3.5", "dead\r\neth0");
  write(network.cache_dir + "/keelson-dead-eth0", R"({"result":{"interfaces":[],"ips":[{"address":"10.42.3.5/24"}]}})");
  REQUIRE(release(network, reservations(network)[0]).has_value());
  CHECK(text_of(dir.path + "/calls") == "portmap DEL dead eth0\nbridge DEL dead eth0\n");
  CHECK(text_of(dir.path + "/stdin").find("\"prevResult\":{\"interfaces\":[]") != std::string::npos);
  CHECK(reservations(network).empty());
  CHECK_FALSE(std::filesystem::exists(network.cache_dir + "/keelson-dead-eth0"));
}

TEST_CASE("a plugin's failure is told by its own message, and the address stays reserved") {
  TempDir dir;
  const auto network = scripted(dir.path);
  write(dir.path + "/bin/portmap", "#!/bin/sh\necho '{\"code\":7,\"msg\":\"no such table\"}'\nexit 1\n");
  write(network.state_dir + "/keelson/10.42.3.5", "dead\r\neth0");
  const auto released = release(network, reservations(network)[0]);
  REQUIRE(released.has_error());
  CHECK(released.error().message == "CNI plugin \"portmap\": no such table");
  CHECK(reservations(network).size() == 1);
}

TEST_CASE("a plugin that is not installed is named with the directories searched") {
  const auto answer = execute_plugin({"/nowhere", "/neither"}, "bridge", {}, "{}");
  REQUIRE(answer.has_error());
  CHECK(answer.error().message == "CNI plugin \"bridge\" is not in /nowhere:/neither");
}

TEST_CASE("programs get their input and their output comes back") {
  CHECK(*execute({"cat"}, {}, "hello") == "hello");
  CHECK(execute({"false"}, {}, "").has_error());
  CHECK(execute({"/no/such/program"}, {}, "").has_error());
}

TEST_CASE("a program that does not end is killed with all that it started, however it keeps busy") {
  TempDir dir;
  const auto held = dir.path + "/held";
  REQUIRE(::mkfifo(held.c_str(), 0600) == 0);
  const int alive = ::open(held.c_str(), O_RDONLY | O_NONBLOCK);
  REQUIRE(alive >= 0);
  // One that closes its output, one that never stops talking, one that has started another.
  for (const std::string script : {std::string("exec >&- 2>&-; sleep 1000"), std::string("while :; do echo x; done"), "sleep 1000 >" + held + " & wait"}) {
    const auto killed = execute({"sh", "-c", script}, {}, "", 1);
    REQUIRE(killed.has_error());
    CHECK(killed.error().message == "sh did not end in time");
  }
  pollfd gone{alive, POLLIN, 0};
  REQUIRE(::poll(&gone, 1, 10'000) == 1);
  CHECK(gone.revents == POLLHUP);   // nobody holds it any more
  ::close(alive);
}

TEST_CASE("what a program leaves behind when it ends is not waited for") {
  const auto child = execute({"sh", "-c", "sleep 1000 & echo $!"}, {}, "");
  REQUIRE(child.has_value());
  CHECK(::kill(std::stoi(*child), SIGKILL) == 0);
}

TEST_CASE("no more than so much of a program's output is kept") {
  const auto flood = execute({"sh", "-c", "head -c 3000000 /dev/zero"}, {}, "");
  REQUIRE(flood.has_value());
  CHECK(flood->size() == kOutputBytesMax);
}

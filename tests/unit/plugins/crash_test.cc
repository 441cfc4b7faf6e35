#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "core/plugins/crash_marker.hpp"

using namespace keelson;
namespace fs = std::filesystem;

namespace {

constexpr int kFullStack = -1;

int fill_stack(volatile int* below) {
  volatile int here[1024];
  here[0] = *below;
  return fill_stack(here) + here[0];
}

void die(int signal) {
  volatile int begin = 0;
  if (signal == kFullStack) fill_stack(&begin);
  ::raise(signal);
}

/// A child process that dies of `signal` inside of `plugin` ("" = in none). Answers the signal that the parent sees.
int die_inside(const std::string& file, const std::string& plugin, int signal) {
  const pid_t child = ::fork();
  if (child == 0) {
    if (std::freopen((file + ".stderr").c_str(), "w", stderr) == nullptr) ::_exit(1);
    plugins::install_crash_marker(file);
    if (plugin.empty()) {
      die(signal);
    } else {
      const plugins::CrashScope outer("other");
      const plugins::CrashScope scope(plugin);
      die(signal);
    }
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

/// What the last that died wrote to standard error.
std::string said(const std::string& file) {
  std::ostringstream text;
  text << std::ifstream(file + ".stderr").rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("a plugin that takes the process down is remembered by name, others and kills from outside are not") {
  auto pattern = (fs::temp_directory_path() / "keelson-crash-XXXXXX").string();
  const std::string directory = ::mkdtemp(pattern.data());
  const auto file = directory + "/crashes";
  CHECK(die_inside(file, "web", SIGABRT) == SIGABRT);
  CHECK(die_inside(file, "web", SIGFPE) == SIGFPE);
  CHECK(die_inside(file, "db", SIGABRT) == SIGABRT);
  CHECK_THAT(said(file), Catch::StartsWith("keelson: SIGABRT inside of the plugin db\n"));
  CHECK(die_inside(file, "web", SIGKILL) == SIGKILL);
  CHECK(die_inside(file, "", SIGABRT) == SIGABRT);
  CHECK_THAT(said(file), Catch::StartsWith("keelson: SIGABRT\n") && Catch::Contains("unit_plugins("));
  CHECK(plugins::read_crash_marker(file) == std::map<std::string, int>{{"db", 1}, {"web", 2}});
  CHECK(die_inside(file, "deep", kFullStack) == SIGSEGV);
  CHECK_THAT(said(file), Catch::StartsWith("keelson: SIGSEGV inside of the plugin deep\n"));
  CHECK(plugins::read_crash_marker(file) == std::map<std::string, int>{{"db", 1}, {"deep", 1}, {"web", 2}});
  plugins::forget_crashes(file, "web");
  plugins::forget_crashes(file, "deep");
  CHECK(plugins::read_crash_marker(file) == std::map<std::string, int>{{"db", 1}});
  fs::remove_all(directory);
}

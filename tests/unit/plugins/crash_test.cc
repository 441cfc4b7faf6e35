#include <catch2/catch.hpp>

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "core/plugins/crash_marker.hpp"

using namespace keelson;
namespace fs = std::filesystem;

namespace {

/// A child process that dies of `signal` inside of `plugin` ("" = in none). Answers the signal that the parent sees.
int die_inside(const std::string& file, const std::string& plugin, int signal) {
  const pid_t child = ::fork();
  if (child == 0) {
    plugins::install_crash_marker(file);
    if (plugin.empty()) {
      ::raise(signal);
    } else {
      const plugins::CrashScope outer("other");
      const plugins::CrashScope scope(plugin);
      ::raise(signal);
    }
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
}

}  // namespace

TEST_CASE("a plugin that takes the process down is remembered by name, others and kills from outside are not") {
  auto pattern = (fs::temp_directory_path() / "keelson-crash-XXXXXX").string();
  const std::string directory = ::mkdtemp(pattern.data());
  const auto file = directory + "/crashes";
  CHECK(die_inside(file, "web", SIGABRT) == SIGABRT);
  CHECK(die_inside(file, "web", SIGFPE) == SIGFPE);
  CHECK(die_inside(file, "db", SIGABRT) == SIGABRT);
  CHECK(die_inside(file, "web", SIGKILL) == SIGKILL);
  CHECK(die_inside(file, "", SIGABRT) == SIGABRT);
  CHECK(plugins::read_crash_marker(file) == std::map<std::string, int>{{"db", 1}, {"web", 2}});
  plugins::forget_crashes(file, "web");
  CHECK(plugins::read_crash_marker(file) == std::map<std::string, int>{{"db", 1}});
  fs::remove_all(directory);
}

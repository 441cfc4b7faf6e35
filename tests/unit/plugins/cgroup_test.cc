// Control groups of children, on machines that have some which may be written.
#include "core/plugins/child/cgroup.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>

using namespace keelson;

namespace {

/// A shell that runs `script` once go() was called.
class Shell {
 public:
  explicit Shell(const std::string& script) {
    int ends[2];
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    posix_spawn_file_actions_t actions;
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawn_file_actions_adddup2(&actions, ends[0], 0);
    ::posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
    std::string text = "read go; " + script;
    char name[] = "sh", flag[] = "-c";
    char* arguments[] = {name, flag, text.data(), nullptr};
    REQUIRE(::posix_spawn(&pid, "/bin/sh", &actions, nullptr, arguments, environ) == 0);
    ::posix_spawn_file_actions_destroy(&actions);
    ::close(ends[0]);
    input_ = ends[1];
  }
  ~Shell() { end(); }
  int end() {
    if (pid < 0) return -1;
    const bool gone = ::write(input_, "\n", 1) < 0;
    (void)gone;   // then its status says how
    ::close(input_);
    int status = 0;
    ::waitpid(pid, &status, 0);
    pid = -1;
    return status;
  }
  pid_t pid = -1;

 private:
  int input_ = -1;
};

constexpr std::uint64_t kMemory = 64ull << 20, kTasks = 4;

/// Null: this machine lets nobody make one; the test says so and is over.
std::unique_ptr<plugins::ChildGroup> group_of(const Shell& shell) {
  auto made = plugins::ChildGroup::make(shell.pid, {kMemory, kTasks});
  if (made && (*made)->missing().empty()) return std::move(*made);
  WARN("skipped: no control group may be written here: " << (made ? (*made)->missing() : made.error().message));
  return nullptr;
}

}  // namespace

TEST_CASE("a child is in its own control group, which is removed with it") {
  Shell shell("cat /proc/self/cgroup | grep -c keelson-plugin-");
  auto group = group_of(shell);
  if (!group) return;
  for (const auto& directory : group->directories()) {
    std::ifstream members(directory + "/cgroup.procs");
    pid_t member = 0;
    CHECK((members >> member && member == shell.pid));
  }
  const auto directories = group->directories();
  shell.end();
  group.reset();
  for (const auto& directory : directories) CHECK_FALSE(std::filesystem::exists(directory));
}

TEST_CASE("a child that takes more memory than its group has is killed, and the group knows it") {
  Shell shell("head -c 300000000 /dev/zero | tail -c 250000000 >/dev/null; exit $?");
  auto group = group_of(shell);
  if (!group) return;
  CHECK_FALSE(group->ran_out_of_memory());
  shell.end();
  CHECK(group->ran_out_of_memory());
}

TEST_CASE("a child cannot have more processes and threads than its group allows") {
  Shell shell("sleep 5 & sleep 5 & sleep 5 & sleep 5 & sleep 5 & exit 0");
  auto group = group_of(shell);
  if (!group) return;
  const auto status = shell.end();   // the shell gives up when it cannot fork
  CHECK((WIFEXITED(status) && WEXITSTATUS(status) != 0));
  for (const auto& directory : group->directories()) {   // what it started
    std::ifstream members(directory + "/cgroup.procs");
    for (pid_t member = 0; members >> member;) ::kill(member, SIGKILL);
  }
}

TEST_CASE("a group that a killed server left behind goes with the next one that is made") {
  Shell first("exit 0");
  auto group = group_of(first);
  if (!group) return;
  Shell dead("exit 0");
  const auto gone = dead.pid;
  dead.end();
  std::vector<std::string> left;
  for (const auto& directory : group->directories()) {
    left.push_back(std::filesystem::path(directory).parent_path().string() + "/keelson-plugin-" + std::to_string(gone) + "-1");
    REQUIRE(::mkdir(left.back().c_str(), 0755) == 0);
  }
  Shell second("exit 0");
  const auto other = group_of(second);
  REQUIRE(other != nullptr);
  for (const auto& directory : left) CHECK_FALSE(std::filesystem::exists(directory));
  first.end();
  second.end();
}

TEST_CASE("where no control group can be made, the answer says why") {
  Shell shell("exit 0");
  const auto made = plugins::ChildGroup::make(shell.pid, {kMemory, kTasks}, "/nowhere");
  REQUIRE_FALSE(made.has_value());
  CHECK(made.error().message.find("/nowhere/") != std::string::npos);
}

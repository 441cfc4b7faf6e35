// What a process in the sandbox can still do, tried by a process that is forked for it and ends by its answer.
#include "core/plugins/child/sandbox.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>

using namespace keelson::plugins;

namespace {

enum Answer { kDid = 10, kRefused = 11, kNotEntered = 12 };

/// -signal, or the exit status.
template <class Attempt>
int in_sandbox(const Sandbox& sandbox, Attempt attempt) {
  const pid_t child = ::fork();
  if (child == 0) {
    const auto missing = enter_sandbox(sandbox);
    ::_exit(missing.empty() ? (attempt() ? kDid : kRefused) : kNotEntered);
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0 && errno == EINTR) {}
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

template <class Attempt>
int in_sandbox(Attempt attempt) { return in_sandbox(Sandbox{}, attempt); }

bool opens(const char* path, int flags) { return ::open(path, flags, 0600) >= 0; }

}  // namespace

TEST_CASE("in the sandbox libraries are read, and nothing else is read or written") {
  const auto reads = in_sandbox([] { return opens("/usr/lib/os-release", O_RDONLY); });
  if (reads == kNotEntered) return;   // this kernel cannot keep it in; the host says so in the log
  CHECK(reads == kDid);
  CHECK(in_sandbox([] { return opens("/etc/passwd", O_RDONLY); }) == kRefused);
  CHECK(in_sandbox([] { return opens("/tmp/keelson-sandbox-test", O_WRONLY | O_CREAT); }) == kRefused);
  CHECK(in_sandbox([] { return opens("/usr/lib/os-release", O_WRONLY); }) == kRefused);
}

TEST_CASE("in the sandbox no network is reached unless it is allowed") {
  const auto socket_opens = [] { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0; };
  if (in_sandbox([] { return true; }) == kNotEntered) return;
  CHECK(in_sandbox(socket_opens) == kRefused);
  CHECK(in_sandbox({.network = true}, socket_opens) == kDid);
  CHECK(in_sandbox({.network = true}, [] { return ::socket(AF_UNIX, SOCK_STREAM, 0) >= 0; }) == kRefused);
}

TEST_CASE("in the sandbox nothing is started, nobody else is signalled, and no right is left") {
  if (in_sandbox([] { return true; }) == kNotEntered) return;
  CHECK(in_sandbox([] { return ::fork() >= 0; }) == kRefused);
  CHECK(in_sandbox([] {
    char program[] = "/bin/true";
    char* words[] = {program, nullptr};
    return ::execv(program, words) == 0;
  }) == kRefused);
  CHECK(in_sandbox([] { return ::kill(::getppid(), 0) == 0; }) == kRefused);
  CHECK(in_sandbox([] {
    cpu_set_t all;
    return ::sched_getaffinity(0, sizeof all, &all) == 0 && ::sched_setaffinity(::getppid(), sizeof all, &all) == 0;
  }) == kRefused);
  CHECK(in_sandbox([] { return ::setuid(0) == 0; }) == kRefused);
  CHECK(in_sandbox([] { return ::getuid() != 0; }) == kDid);
}

TEST_CASE("in the sandbox descriptors are bounded and no core is written") {
  const auto bounded = [](auto what, rlim_t most) {
    rlimit now{};
    ::getrlimit(what, &now);
    return now.rlim_cur <= most;
  };
  if (in_sandbox([] { return true; }) == kNotEntered) return;
  CHECK(in_sandbox([&] { return bounded(RLIMIT_NOFILE, kChildDescriptorsMax); }) == kDid);
  CHECK(in_sandbox([&] { return bounded(RLIMIT_CORE, 0) && bounded(RLIMIT_FSIZE, 0); }) == kDid);
}

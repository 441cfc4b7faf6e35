#include "core/plugins/child/process.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <memory>

namespace keelson::plugins {
namespace {

constexpr int kFirstDescriptor = 3;
/// Where the originals wait, out of the way of the numbers that they get.
constexpr int kParkedDescriptor = 64;
/// All of the server's environment that a child sees.
constexpr std::array kEnvironment{"PATH", "LANG", "TZ", "LD_LIBRARY_PATH", "ASAN_OPTIONS", "TSAN_OPTIONS", "UBSAN_OPTIONS"};

struct Spawning {
  Spawning() {
    ::posix_spawn_file_actions_init(&actions);
    ::posix_spawnattr_init(&attributes);
    sigset_t none, all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes, &none);
    ::posix_spawnattr_setsigdefault(&attributes, &all);
    ::posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSID);
  }
  ~Spawning() {
    ::posix_spawn_file_actions_destroy(&actions);
    ::posix_spawnattr_destroy(&attributes);
  }
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
};

std::vector<std::string> environment() {
  std::vector<std::string> kept;
  for (const char* name : kEnvironment)
    if (const char* value = std::getenv(name)) kept.push_back(std::string(name) + "=" + value);
  return kept;
}

std::vector<char*> pointers(std::vector<std::string>& texts) {
  std::vector<char*> all;
  for (auto& text : texts) all.push_back(text.data());
  all.push_back(nullptr);
  return all;
}

std::string how_it_ended(int status) {
  if (WIFSIGNALED(status)) {
    const char* name = ::sigabbrev_np(WTERMSIG(status));
    return "was killed by signal " + std::to_string(WTERMSIG(status)) + " (SIG" + (name != nullptr ? name : "?") + ")";
  }
  if (WEXITSTATUS(status) == kNoDescriptors) return "ended: it had used up its descriptors";
  return "exited with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

base::Outcome<std::unique_ptr<ChildProcess>> ChildProcess::start(const std::string& program, const std::vector<std::string>& arguments, std::vector<int> descriptors) {
  Spawning spawning;
  int printing[2];
  if (::pipe2(printing, O_CLOEXEC) != 0) {
    const int why = errno;
    for (const int fd : descriptors) ::close(fd);
    return base::internal(std::string("pipe: ") + std::strerror(why));
  }
  ::fcntl(printing[0], F_SETFL, O_NONBLOCK);
  ::posix_spawn_file_actions_addopen(&spawning.actions, 0, "/dev/null", O_RDONLY, 0);
  ::posix_spawn_file_actions_adddup2(&spawning.actions, printing[1], 1);
  ::posix_spawn_file_actions_adddup2(&spawning.actions, printing[1], 2);
  std::vector<int> parked;
  for (std::size_t i = 0; i < descriptors.size(); ++i) {
    parked.push_back(::fcntl(descriptors[i], F_DUPFD_CLOEXEC, kParkedDescriptor));
    ::close(descriptors[i]);
    ::posix_spawn_file_actions_adddup2(&spawning.actions, parked.back(), kFirstDescriptor + static_cast<int>(i));
  }
  ::posix_spawn_file_actions_addclosefrom_np(&spawning.actions, kFirstDescriptor + static_cast<int>(descriptors.size()));
  std::vector<std::string> words{program};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto kept = environment();
  pid_t pid = -1;
  const int failed = ::posix_spawn(&pid, program.c_str(), &spawning.actions, &spawning.attributes, pointers(words).data(), pointers(kept).data());
  for (const int fd : parked) ::close(fd);
  ::close(printing[1]);
  if (failed != 0) {
    ::close(printing[0]);
    return base::internal(program + ": " + std::strerror(failed));
  }
  const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  std::unique_ptr<ChildProcess> child(new ChildProcess(pid, pidfd, printing[0]));
  if (pidfd < 0) return base::internal(std::string("pidfd_open: ") + std::strerror(errno));
  return base::Outcome<std::unique_ptr<ChildProcess>>(std::move(child));
}

ChildProcess::~ChildProcess() {
  kill();
  reap();
  if (pidfd_ >= 0) ::close(pidfd_);
}

void ChildProcess::kill() {
  const std::lock_guard lock(mutex_);
  if (!reaped_) ::kill(pid_, SIGKILL);
}

bool ChildProcess::ends_within(std::int64_t ms) const {
  pollfd gone{pidfd_, POLLIN, 0};
  return ::poll(&gone, 1, static_cast<int>(ms)) > 0;
}

std::string ChildProcess::reap() {
  siginfo_t ended{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOWAIT) != 0 && errno == EINTR) {}
  const std::lock_guard lock(mutex_);   // nobody signals between this and its being reaped
  if (!reaped_) {
    int status = 0;
    reaped_ = ::waitpid(pid_, &status, 0) == pid_ ? how_it_ended(status) : "is gone";
  }
  return *reaped_;
}

}  // namespace keelson::plugins

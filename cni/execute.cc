#include "execute.hpp"

#include <boost/json.hpp>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/timerfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

extern char** environ;

namespace keelson::cni {
namespace {

struct Fd {
  int value = -1;
  Fd() = default;
  Fd(const Fd&) = delete;
  Fd& operator=(const Fd&) = delete;
  ~Fd() { reset(); }
  void reset() {
    if (value >= 0) ::close(value);
    value = -1;
  }
};

Error failure(std::string message) { return {500, "InternalError", std::move(message), {}}; }

/// A file without a name that holds the input, so that no pipe has to be fed while output is read.
int input_file(const std::string& input) {
  const int fd = ::memfd_create("input", MFD_CLOEXEC);
  if (fd >= 0 && (::write(fd, input.data(), input.size()) != static_cast<ssize_t>(input.size()) || ::lseek(fd, 0, SEEK_SET) != 0)) {
    ::close(fd);
    return -1;
  }
  return fd;
}

/// Readable once so many seconds have passed, whatever else is waited for meanwhile.
int deadline_timer(int seconds) {
  const int fd = ::timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
  itimerspec at{};
  at.it_value.tv_sec = seconds;
  if (fd >= 0) ::timerfd_settime(fd, 0, &at, nullptr);
  return fd;
}

/// One read. False: nothing more comes.
bool take(int fd, std::string& out) {
  char buffer[4096];
  const auto got = ::read(fd, buffer, sizeof buffer);
  if (got > 0 && out.size() < kOutputBytesMax) out.append(buffer, std::min(static_cast<std::size_t>(got), kOutputBytesMax - out.size()));
  return got > 0 || (got < 0 && errno == EINTR);
}

/// Reads until the program has ended and what was left in the pipe is there. False: the deadline, however busy it was.
bool drain(int output, int program, int deadline, std::string& out) {
  pollfd ready[] = {{deadline, POLLIN, 0}, {output, POLLIN, 0}, {program, POLLIN, 0}};
  for (;;) {
    if (::poll(ready, 3, -1) < 0 && errno != EINTR) return false;
    if (ready[0].revents != 0) return false;
    if (ready[1].revents != 0) {
      if (!take(output, out)) ready[1].fd = -1;
    } else if (ready[2].revents != 0) {
      return true;
    }
  }
}

std::vector<char*> pointers(const std::vector<std::string>& texts, char** more) {
  std::vector<char*> out;
  for (const auto& text : texts) out.push_back(const_cast<char*>(text.c_str()));
  for (; more != nullptr && *more != nullptr; ++more) out.push_back(*more);
  out.push_back(nullptr);
  return out;
}

}  // namespace

Outcome<std::string> execute(const std::vector<std::string>& arguments, const std::vector<std::string>& environment, const std::string& input, int deadline_s) {
  Fd in, out_read, out_write, deadline, program;
  int ends[2];
  in.value = input_file(input);
  if (in.value < 0 || ::pipe2(ends, O_CLOEXEC) != 0) return failure(arguments[0] + ": " + std::strerror(errno));
  out_read.value = ends[0];
  out_write.value = ends[1];
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_adddup2(&files, in.value, 0);
  posix_spawn_file_actions_adddup2(&files, out_write.value, 1);
  posix_spawn_file_actions_adddup2(&files, out_write.value, 2);
  posix_spawn_file_actions_addclosefrom_np(&files, 3);   // the server's sockets are not theirs
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);   // a group of its own, to end all of it
  pid_t pid = 0;
  const int failed = ::posix_spawnp(&pid, arguments[0].c_str(), &files, &attributes, pointers(arguments, nullptr).data(), pointers(environment, environ).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) return failure(arguments[0] + ": " + std::strerror(failed));
  out_write.reset();
  std::string output;
  deadline.value = deadline_timer(deadline_s);
  program.value = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  const bool in_time = deadline.value >= 0 && program.value >= 0 && drain(out_read.value, program.value, deadline.value, output);
  if (!in_time) ::kill(-pid, SIGKILL);
  int status = 0;
  while (::waitpid(pid, &status, 0) < 0 && errno == EINTR) {}
  if (!in_time) return failure(arguments[0] + " did not end in time");
  if (WIFEXITED(status) && WEXITSTATUS(status) == 0) return output;
  return failure(arguments[0] + ": " + (output.empty() ? "exit status " + std::to_string(WEXITSTATUS(status)) : output));
}

Outcome<std::string> execute_plugin(const std::vector<std::string>& bin_dirs, const std::string& type, const std::vector<std::string>& environment,
                                    const std::string& config) {
  std::string path = ":";
  std::string search;
  for (const auto& dir : bin_dirs) search += (search.empty() ? "" : ":") + dir;
  for (const auto& dir : bin_dirs)
    if (path == ":" && ::access((dir + "/" + type).c_str(), X_OK) == 0) path = dir + "/" + type;
  if (path == ":") return failure("CNI plugin \"" + type + "\" is not in " + search);
  auto variables = environment;
  variables.push_back("CNI_PATH=" + search);
  auto answer = execute({path}, variables, config);
  if (answer) return answer;
  const auto brace = answer.error().message.find('{');
  boost::system::error_code bad;
  const auto document = brace == std::string::npos ? boost::json::value() : boost::json::parse(answer.error().message.substr(brace), bad);
  if (bad || !document.is_object()) return answer;
  const auto* message = document.get_object().if_contains("msg");
  return message != nullptr && message->is_string() ? failure("CNI plugin \"" + type + "\": " + std::string(message->get_string())) : answer;
}

}  // namespace keelson::cni

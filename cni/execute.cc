#include "execute.hpp"

#include <boost/json.hpp>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

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

/// Reads until the other end closes or the deadline passes. False: the deadline.
bool drain(int fd, std::string& out) {
  char buffer[4096];
  for (;;) {
    pollfd ready{fd, POLLIN, 0};
    const int count = ::poll(&ready, 1, kExecuteDeadlineS * 1000);
    if (count == 0) return false;
    if (count < 0 && errno == EINTR) continue;
    const auto got = ::read(fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return true;
    if (out.size() < kOutputBytesMax) out.append(buffer, static_cast<std::size_t>(got));
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

Outcome<std::string> execute(const std::vector<std::string>& arguments, const std::vector<std::string>& environment, const std::string& input) {
  Fd in, out_read, out_write;
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
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  pid_t pid = 0;
  const int failed = ::posix_spawnp(&pid, arguments[0].c_str(), &files, &attributes, pointers(arguments, nullptr).data(), pointers(environment, environ).data());
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) return failure(arguments[0] + ": " + std::strerror(failed));
  out_write.reset();
  std::string output;
  const bool in_time = drain(out_read.value, output);
  if (!in_time) ::kill(pid, SIGKILL);
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

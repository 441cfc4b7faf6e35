#include "containerd.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>

#include "atomic_dir.hpp"

extern char** environ;

namespace keelson::node {
namespace {

constexpr int kSocketWaitMs = 20'000;
constexpr int kSocketTickMs = 20;
constexpr int kRestartFirstMs = 200;
constexpr int kRestartMaxMs = 10'000;
constexpr std::size_t kSocketPathMax = 90;   // the system's 107 less the suffix of the second socket

/// Debian's directory, or the one that everybody else uses.
std::string cni_bin_dir() { return ::access("/usr/lib/cni/bridge", X_OK) == 0 ? "/usr/lib/cni" : "/opt/cni/bin"; }

std::string in_quotes(const std::string& text) { return "\"" + text + "\""; }

}  // namespace

std::string containerd_config(const ContainerdPaths& paths) {
  // The optional plugins would only log that they are missing here. Without CAP_SYS_RESOURCE a container's score may not be lowered:
  // restrict_oom_score_adj raises it to what is allowed.
  return "version = 2\n"
         "root = " + in_quotes(paths.dir + "/root") + "\n"
         "state = " + in_quotes(paths.dir + "/state") + "\n"
         "oom_score = 0\n"
         "disabled_plugins = [\"io.containerd.internal.v1.opt\", \"io.containerd.snapshotter.v1.btrfs\", \"io.containerd.snapshotter.v1.zfs\", "
         "\"io.containerd.snapshotter.v1.aufs\", \"io.containerd.snapshotter.v1.devmapper\", \"io.containerd.tracing.processor.v1.otlp\"]\n"
         "[grpc]\n"
         "  address = " + in_quotes(paths.socket()) + "\n"
         "[ttrpc]\n"
         "  address = " + in_quotes(paths.socket() + ".ttrpc") + "\n"
         "[plugins.\"io.containerd.grpc.v1.cri\"]\n"
         "  sandbox_image = \"keelson.dev/pause:1\"\n"
         "  restrict_oom_score_adj = true\n"
         "  stream_server_address = \"127.0.0.1\"\n"
         "  stream_server_port = \"0\"\n"
         "  [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc]\n"
         "    runtime_type = \"io.containerd.runc.v2\"\n"
         "    [plugins.\"io.containerd.grpc.v1.cri\".containerd.runtimes.runc.options]\n"
         "      SystemdCgroup = false\n"
         "  [plugins.\"io.containerd.grpc.v1.cri\".cni]\n"
         "    bin_dir = " + in_quotes(cni_bin_dir()) + "\n"
         "    conf_dir = " + in_quotes(paths.cni_conf_dir) + "\n";
}

Containerd::Containerd(ContainerdPaths paths, Log log) : paths_(std::move(paths)), log_(std::move(log)), wake_(::eventfd(0, EFD_CLOEXEC)) {}

Containerd::~Containerd() { ::close(wake_); }

void Containerd::stop() {
  const std::uint64_t one = 1;
  (void)!::write(wake_, &one, sizeof one);
}

/// The process that listens on the socket, 0 when nobody answers.
int Containerd::running_pid() const {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, paths_.socket().c_str(), sizeof address.sun_path - 1);
  ucred peer{};
  socklen_t size = sizeof peer;
  const bool answers = ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                       ::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0;
  ::close(fd);
  return answers ? peer.pid : 0;
}

int Containerd::spawn() {
  const std::string config = paths_.dir + "/config.toml", log = paths_.dir + "/containerd.log";
  if (const auto made = make_dirs(paths_.dir, 0711); !made) return log_("error", made.error().message), -1;
  if (const auto made = make_dirs(paths_.cni_conf_dir, 0755); !made) return log_("error", made.error().message), -1;
  if (const auto wrote = write_file(config, containerd_config(paths_), 0600); !wrote) return log_("error", wrote.error().message), -1;
  posix_spawn_file_actions_t files;
  posix_spawn_file_actions_init(&files);
  posix_spawn_file_actions_addopen(&files, 0, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_addopen(&files, 1, log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  posix_spawn_file_actions_adddup2(&files, 1, 2);
  // It outlives the server: a listening socket that it inherited would go on taking the next server's connections.
  posix_spawn_file_actions_addclosefrom_np(&files, 3);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  sigset_t none, all;
  sigemptyset(&none);
  sigfillset(&all);
  posix_spawnattr_setsigmask(&attributes, &none);
  posix_spawnattr_setsigdefault(&attributes, &all);
  posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  std::string program = "containerd", flag = "--config", path = config;
  char* arguments[] = {program.data(), flag.data(), path.data(), nullptr};
  pid_t pid = 0;
  const int failed = ::posix_spawnp(&pid, "containerd", &files, &attributes, arguments, environ);
  posix_spawnattr_destroy(&attributes);
  posix_spawn_file_actions_destroy(&files);
  if (failed != 0) {
    log_("error", std::string("containerd cannot be started: ") + std::strerror(failed));
    return -1;
  }
  return pid;
}

/// Waits for stop(), for the process behind `pidfd` to end, or for the time. True: stop() was called.
bool Containerd::pause_ms(int ms, int pidfd) {
  pollfd ready[2] = {{wake_, POLLIN, 0}, {pidfd, POLLIN, 0}};
  ::poll(ready, pidfd < 0 ? 1 : 2, ms);
  return (ready[0].revents & POLLIN) != 0;
}

/// True: it answers. False: it ended, took too long, or stop() was called.
bool Containerd::wait_for_socket(int pid) {
  for (int waited = 0; waited < kSocketWaitMs; waited += kSocketTickMs) {
    if (running_pid() != 0) return true;
    if (::waitpid(pid, nullptr, WNOHANG) == pid || pause_ms(kSocketTickMs)) return false;
  }
  return false;
}

void Containerd::supervise() {
  if (paths_.socket().size() > kSocketPathMax) {
    log_("error", "the data directory's path is too long for containerd's socket: " + paths_.socket());
    return;
  }
  int delay_ms = kRestartFirstMs;
  for (;;) {
    int pid = running_pid();
    const bool adopted = pid != 0;
    if (!adopted) pid = spawn();
    if (pid > 0 && (adopted || wait_for_socket(pid))) {
      log_("info", (adopted ? "adopted containerd, process " : "started containerd, process ") + std::to_string(pid));
      delay_ms = kRestartFirstMs;
      const int pidfd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
      const bool stopped = pidfd >= 0 ? pause_ms(-1, pidfd) : pause_ms(kRestartMaxMs);
      if (pidfd >= 0) ::close(pidfd);
      if (stopped) return;
      ::waitpid(pid, nullptr, WNOHANG);
      log_("warning", "containerd has ended");
    }
    if (pause_ms(delay_ms)) return;
    delay_ms = std::min(2 * delay_ms, kRestartMaxMs);
  }
}

}  // namespace keelson::node

#include "core/plugins/child/sandbox.hpp"

#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/landlock.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdlib>
#include <cstring>

namespace keelson::plugins {
namespace {

constexpr uid_t kNobody = 65534;

#if defined(__x86_64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_X86_64;
#elif defined(__aarch64__)
constexpr std::uint32_t kArchitecture = AUDIT_ARCH_AARCH64;
#endif

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kShadowMemory = true;    // terabytes of it: no limit would let the process start
#else
constexpr bool kShadowMemory = false;
#endif

/// Where shared libraries and what they need to work live. Nothing of it is secret.
constexpr std::array kReadable{"/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/ssl/certs", "/dev/null", "/dev/zero", "/dev/urandom",
                               "/proc/self", "/sys/devices/system/cpu"};
constexpr std::array kReadableForNetwork{"/etc/resolv.conf", "/etc/hosts", "/etc/nsswitch.conf", "/etc/host.conf", "/etc/gai.conf", "/etc/services", "/etc/protocols"};

/// Memory, threads, time, waiting, and files that are open or may be opened: everything that computing needs.
constexpr std::array kAllowed{
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_close, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_lseek, SYS_openat, SYS_readlinkat,
    SYS_getdents64, SYS_faccessat, SYS_faccessat2, SYS_fcntl, SYS_dup, SYS_dup3, SYS_pipe2, SYS_eventfd2, SYS_timerfd_create, SYS_timerfd_settime, SYS_timerfd_gettime,
    SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_ppoll, SYS_pselect6, SYS_getcwd, SYS_uname, SYS_sysinfo, SYS_getrandom,
    SYS_mmap, SYS_munmap, SYS_mprotect, SYS_mremap, SYS_madvise, SYS_brk, SYS_msync, SYS_mlock, SYS_munlock, SYS_membarrier,
    SYS_futex, SYS_set_robust_list, SYS_get_robust_list, SYS_rseq, SYS_sched_yield, SYS_sched_getaffinity, SYS_sched_getparam, SYS_sched_getscheduler, SYS_getcpu,
    SYS_exit, SYS_exit_group, SYS_set_tid_address, SYS_gettid, SYS_getpid, SYS_getppid, SYS_getuid, SYS_geteuid, SYS_getgid, SYS_getegid, SYS_getrusage, SYS_getrlimit,
    SYS_clock_gettime, SYS_clock_getres, SYS_clock_nanosleep, SYS_nanosleep, SYS_gettimeofday, SYS_times,
    SYS_rt_sigaction, SYS_rt_sigprocmask, SYS_rt_sigreturn, SYS_rt_sigtimedwait, SYS_sigaltstack, SYS_restart_syscall,
    SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg, SYS_shutdown, SYS_socketpair, SYS_getsockopt, SYS_setsockopt,
#if defined(__x86_64__)
    SYS_open, SYS_stat, SYS_lstat, SYS_access, SYS_readlink, SYS_poll, SYS_select, SYS_epoll_wait, SYS_epoll_create, SYS_pipe, SYS_eventfd, SYS_dup2, SYS_arch_prctl, SYS_time,
#endif
};
constexpr std::array kAllowedForNetwork{SYS_connect, SYS_bind, SYS_listen, SYS_accept, SYS_accept4, SYS_getsockname, SYS_getpeername, SYS_sendmmsg, SYS_recvmmsg};

// --- system calls --------------------------------------------------------------------------------------------------

class Filter {
 public:
  Filter() {
    load(offsetof(seccomp_data, arch));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, kArchitecture, 1, 0));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
    load(offsetof(seccomp_data, nr));
  }
  void allow(long number) { answer(number, SECCOMP_RET_ALLOW); }
  void refuse(long number, int error) { answer(number, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)); }
  /// Only if argument `index` (its low half) has all of `mask` set to `value`.
  void allow_if(long number, unsigned index, std::uint32_t mask, std::uint32_t value) {
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 5));
    load(offsetof(seccomp_data, args) + index * sizeof(std::uint64_t));
    add(BPF_STMT(BPF_ALU | BPF_AND | BPF_K, mask));
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, 1));
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    load(offsetof(seccomp_data, nr));
  }
  bool install() {
    add(BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM));
    const sock_fprog program{static_cast<unsigned short>(code_.size()), code_.data()};
    return ::syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &program) == 0;
  }

 private:
  void add(sock_filter instruction) { code_.push_back(instruction); }
  void load(std::size_t offset) { add(BPF_STMT(BPF_LD | BPF_W | BPF_ABS, static_cast<std::uint32_t>(offset))); }
  void answer(long number, std::uint32_t action) {
    add(BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(number), 0, 1));
    add(BPF_STMT(BPF_RET | BPF_K, action));
  }
  std::vector<sock_filter> code_;
};

bool limit_system_calls(bool network) {
  constexpr std::uint32_t kAll = 0xffffffff;
  const auto self = static_cast<std::uint32_t>(::getpid());
  Filter filter;
  for (const long number : kAllowed) filter.allow(number);
  filter.refuse(SYS_clone3, ENOSYS);   // its arguments cannot be looked at; the C library then uses clone
  filter.allow_if(SYS_clone, 0, CLONE_THREAD, CLONE_THREAD);
  filter.allow_if(SYS_kill, 0, kAll, self);
  filter.allow_if(SYS_tgkill, 0, kAll, self);
  filter.allow_if(SYS_prctl, 0, kAll, PR_SET_NAME);
  filter.allow_if(SYS_prctl, 0, kAll, PR_SET_DUMPABLE);
#ifdef PR_SET_VMA
  filter.allow_if(SYS_prctl, 0, kAll, PR_SET_VMA);
#endif
  filter.allow_if(SYS_prlimit64, 2, kAll, 0);   // reads only
  filter.allow_if(SYS_sched_setaffinity, 0, kAll, 0);   // of the calling thread
  if (network) {
    for (const long number : kAllowedForNetwork) filter.allow(number);
    for (const std::uint32_t family : {AF_INET, AF_INET6, AF_NETLINK}) filter.allow_if(SYS_socket, 0, kAll, family);
  } else {
    filter.refuse(SYS_socket, EACCES);
  }
  return filter.install();
}

// --- files ---------------------------------------------------------------------------------------------------------

constexpr std::uint64_t kReadFile = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE;
constexpr std::uint64_t kWriteAnything = LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_REMOVE_DIR | LANDLOCK_ACCESS_FS_REMOVE_FILE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                         LANDLOCK_ACCESS_FS_MAKE_DIR | LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_MAKE_SOCK | LANDLOCK_ACCESS_FS_MAKE_FIFO |
                                         LANDLOCK_ACCESS_FS_MAKE_BLOCK | LANDLOCK_ACCESS_FS_MAKE_SYM;

void may_read(int rules, int fd, bool directory) {
  const landlock_path_beneath_attr beneath{kReadFile | (directory ? LANDLOCK_ACCESS_FS_READ_DIR : 0ull), fd};
  ::syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &beneath, 0);
}

void may_read(int rules, const char* path) {
  const int fd = ::open(path, O_PATH | O_CLOEXEC);
  if (fd < 0) return;   // it is not there: nothing to allow
  const int as_directory = ::open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
  may_read(rules, fd, as_directory >= 0);
  ::close(fd);
  if (as_directory >= 0) ::close(as_directory);
}

bool limit_files(const Sandbox& sandbox) {
  landlock_ruleset_attr handled{};
  handled.handled_access_fs = kReadFile | LANDLOCK_ACCESS_FS_READ_DIR | kWriteAnything;
  const auto rules = static_cast<int>(::syscall(SYS_landlock_create_ruleset, &handled, sizeof handled, 0));
  if (rules < 0) return false;
  for (const char* path : kReadable) may_read(rules, path);
  if (sandbox.network)
    for (const char* path : kReadableForNetwork) may_read(rules, path);
  if (sandbox.library >= 0) may_read(rules, sandbox.library, false);
  const bool restricted = ::syscall(SYS_landlock_restrict_self, rules, 0) == 0;
  ::close(rules);
  return restricted;
}

// --- rights and resources ------------------------------------------------------------------------------------------

void limit(__rlimit_resource what, std::uint64_t most) {
  rlimit now{};
  ::getrlimit(what, &now);
  const rlimit wanted{std::min<rlim_t>(most, now.rlim_max), std::min<rlim_t>(most, now.rlim_max)};
  ::setrlimit(what, &wanted);
}

bool drop_rights() {
  if (::geteuid() != 0) return true;
  return ::setgroups(0, nullptr) == 0 && ::setresgid(kNobody, kNobody, kNobody) == 0 && ::setresuid(kNobody, kNobody, kNobody) == 0;
}

}  // namespace

std::vector<std::string> enter_sandbox(const Sandbox& sandbox) {
  std::vector<std::string> missing;
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_FSIZE, 0);
  limit(RLIMIT_NOFILE, kChildDescriptorsMax);
  if (!kShadowMemory) limit(RLIMIT_DATA, sandbox.memory_bytes_max);
  const pid_t parent = ::getppid();
  if (!drop_rights()) missing.emplace_back("the rights of root could not be given up");
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);   // after the change of user, which clears it
  if (::getppid() != parent) ::_exit(EXIT_FAILURE);
  ::prctl(PR_SET_DUMPABLE, 1);          // so that /proc/self/fd is its own again
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) missing.emplace_back("new privileges could not be excluded");
  if (!limit_files(sandbox)) missing.emplace_back("this kernel has no Landlock: the plugin sees files that anybody may read");
  if (!limit_system_calls(sandbox.network)) missing.emplace_back("its system calls could not be limited");
  return missing;
}

void seal() { ::prctl(PR_SET_DUMPABLE, 0); }

}  // namespace keelson::plugins

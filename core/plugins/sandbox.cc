#include "core/plugins/sandbox.hpp"

#include <fcntl.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <cstdlib>
#include <cstring>
#include <memory>

namespace keelson::plugins {
namespace {

constexpr int kEndedStatus = 99;

// Everything that mapping a library and running its constructors takes.
constexpr int kAllowed[] = {
    SCMP_SYS(read), SCMP_SYS(pread64), SCMP_SYS(readv), SCMP_SYS(lseek), SCMP_SYS(close), SCMP_SYS(fstat), SCMP_SYS(newfstatat), SCMP_SYS(stat), SCMP_SYS(lstat),
    SCMP_SYS(statx), SCMP_SYS(access), SCMP_SYS(faccessat), SCMP_SYS(faccessat2), SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd), SCMP_SYS(getdents64),
    SCMP_SYS(mmap), SCMP_SYS(munmap), SCMP_SYS(mprotect), SCMP_SYS(mremap), SCMP_SYS(madvise), SCMP_SYS(brk), SCMP_SYS(futex), SCMP_SYS(uname), SCMP_SYS(sysinfo),
    SCMP_SYS(getpid), SCMP_SYS(gettid), SCMP_SYS(getuid), SCMP_SYS(geteuid), SCMP_SYS(getgid), SCMP_SYS(getegid), SCMP_SYS(getppid), SCMP_SYS(getrusage),
    SCMP_SYS(clock_gettime), SCMP_SYS(clock_getres), SCMP_SYS(gettimeofday), SCMP_SYS(getrandom), SCMP_SYS(getcpu), SCMP_SYS(sched_getaffinity), SCMP_SYS(sched_yield),
    SCMP_SYS(rt_sigaction), SCMP_SYS(rt_sigprocmask), SCMP_SYS(rt_sigreturn), SCMP_SYS(sigaltstack), SCMP_SYS(set_robust_list), SCMP_SYS(rseq),
    SCMP_SYS(eventfd2), SCMP_SYS(epoll_create1), SCMP_SYS(epoll_ctl), SCMP_SYS(pipe2), SCMP_SYS(fcntl),
    SCMP_SYS(exit), SCMP_SYS(exit_group)};

// Runs in a signal handler: plain writes only.
void report_system_call(int, siginfo_t* info, void*) {
  char text[64] = "{\"syscall\":";
  char digits[16];
  std::size_t length = std::strlen(text), count = 0;
  for (unsigned number = static_cast<unsigned>(info->si_syscall); count == 0 || number != 0; number /= 10) digits[count++] = static_cast<char>('0' + number % 10);
  while (count > 0) text[length++] = digits[--count];
  text[length++] = '}';
  const auto written = ::write(kAnswerDescriptor, text, length);
  ::_exit(written < 0 ? kEndedStatus + 1 : kEndedStatus);
}

void limit(int resource, std::uint64_t value) {
  const rlimit both{value, value};
  ::setrlimit(static_cast<__rlimit_resource>(resource), &both);
}

bool add_rules(scmp_filter_ctx filter) {
  bool good = true;
  for (const int call : kAllowed) good = seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 0) == 0 && good;
  constexpr scmp_datum_t kWriting = O_ACCMODE | O_CREAT | O_TRUNC;
  const auto reads = [&](unsigned argument) { return scmp_arg_cmp{argument, SCMP_CMP_MASKED_EQ, kWriting, O_RDONLY}; };
  good = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(openat), 1, reads(2)) == 0 && good;
  good = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(open), 1, reads(1)) == 0 && good;
  const scmp_arg_cmp to_answer{0, SCMP_CMP_EQ, static_cast<scmp_datum_t>(kAnswerDescriptor), 0};
  return seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(write), 1, to_answer) == 0 && good;
}

}  // namespace

base::Outcome<void> enter_sandbox(const SandboxLimits& limits) {
  limit(RLIMIT_CORE, 0);
  limit(RLIMIT_CPU, limits.cpu_s);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)   // their runtimes need more than anybody should be given
  limit(RLIMIT_AS, limits.memory_bytes);
  struct sigaction report {};
  report.sa_sigaction = report_system_call;
  report.sa_flags = SA_SIGINFO;
  ::sigaction(SIGSYS, &report, nullptr);
  const std::unique_ptr<void, void (*)(void*)> filter(seccomp_init(SCMP_ACT_TRAP), seccomp_release);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || !filter || !add_rules(filter.get()) || seccomp_load(filter.get()) != 0)
    return base::internal("this machine cannot keep the plugin in");
#endif
  return {};
}

std::string system_call_name(int number) {
  const std::unique_ptr<char, void (*)(void*)> name(seccomp_syscall_resolve_num_arch(SCMP_ARCH_NATIVE, number), std::free);
  return name ? std::string(name.get()) : "system call " + std::to_string(number);
}

}  // namespace keelson::plugins

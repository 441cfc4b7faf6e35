#include "core/plugins/crash_marker.hpp"

#include <execinfo.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstring>
#include <fstream>

namespace keelson::plugins {
namespace {

constexpr std::array kFatal{SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT};
constexpr int kFramesMax = 64;
constexpr unsigned kSayMax_s = 2;
constexpr std::size_t kHandlerStack_bytes = 64 * 1024;   // memory only once a handler runs on it

thread_local const char* inside = nullptr;   // no destructor; read by the handler on the same thread
std::atomic<int> marker{-1};

/// Where this thread's handlers run, so that one whose own stack is full can still say so.
class HandlerStack {
 public:
  HandlerStack() {
    stack_t present{};
    if (::sigaltstack(nullptr, &present) != 0 || (present.ss_flags & SS_DISABLE) == 0) return;   // somebody else's will do
    void* const memory = ::mmap(nullptr, kHandlerStack_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (memory == MAP_FAILED) return;
    own_.ss_sp = memory;
    own_.ss_size = kHandlerStack_bytes;
    ::sigaltstack(&own_, nullptr);
  }
  ~HandlerStack() {
    if (own_.ss_sp == nullptr) return;
    stack_t none{};
    none.ss_flags = SS_DISABLE;
    ::sigaltstack(&none, nullptr);
    ::munmap(own_.ss_sp, own_.ss_size);
  }
  HandlerStack(const HandlerStack&) = delete;
  HandlerStack& operator=(const HandlerStack&) = delete;

 private:
  stack_t own_{};
};

thread_local bool has_handler_stack = false;   // asked at every call; the stack itself has a destructor

void make_handler_stack() {
  static thread_local const HandlerStack stack;
  has_handler_stack = true;
}

void put(int fd, const char* text) {
  const auto ignored = ::write(fd, text, std::strlen(text));
  (void)ignored;   // dying already: nobody to tell
}

/// The loader's lock may be held by whoever was interrupted: the end must not wait for it.
void end_soon() {
  ::signal(SIGALRM, SIG_DFL);
  sigset_t alarm;
  ::sigemptyset(&alarm);
  ::sigaddset(&alarm, SIGALRM);
  ::pthread_sigmask(SIG_UNBLOCK, &alarm, nullptr);
  ::alarm(kSayMax_s);
}

/// What a debugger would be asked first; offsets into files, for addr2line.
void say_where(int signal) {
  end_soon();
  put(STDERR_FILENO, "keelson: SIG");
  const char* const name = ::sigabbrev_np(signal);
  put(STDERR_FILENO, name != nullptr ? name : "?");
  if (inside != nullptr) {
    put(STDERR_FILENO, " inside of the plugin ");
    put(STDERR_FILENO, inside);
  }
  put(STDERR_FILENO, "\n");
  void* frames[kFramesMax];
  ::backtrace_symbols_fd(frames, ::backtrace(frames, kFramesMax), STDERR_FILENO);
}

void on_fatal(int signal) {
  const int saved = errno;
  if (inside != nullptr && marker.load() >= 0) {
    put(marker.load(), inside);
    put(marker.load(), "\n");
  }
  say_where(signal);
  errno = saved;
  ::raise(signal);   // SA_RESETHAND: takes its usual course
}

}  // namespace

CrashScope::CrashScope(const std::string& name) noexcept : before_(inside) {
  if (!has_handler_stack) make_handler_stack();
  inside = name.c_str();
}
CrashScope::~CrashScope() { inside = before_; }

void install_crash_marker(const std::string& file) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (const int before = marker.exchange(fd); before >= 0) ::close(before);
  void* first[1];
  ::backtrace(first, 1);   // loads what it needs now: a handler must not
  struct sigaction action {};
  action.sa_handler = on_fatal;
  action.sa_flags = static_cast<int>(SA_RESETHAND | SA_NODEFER | SA_ONSTACK);
  for (const int signal : kFatal) ::sigaction(signal, &action, nullptr);
}

std::map<std::string, int> read_crash_marker(const std::string& file) {
  std::map<std::string, int> crashes;
  std::ifstream in(file);
  for (std::string line; std::getline(in, line);)
    if (!line.empty()) ++crashes[line];
  return crashes;
}

void forget_crashes(const std::string& file, const std::string& plugin) {
  const auto crashes = read_crash_marker(file);
  if (!crashes.contains(plugin)) return;
  std::ofstream out(file, std::ios::trunc);   // the handler's descriptor appends to the same file
  for (const auto& [name, count] : crashes)
    for (int i = 0; i < count && name != plugin; ++i) out << name << '\n';
}

}  // namespace keelson::plugins

// See README.md.
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <set>
#include <sstream>

#include "core/base/log.hpp"
#include "tests/crash/opened.hpp"
#include "tests/crash/workload.hpp"

extern char** environ;

namespace keelson::store::crash {
namespace {

struct Options {
  std::string mode;
  std::uint64_t seed = 0;
  int seconds = 8;
  std::size_t from = 0;
};

// --- kill: the child ---

// One line per acknowledgement: key revision text, "-" for a delete. A killed child ends in the middle of a line at worst.
int run_child(const std::string& directory, std::uint64_t seed) {
  const auto runtime = base::real_runtime();
  Opened on(directory, nullptr, *runtime);
  const Workload workload(*on.store, *runtime, seed, kTextBytesMax, [](const auto& acks) {
    std::string lines;
    for (const auto& [name, known] : acks) lines += name + " " + std::to_string(known.revision) + " " + (known.text.empty() ? "-" : known.text) + "\n";
    for (std::size_t sent = 0; sent < lines.size();) {
      const ssize_t written = ::write(STDOUT_FILENO, lines.data() + sent, lines.size() - sent);
      if (written <= 0) ::_exit(0);
      sent += static_cast<std::size_t>(written);
    }
  });
  runtime->waiter()->wait_until(base::kForever);
  return 0;
}

// --- kill: the parent ---

pid_t start_child(const std::filesystem::path& directory, std::uint64_t seed, int& output) {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) give_up("pipe");
  posix_spawn_file_actions_t actions;
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawn_file_actions_adddup2(&actions, ends[1], STDOUT_FILENO);
  std::string self = "/proc/self/exe", mode = "child", where = directory, number = std::to_string(seed);
  char* arguments[] = {self.data(), mode.data(), where.data(), number.data(), nullptr};
  pid_t child = 0;
  if (::posix_spawn(&child, self.c_str(), &actions, nullptr, arguments, environ) != 0) give_up("spawn");
  ::posix_spawn_file_actions_destroy(&actions);
  ::close(ends[1]);
  output = ends[0];
  return child;
}

// Everything the child says until it is killed `life_ms` after its first word.
std::string listen(base::Runtime& runtime, pid_t child, int output, std::int64_t life_ms) {
  std::string heard;
  char buffer[65536];
  base::Monotonic end = runtime.in_ms(30'000);
  bool killed = false;
  for (;;) {
    if (!killed && runtime.monotonic_ns() >= end) {
      ::kill(child, SIGKILL);
      killed = true;
    }
    pollfd entry{output, POLLIN, 0};
    if (::poll(&entry, 1, 1) <= 0) continue;
    const ssize_t size = ::read(output, buffer, sizeof buffer);
    if (size <= 0) break;
    if (heard.empty()) end = runtime.in_ms(life_ms);
    heard.append(buffer, static_cast<std::size_t>(size));
  }
  ::close(output);
  int status = 0;
  ::waitpid(child, &status, 0);
  if (!WIFSIGNALED(status)) give_up("the child ended by itself, status " + std::to_string(status));
  return heard;
}

void fold(const std::string& heard, Model& acknowledged, Revision& newest, std::set<Revision>& given) {
  Revision highest = newest;
  std::istringstream lines(heard.substr(0, heard.rfind('\n') + 1));
  std::string name, text;
  Revision revision = 0;
  while (lines >> name >> revision >> text) {
    if (revision <= newest) give_up("revision given again: " + std::to_string(revision));
    if (!given.insert(revision).second) give_up("revision given twice: " + std::to_string(revision));
    highest = std::max(highest, revision);
    acknowledged[name] = {revision, text == "-" ? std::string() : text};
  }
  newest = highest;
}

int run_kill(const Options& options) {
  const auto runtime = base::real_runtime();
  const TemporaryDirectory directory(*runtime);
  std::mt19937_64 random(options.seed);
  Model base;
  Revision newest = 0;   // ever seen
  std::size_t acknowledged_total = 0;
  int rounds = 0;
  for (const base::Monotonic end = runtime->in_ms(options.seconds * 1000); runtime->monotonic_ns() < end; ++rounds) {
    const Revision since = newest;
    int output = -1;
    const pid_t child = start_child(directory.path, random(), output);
    const std::string heard = listen(*runtime, child, output, static_cast<std::int64_t>(random() % 200));
    Model acknowledged = base;
    std::set<Revision> given;
    fold(heard, acknowledged, newest, given);
    acknowledged_total += given.size();
    const Opened on(directory.path, nullptr, *runtime);
    if (auto wrong = verify(*on.store, acknowledged, base, since); !wrong.empty()) give_up("round " + std::to_string(rounds) + ": " + wrong);
    if (on.store->snapshot().revision() < newest) give_up("the counter went back");
    base = state_of(*on.store);
    newest = on.store->snapshot().revision();
  }
  std::printf("kill: %d kills, %zu acknowledged writes, none lost\n", rounds, acknowledged_total);
  return 0;
}

int run(int count, char** arguments) {
  base::set_log_level(base::LogLevel::error);
  if (count == 4 && std::strcmp(arguments[1], "child") == 0) return run_child(arguments[2], std::stoull(arguments[3]));
  Options options;
  options.seed = base::real_runtime()->random_u64() % 1'000'000'007;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--seed" && i + 1 < count) options.seed = std::stoull(arguments[++i]);
    else if (argument == "--seconds" && i + 1 < count) options.seconds = std::stoi(arguments[++i]);
    else if (argument == "--from" && i + 1 < count) options.from = std::stoull(arguments[++i]);
    else options.mode = argument;
  }
  std::printf("seed %llu\n", static_cast<unsigned long long>(options.seed));
  std::fflush(stdout);
  if (options.mode == "kill") return run_kill(options);
  if (options.mode == "power") return run_power(options.seed, options.seconds);
  if (options.mode == "faults") return run_faults(options.seed, options.seconds);
  if (options.mode == "corruption") return run_corruption(options.seed, options.seconds, options.from);
  std::fprintf(stderr, "usage: store_crash kill|power|faults|corruption [--seed N] [--seconds N]   (0 seconds: all but kill try every place; corruption goes on --from N)\n");
  return 2;
}

}  // namespace
}  // namespace keelson::store::crash

int main(int count, char** arguments) { return keelson::store::crash::run(count, arguments); }

#include "core/plugins/child/cgroup.hpp"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <string_view>

namespace keelson::plugins {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "keelson-plugin-";
/// A process that was just reaped may be a member for a moment longer.
constexpr int kRemoveTries = 50, kRemovePause_ms = 2;

/// Empty: done.
std::string put(const std::string& file, const std::string& value) {
  const int fd = ::open(file.c_str(), O_WRONLY | O_CLOEXEC);
  const bool done = fd >= 0 && ::write(fd, value.data(), value.size()) == static_cast<ssize_t>(value.size());
  const int failed = errno;
  if (fd >= 0) ::close(fd);
  return done ? std::string() : file + ": " + std::strerror(failed);
}

std::string content(const std::string& file) {
  std::ifstream in(file);
  return {std::istreambuf_iterator<char>(in), {}};
}

/// This process' own group in the hierarchy of a controller (empty: the unified one), as /proc/self/cgroup says: "4:memory:/a/b".
std::string own_group(std::string_view controller) {
  std::ifstream in("/proc/self/cgroup");
  for (std::string line; std::getline(in, line);) {
    const auto first = line.find(':'), second = line.find(':', first + 1);
    if (first == line.npos || second == line.npos) continue;
    const auto names = "," + line.substr(first + 1, second - first - 1) + ",";
    if (names == "," + std::string(controller) + "," || (!controller.empty() && names.find("," + std::string(controller) + ",") != names.npos)) return line.substr(second + 1);
  }
  return "/";
}

/// "keelson-plugin-SERVER-CHILD" of a server that is no more.
void remove_left(const std::string& parent) {
  std::error_code failed;
  std::vector<fs::path> left;
  for (fs::directory_iterator at(parent, failed), end; !failed && at != end; at.increment(failed)) {
    const auto name = at->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    pid_t server = 0;
    std::from_chars(name.data() + kPrefix.size(), name.data() + name.size(), server);
    if (server > 0 && ::kill(server, 0) != 0 && errno == ESRCH) left.push_back(at->path());
  }
  for (const auto& path : left) ::rmdir(path.c_str());
}

struct Setting {
  const char* file;
  std::uint64_t value;
};

/// A group below `parent`, with limits. Empty directory: why not.
struct Made {
  std::string directory, why;
};
Made make_group(const std::string& parent, pid_t child, const std::vector<Setting>& settings) {
  remove_left(parent);
  const auto directory = parent + "/" + std::string(kPrefix) + std::to_string(::getpid()) + "-" + std::to_string(child);
  if (::mkdir(directory.c_str(), 0755) != 0) return {"", directory + ": " + std::strerror(errno)};
  std::string why;
  for (const auto& [file, value] : settings)
    if (why.empty()) why = put(directory + "/" + file, std::to_string(value));
  if (why.empty()) why = put(directory + "/cgroup.procs", std::to_string(child));
  if (why.empty()) return {directory, ""};
  ::rmdir(directory.c_str());
  return {"", why};
}

Made make_below(const std::string& hierarchy, std::string own, pid_t child, const std::vector<Setting>& settings, bool unified) {
  if (own == "/") own.clear();
  Made made;
  for (const auto& parent : {hierarchy + own, hierarchy}) {
    // Refused where processes are in the group itself, unless it is the root.
    if (unified) (void)put(parent + "/cgroup.subtree_control", "+memory +pids");
    made = make_group(parent, child, settings);
    if (!made.directory.empty()) break;
  }
  return made;
}

}  // namespace

base::Outcome<std::unique_ptr<ChildGroup>> ChildGroup::make(pid_t child, const GroupLimits& limits, const std::string& root) {
  std::unique_ptr<ChildGroup> group(new ChildGroup);
  auto& why = group->missing_;
  const auto add = [&](Made made) {
    if (made.directory.empty()) why += (why.empty() ? "" : "; ") + made.why;
    else group->directories_.push_back(std::move(made.directory));
  };
  if (fs::exists(root + "/cgroup.controllers")) {
    add(make_below(root, own_group(""), child, {{"memory.max", limits.memory_bytes}, {"pids.max", limits.tasks}}, true));
  } else {
    add(make_below(root + "/memory", own_group("memory"), child, {{"memory.limit_in_bytes", limits.memory_bytes}}, false));
    add(make_below(root + "/pids", own_group("pids"), child, {{"pids.max", limits.tasks}}, false));
  }
  if (group->directories_.empty()) return base::internal(why);
  return base::Outcome<std::unique_ptr<ChildGroup>>(std::move(group));
}

bool ChildGroup::ran_out_of_memory() const {
  for (const auto& directory : directories_)
    for (const char* file : {"/memory.events", "/memory.oom_control"}) {
      const auto text = "\n" + content(directory + file);
      const auto at = text.find("\noom_kill ");
      if (at != text.npos && text.compare(at, 12, "\noom_kill 0\n") != 0) return true;
    }
  return false;
}

ChildGroup::~ChildGroup() {
  for (const auto& directory : directories_)
    for (int tries = 0; ::rmdir(directory.c_str()) != 0 && errno == EBUSY && tries < kRemoveTries; ++tries) ::poll(nullptr, 0, kRemovePause_ms);
}

}  // namespace keelson::plugins

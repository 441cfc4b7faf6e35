// Crash marker: a plugin that takes the process down is remembered in a file, so that the next start can leave it out.
//
// Invariants: the file is written by a signal handler, and only then: it costs nothing while all goes well, and a server
//   that is killed from outside blames nobody. A plugin is named by the thread that was inside of it.
// Threads: scopes any; install() once. The one piece of state that belongs to the process: signals do, too.
#pragma once
#include <map>
#include <string>

namespace keelson::plugins {

/// This many crashes and the plugin stays out until its file changes.
inline constexpr int kCrashesMax = 3;

/// For the length of a call into a plugin. `name` must outlive it.
class CrashScope {
 public:
  explicit CrashScope(const std::string& name) noexcept;
  ~CrashScope();
  CrashScope(const CrashScope&) = delete;
  CrashScope& operator=(const CrashScope&) = delete;

 private:
  const char* before_;
};

/// Fatal signals append the plugin's name to `file`, then print their own name, the plugin's and the calling functions to
/// standard error before they take their usual course.
void install_crash_marker(const std::string& file);
/// Crashes by plugin, as the file says.
std::map<std::string, int> read_crash_marker(const std::string& file);
/// Forgets the crashes of one plugin: its file is a new one, or it has run well for a while.
void forget_crashes(const std::string& file, const std::string& plugin);

}  // namespace keelson::plugins

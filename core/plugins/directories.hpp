// The plugin directories: what is in them, and word when that changes.
//
// Threads: scan() any; `changed` runs on the watching thread. Ownership: the destructor ends the watching.
#pragma once
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "core/base/runtime.hpp"

namespace keelson::plugins {

/// Tells one content of a path from the next without reading it.
struct FileIdentity {
  std::uint64_t device = 0, inode = 0, size = 0;
  std::int64_t modified_ns = 0;
  friend bool operator==(const FileIdentity&, const FileIdentity&) = default;
};
struct PluginFile {
  std::string path;
  FileIdentity identity;
  std::string trust;   ///< what may be put right about a file that was refused: who may change it and its directory, its signature
};

/// Files by name without ".so"; a later directory wins. Unreadable directories count as empty.
std::map<std::string, PluginFile> scan_directories(const std::vector<std::string>& directories);
std::map<std::string, PluginFile>::value_type plugin_file(const std::string& path);

class DirectoryWatch {   // inotify on a thread that does nothing but wait for it
 public:
  DirectoryWatch(base::Runtime& runtime, const std::vector<std::string>& directories, std::function<void()> changed);
  ~DirectoryWatch();

 private:
  void watch();
  bool read_events();
  const std::function<void()> changed_;
  int inotify_ = -1, wake_ = -1;
  std::map<int, std::string> directories_;   ///< by inotify's number
  std::unique_ptr<base::Thread> thread_;
};

}  // namespace keelson::plugins

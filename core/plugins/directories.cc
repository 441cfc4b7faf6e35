#include "core/plugins/directories.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "core/base/log.hpp"

namespace keelson::plugins {

namespace fs = std::filesystem;

std::map<std::string, PluginFile>::value_type plugin_file(const std::string& path) {
  struct stat info {};
  PluginFile file{path, {}};
  if (::stat(path.c_str(), &info) == 0) {
    file.identity = {info.st_dev, info.st_ino, static_cast<std::uint64_t>(info.st_size),
                     info.st_mtim.tv_sec * base::kNanosPerSecond + info.st_mtim.tv_nsec};
  }
  return {fs::path(path).stem().string(), std::move(file)};
}

std::map<std::string, PluginFile> scan_directories(const std::vector<std::string>& directories) {
  std::map<std::string, PluginFile> files;
  for (const auto& directory : directories) {
    std::error_code failed;
    for (fs::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed)) {
      if (at->path().extension() != ".so" || !at->is_regular_file(failed)) continue;
      auto [name, file] = plugin_file(at->path().string());
      if (const auto earlier = files.find(name); earlier != files.end())
        base::log_info("plugins", "a later directory replaces a plugin file", {{"file", file.path}, {"replaced", earlier->second.path}});
      files.insert_or_assign(name, std::move(file));
    }
  }
  return files;
}

DirectoryWatch::DirectoryWatch(base::Runtime& runtime, const std::vector<std::string>& directories, std::function<void()> changed)
    : changed_(std::move(changed)), inotify_(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)), wake_(::eventfd(0, EFD_CLOEXEC)) {
  for (const auto& directory : directories) {
    if (::inotify_add_watch(inotify_, directory.c_str(), IN_CLOSE_WRITE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE) < 0)
      base::log_warn("plugins", "cannot watch a plugin directory", {{"directory", directory}});
  }
  thread_ = runtime.spawn("plugin-files", [this] { watch(); });
}

DirectoryWatch::~DirectoryWatch() {
  const std::uint64_t one = 1;
  if (::write(wake_, &one, sizeof one) != sizeof one) base::log_error("plugins", "cannot wake the directory watch");
  thread_.reset();
  ::close(inotify_);
  ::close(wake_);
}

void DirectoryWatch::watch() {
  alignas(inotify_event) char buffer[4096];
  for (;;) {
    pollfd waiting[2] = {{inotify_, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    if (waiting[0].revents == 0) continue;
    while (::read(inotify_, buffer, sizeof buffer) > 0) {}   // what exactly changed, a scan tells
    changed_();
  }
}

}  // namespace keelson::plugins

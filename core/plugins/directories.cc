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

namespace {

std::string trust_of(const fs::path& path) {
  std::string text;
  const auto add = [&](const fs::path& of, bool content) {
    struct stat info {};
    if (::stat(of.c_str(), &info) != 0) return;
    for (const auto number : {std::uint64_t{info.st_mode}, std::uint64_t{info.st_uid}, std::uint64_t{info.st_gid}}) text += std::to_string(number) + ' ';
    if (content) text += std::to_string(info.st_ino) + ' ' + std::to_string(info.st_mtim.tv_sec * base::kNanosPerSecond + info.st_mtim.tv_nsec);
  };
  add(path, false);
  add(path.parent_path(), false);
  add(path.string() + ".minisig", true);
  return text;
}

/// A file that has just been made is still being written; a link is whole at once.
bool is_link(const std::string& path) {
  struct stat info {};
  return ::lstat(path.c_str(), &info) == 0 && (S_ISLNK(info.st_mode) || info.st_nlink > 1);
}

}  // namespace

std::map<std::string, PluginFile>::value_type plugin_file(const std::string& path) {
  struct stat info {};
  PluginFile file{path, {}, trust_of(path)};
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
    const int number = ::inotify_add_watch(inotify_, directory.c_str(), IN_CREATE | IN_CLOSE_WRITE | IN_ATTRIB | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE);
    directories_[number] = directory;
    if (number < 0)
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

// True: something changed; what exactly, a scan tells.
bool DirectoryWatch::read_events() {
  alignas(inotify_event) char buffer[4096];
  bool changed = false;
  for (ssize_t size; (size = ::read(inotify_, buffer, sizeof buffer)) > 0;) {
    for (const char* at = buffer; at < buffer + size;) {
      const auto& event = *reinterpret_cast<const inotify_event*>(at);
      changed = changed || (event.mask & IN_CREATE) == 0 || is_link(directories_[event.wd] + '/' + event.name);
      at += sizeof event + event.len;
    }
  }
  return changed;
}

void DirectoryWatch::watch() {
  for (;;) {
    pollfd waiting[2] = {{inotify_, POLLIN, 0}, {wake_, POLLIN, 0}};
    if (::poll(waiting, 2, -1) < 0 && errno != EINTR) return;
    if (waiting[1].revents != 0) return;
    if (waiting[0].revents == 0) continue;
    if (read_events()) changed_();
  }
}

}  // namespace keelson::plugins

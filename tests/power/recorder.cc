// recorder: notes, for a process in which it is preloaded, what that process made durable below one directory.
//
// Journal: one line an event, appended by one write, so it outlives SIGKILL and lines of several threads never mix:
//   S <order> <inode> <size> <path>              so much of a file is synced, and that name it had
//   D <order> <directory>\t<name> <inode>\t...   these entries of a directory are synced
// The order is that in which the syncs began, which says what they knew of.
// A file that loses its name keeps a hard link <keep>/<inode>, so that the name can be given back and the inode is not reused.
// Environment: KEELSON_POWER_DIR, KEELSON_POWER_JOURNAL, KEELSON_POWER_KEEP (same file system). Without them nothing is noted.
// KEELSON_POWER_SYNC_US: a sync takes at least so long, as on a disk.
// Threads: any. Errors: what cannot be noted is left out, which makes a cut harder, never softer.
#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <mutex>
#include <string>

namespace {

std::string setting(const char* name) {
  const char* value = std::getenv(name);
  return value ? value : "";
}

const std::string& watched() {
  static const std::string dir = setting("KEELSON_POWER_DIR");
  return dir;
}

template <class Function>
Function next(const char* name) {
  return reinterpret_cast<Function>(dlsym(RTLD_NEXT, name));
}

bool below(const std::string& path) { return !watched().empty() && path.compare(0, watched().size(), watched()) == 0; }

std::string path_of(int fd) {
  char path[4096];
  const auto size = readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), path, sizeof path);
  return size > 0 ? std::string(path, static_cast<std::size_t>(size)) : std::string();
}

void note(std::string line) {
  static const int journal = open(setting("KEELSON_POWER_JOURNAL").c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
  line += '\n';
  [[maybe_unused]] const auto written = write(journal, line.data(), line.size());
}

std::string entries_of(const std::string& dir) {
  std::string entries;
  if (DIR* opened = opendir(dir.c_str())) {
    while (const dirent* entry = readdir(opened)) {
      const std::string name = entry->d_name;
      if (name != "." && name != "..") entries += '\t' + name + ' ' + std::to_string(entry->d_ino);
    }
    closedir(opened);
  }
  return entries;
}

/// What a sync that begins now will have made durable when it succeeds; empty: none of our business.
std::string durable_after_sync(int fd) {
  const auto path = path_of(fd);
  if (!below(path)) return "";
  static std::mutex mutex;   // a later number knows more
  static unsigned long syncs = 0;
  const std::lock_guard lock(mutex);
  struct stat status {};
  if (fstat(fd, &status) != 0) return "";
  const auto order = std::to_string(++syncs) + ' ';
  if (S_ISDIR(status.st_mode)) return "D " + order + path + entries_of(path);
  return "S " + order + std::to_string(status.st_ino) + ' ' + std::to_string(status.st_size) + ' ' + path;
}

int synced(int fd, int (*sync)(int)) {
  static const auto takes_us = static_cast<useconds_t>(std::strtoul(setting("KEELSON_POWER_SYNC_US").c_str(), nullptr, 10));
  const auto line = durable_after_sync(fd);
  if (takes_us > 0 && !line.empty()) usleep(takes_us);
  const int outcome = sync(fd);
  const int error = errno;
  if (outcome == 0 && !line.empty()) note(line);
  errno = error;
  return outcome;
}

void keep(const char* path) {
  struct stat status {};
  if (!below(path) || lstat(path, &status) != 0 || !S_ISREG(status.st_mode)) return;
  [[maybe_unused]] const int linked = link(path, (setting("KEELSON_POWER_KEEP") + '/' + std::to_string(status.st_ino)).c_str());
}

}  // namespace

extern "C" {

int fsync(int fd) { return synced(fd, next<int (*)(int)>("fsync")); }
int fdatasync(int fd) { return synced(fd, next<int (*)(int)>("fdatasync")); }

int rename(const char* from, const char* to) noexcept {
  keep(to);
  return next<int (*)(const char*, const char*)>("rename")(from, to);
}
int unlink(const char* path) noexcept {
  keep(path);
  return next<int (*)(const char*)>("unlink")(path);
}
int remove(const char* path) noexcept {
  keep(path);
  return next<int (*)(const char*)>("remove")(path);
}

}  // extern "C"

#include "core/base/durable_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

namespace keelson::base {
namespace {

namespace fs = std::filesystem;

Error failed(const std::string& what, const std::string& path) { return internal(what + " " + path + ": " + std::strerror(errno)); }

Outcome<void> sync_directory(const std::string& path) {
  const int fd = ::open(path.empty() ? "." : path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return failed("open", path);
  Outcome<void> outcome;
  if (::fsync(fd) != 0) outcome = failed("sync", path);
  ::close(fd);
  return outcome;
}

Outcome<void> write_and_sync(int fd, const std::string& text, const std::string& path) {
  std::size_t at = 0;
  while (at < text.size()) {
    const auto put = ::write(fd, text.data() + at, text.size() - at);
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return failed("write", path);
    at += static_cast<std::size_t>(put);
  }
  if (::fsync(fd) != 0) return failed("sync", path);
  return {};
}

}  // namespace

Outcome<void> make_durable_directory(const std::string& path, mode_t mode) {
  std::error_code ignored;
  if (path.empty() || fs::is_directory(path, ignored)) return {};
  const auto whole = path.back() == '/' ? path.substr(0, path.size() - 1) : path;
  const auto parent = fs::path(whole).parent_path().string();
  if (auto made = make_durable_directory(parent, mode); !made) return made;
  if (::mkdir(whole.c_str(), mode) != 0 && errno != EEXIST) return failed("make", whole);
  return sync_directory(parent);
}

Outcome<void> write_durable_file(const std::string& path, const std::string& text, mode_t mode) {
  const auto fresh = path + ".new";
  const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode);
  if (fd < 0) return failed("open", fresh);
  ::fchmod(fd, mode);
  auto written = write_and_sync(fd, text, fresh);
  ::close(fd);
  if (!written) return written;
  if (::rename(fresh.c_str(), path.c_str()) != 0) return failed("rename", fresh);
  return sync_directory(fs::path(path).parent_path().string());
}

}  // namespace keelson::base

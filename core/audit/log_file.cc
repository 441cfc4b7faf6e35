#include "core/audit/log_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <vector>

#include "core/base/durable_file.hpp"

namespace keelson::audit {
namespace {

constexpr mode_t kPrivateFile = 0600, kPrivateFolder = 0700;
constexpr std::int64_t kDay_ms = 24 * 3600 * 1000;
constexpr std::size_t kStampLength = 23;   // of 2006-01-02T15-04-05.000

base::Error failed(const char* what, const std::string& path) { return base::internal(std::string(what) + " " + path + ": " + std::strerror(errno)); }

std::string stamp(std::int64_t unix_ms) {
  const std::time_t seconds = unix_ms / 1000;
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  char text[32];
  const auto length = std::strftime(text, sizeof text, "%Y-%m-%dT%H-%M-%S", &parts);
  auto millis = std::to_string(unix_ms % 1000);
  return std::string(text, length) + "." + std::string(3 - millis.size(), '0') + millis;
}

/// When a rotated file was made, from its name; nothing for other names.
std::int64_t made_unix_ms(std::string_view text) {
  std::tm parts{};
  const std::string head(text.substr(0, kStampLength));
  const char* rest = strptime(head.c_str(), "%Y-%m-%dT%H-%M-%S", &parts);
  if (!rest || *rest != '.') return 0;
  return static_cast<std::int64_t>(timegm(&parts)) * 1000 + std::atoi(rest + 1);
}

}  // namespace

LogFile::~LogFile() { close(); }

void LogFile::close() {
  if (descriptor_ > STDERR_FILENO) ::close(descriptor_);
  descriptor_ = -1;
}

base::Outcome<void> LogFile::open() {
  if (descriptor_ >= 0) return {};
  if (options_.path == "-") {
    descriptor_ = STDOUT_FILENO;
    return {};
  }
  const auto folder = std::filesystem::path(options_.path).parent_path().string();
  if (!folder.empty())
    if (auto made = base::make_durable_directory(folder, kPrivateFolder); !made) return made;
  descriptor_ = ::open(options_.path.c_str(), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOFOLLOW, kPrivateFile);
  if (descriptor_ < 0) return failed("open", options_.path);
  struct stat facts{};
  if (::fstat(descriptor_, &facts) == 0) bytes_ = static_cast<std::uint64_t>(facts.st_size);
  if ((facts.st_mode & 07777) != kPrivateFile) ::fchmod(descriptor_, kPrivateFile);
  return {};
}

base::Outcome<void> LogFile::append(std::string_view lines, std::int64_t now_unix_ms) {
  if (auto opened = open(); !opened) return opened;
  const bool rotates = descriptor_ != STDOUT_FILENO;
  if (rotates && bytes_ > 0 && bytes_ + lines.size() > options_.bytes_max)
    if (auto rotated = rotate(now_unix_ms); !rotated) return rotated;
  std::size_t done = 0;
  while (done < lines.size()) {
    const auto wrote = ::write(descriptor_, lines.data() + done, lines.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) {
      auto error = failed("write", options_.path);
      // Half a line would spoil the next one.
      if (rotates && done > 0 && ::ftruncate(descriptor_, static_cast<off_t>(bytes_)) != 0) close();
      return error;
    }
    done += static_cast<std::size_t>(wrote);
  }
  bytes_ += lines.size();
  return {};
}

base::Outcome<void> LogFile::rotate(std::int64_t now_unix_ms) {
  const std::filesystem::path path(options_.path);
  const auto rotated = path.parent_path() / (path.stem().string() + "-" + stamp(now_unix_ms) + path.extension().string());
  close();
  if (::rename(options_.path.c_str(), rotated.c_str()) != 0) return failed("rename", options_.path);
  bytes_ = 0;
  remove_old(now_unix_ms);
  return open();
}

void LogFile::remove_old(std::int64_t now_unix_ms) const {
  const std::filesystem::path path(options_.path);
  const auto head = path.stem().string() + "-", tail = path.extension().string();
  const auto folder = path.parent_path().empty() ? std::filesystem::path(".") : path.parent_path();
  std::vector<std::pair<std::int64_t, std::filesystem::path>> kept;
  std::error_code ignored;
  for (auto at = std::filesystem::directory_iterator(folder, ignored); at != std::filesystem::directory_iterator(); at.increment(ignored)) {
    const auto name = at->path().filename().string();
    if (name.size() != head.size() + kStampLength + tail.size() || !name.starts_with(head) || !name.ends_with(tail)) continue;
    if (const auto made = made_unix_ms(std::string_view(name).substr(head.size())); made != 0) kept.emplace_back(made, at->path());
  }
  std::sort(kept.rbegin(), kept.rend());
  for (std::size_t i = 0; i < kept.size(); ++i) {
    const bool many = options_.backups_max > 0 && i >= static_cast<std::size_t>(options_.backups_max);
    const bool old = options_.age_max_days > 0 && kept[i].first < now_unix_ms - options_.age_max_days * kDay_ms;
    if (many || old) std::filesystem::remove(kept[i].second, ignored);
  }
}

}  // namespace keelson::audit

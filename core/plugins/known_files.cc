#include "core/plugins/known_files.hpp"

#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <sstream>
#include <utility>

namespace keelson::plugins {
namespace {

/// A file younger than this when it was read may change again under the same times.
constexpr std::int64_t kSettled_ns = 100'000'000;
/// For file systems that count whole seconds.
constexpr std::int64_t kSettledCoarse_ns = 3'000'000'000;
constexpr std::size_t kEntriesMax = 1000;

std::int64_t ns_of(const timespec& time) { return time.tv_sec * 1'000'000'000LL + time.tv_nsec; }

/// Device, inode, size, time of the last change of its content and of anything about it.
std::string identity(const struct stat& file) {
  std::ostringstream text;
  text << file.st_dev << ':' << file.st_ino << ':' << file.st_size << ':' << ns_of(file.st_mtim) << ':' << ns_of(file.st_ctim);
  return std::move(text).str();
}

bool settled(const struct stat& file, std::int64_t at_ns) {
  const auto changed = ns_of(file.st_ctim);
  return changed + (changed % 1'000'000'000 == 0 ? kSettledCoarse_ns : kSettled_ns) < at_ns;
}

/// Another one each time the machine starts. Empty: cannot be told.
std::string boot() {
  std::ifstream in("/proc/sys/kernel/random/boot_id");
  std::string id;
  in >> id;
  return id;
}

}  // namespace

KnownFiles::KnownFiles(std::string path) : path_(std::move(path)) {
  if (!path_.empty()) load();
}

void KnownFiles::load() {
  std::ifstream in(path_);
  std::string booted, file;
  if (!(in >> booted) || booted != boot()) return;
  for (Entry entry; by_file_.size() < kEntriesMax && in >> file >> entry.copy >> entry.sha256;) by_file_[file] = entry;
}

std::optional<std::string> KnownFiles::sha256_of(const struct stat& file) const {
  const auto found = by_file_.find(identity(file));
  return found == by_file_.end() ? std::nullopt : std::optional(found->second.sha256);
}

bool KnownFiles::is_copy(const struct stat& copy, const std::string& sha256) const {
  const auto text = identity(copy);
  for (const auto& [file, entry] : by_file_)
    if (entry.copy == text && entry.sha256 == sha256) return true;
  return false;
}

void KnownFiles::remember(const struct stat& file, const struct stat& copy, const std::string& sha256, std::int64_t read_at_ns) {
  if (path_.empty() || !settled(file, read_at_ns)) return;
  // What that file was before will not come back.
  const auto place = std::to_string(file.st_dev) + ':' + std::to_string(file.st_ino) + ':';
  std::erase_if(by_file_, [&](const auto& entry) { return entry.first.starts_with(place); });
  if (by_file_.size() >= kEntriesMax) by_file_.clear();
  by_file_[identity(file)] = {identity(copy), sha256};
  changed_ = true;
}

void KnownFiles::save() {
  const auto booted = boot();
  if (!std::exchange(changed_, false) || booted.empty()) return;
  const auto fresh = path_ + ".part";
  {
    std::ofstream out(fresh, std::ios::trunc);
    out << booted << '\n';
    for (const auto& [file, entry] : by_file_) out << file << ' ' << entry.copy << ' ' << entry.sha256 << '\n';
    if (!out.flush()) return;
  }
  std::error_code ignored;
  std::filesystem::rename(fresh, path_, ignored);
}

}  // namespace keelson::plugins

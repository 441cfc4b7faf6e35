#include "core/plugins/trust.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <set>

namespace keelson::plugins {
namespace {

namespace fs = std::filesystem;

// A directory with the sticky bit may be open to all: only its owner and an entry's owner can rename that entry.
std::optional<std::string> writable_by_others(const fs::path& path, const std::string& shown, bool directory) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return shown + " cannot be looked at";
  if (info.st_uid != 0 && info.st_uid != ::geteuid()) return shown + " belongs to user " + std::to_string(info.st_uid) + ", neither root nor the server's user";
  if (directory && (info.st_mode & S_ISVTX) != 0) return std::nullopt;
  if ((info.st_mode & S_IWOTH) != 0) return shown + " is writable by others";
  if ((info.st_mode & S_IWGRP) != 0 && info.st_gid != 0 && info.st_gid != ::getegid())
    return shown + " is writable by group " + std::to_string(info.st_gid);
  return std::nullopt;
}

std::set<fs::path> directories_above(const fs::path& file) {
  std::error_code failed;
  std::set<fs::path> above;
  for (const auto& start : {fs::absolute(file, failed), fs::canonical(file, failed)})
    for (auto directory = start.parent_path(); !directory.empty() && above.insert(directory).second; directory = directory.parent_path()) {}
  return above;
}

}  // namespace

std::optional<Refusal> untrusted_file(const std::string& file, const std::string& shown) {
  if (auto bad = writable_by_others(file, shown, false)) return Refusal{"BadPermissions", *bad};
  return std::nullopt;
}

std::optional<Refusal> untrusted_path(const std::string& file) {
  if (auto refusal = untrusted_file(file, file)) return refusal;
  for (const auto& directory : directories_above(file))
    if (auto bad = writable_by_others(directory, directory.string(), true)) return Refusal{"BadPermissions", *bad};
  return std::nullopt;
}

}  // namespace keelson::plugins

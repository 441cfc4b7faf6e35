#include "atomic_dir.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <set>

namespace keelson::node {
namespace {

namespace fs = std::filesystem;
constexpr unsigned kDirMode = 0755;
constexpr unsigned kGroupFileBits = 0440;   // these volumes are read only for the group
constexpr unsigned kGroupDirBits = 0550;

/// Closes on scope exit.
struct Fd {
  int value;
  ~Fd() {
    if (value >= 0) ::close(value);
  }
};

std::string top_of(const std::string& path) { return path.substr(0, path.find('/')); }

bool same_file(const std::string& path, const VolumeFile& file) {
  struct stat state {};
  if (::stat(path.c_str(), &state) != 0 || !S_ISREG(state.st_mode) || static_cast<std::size_t>(state.st_size) != file.bytes.size()) return false;
  return read_file(path) == file.bytes;
}

std::set<std::string> files_under(const std::string& dir) {
  std::set<std::string> found;
  std::error_code failed;
  for (fs::recursive_directory_iterator at(dir, failed), end; !failed && at != end; at.increment(failed))
    if (!at->is_directory(failed)) found.insert(fs::relative(at->path(), dir, failed).string());
  return found;
}

bool unchanged(const std::string& dir, const std::vector<VolumeFile>& files) {
  std::error_code failed;
  const auto target = fs::read_symlink(dir + "/..data", failed);
  if (failed) return false;
  const std::string current = dir + "/" + target.string();
  auto present = files_under(current);
  for (const auto& file : files) {
    if (!same_file(current + "/" + file.path, file)) return false;
    present.erase(file.path);
  }
  return present.empty();
}

std::string stamp_name(std::int64_t unix_ns) {
  const std::time_t seconds = unix_ns / 1'000'000'000;
  std::tm utc{};
  gmtime_r(&seconds, &utc);
  char text[64];
  std::snprintf(text, sizeof text, "..%04d_%02d_%02d_%02d_%02d_%02d.%09lld", utc.tm_year + 1900, utc.tm_mon + 1, utc.tm_mday, utc.tm_hour,
                utc.tm_min, utc.tm_sec, static_cast<long long>(unix_ns % 1'000'000'000));
  return text;
}

Outcome<void> give_to_group(const std::string& path, std::optional<std::uint32_t> owner, std::optional<std::uint32_t> group, unsigned mode) {
  const auto uid = owner ? static_cast<uid_t>(*owner) : static_cast<uid_t>(-1);
  const auto gid = group ? static_cast<gid_t>(*group) : static_cast<gid_t>(-1);
  if ((owner || group) && ::lchown(path.c_str(), uid, gid) != 0) return system_error("chown " + path);
  if (::chmod(path.c_str(), mode) != 0) return system_error("chmod " + path);
  return {};
}

Outcome<void> write_payload(const std::string& root, const std::vector<VolumeFile>& files, std::optional<std::uint32_t> group) {
  const unsigned dir_mode = group ? kDirMode | kGroupDirBits | S_ISGID : kDirMode;
  if (::mkdir(root.c_str(), kDirMode) != 0) return system_error("mkdir " + root);
  KEELSON_TRY_VOID(give_to_group(root, std::nullopt, group, dir_mode));
  for (const auto& file : files) {
    const std::string path = root + "/" + file.path;
    for (auto slash = path.find('/', root.size() + 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
      const std::string parent = path.substr(0, slash);
      if (::mkdir(parent.c_str(), kDirMode) != 0 && errno != EEXIST) return system_error("mkdir " + parent);
      KEELSON_TRY_VOID(give_to_group(parent, std::nullopt, group, dir_mode));
    }
    KEELSON_TRY_VOID(write_file(path, file.bytes, file.mode));
    KEELSON_TRY_VOID(give_to_group(path, file.owner, group, group ? file.mode | kGroupFileBits : file.mode));
  }
  return {};
}

Outcome<void> point(const std::string& dir, const std::string& link, const std::string& target) {
  const std::string temporary = dir + "/" + link + "_tmp", path = dir + "/" + link;
  ::unlink(temporary.c_str());
  if (::symlink(target.c_str(), temporary.c_str()) != 0) return system_error("symlink " + temporary);
  if (::rename(temporary.c_str(), path.c_str()) != 0) return system_error("rename " + path);
  return {};
}

Outcome<void> link_entries(const std::string& dir, const std::vector<VolumeFile>& files) {
  std::set<std::string> wanted;
  for (const auto& file : files) wanted.insert(top_of(file.path));
  for (const auto& entry : wanted) {
    const std::string path = dir + "/" + entry, target = "..data/" + entry;
    std::error_code failed;
    if (fs::read_symlink(path, failed) == target) continue;
    ::unlink(path.c_str());
    if (::symlink(target.c_str(), path.c_str()) != 0) return system_error("symlink " + path);
  }
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(dir, failed)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("..", 0) != 0 && !wanted.contains(name)) ::unlink(entry.path().c_str());
  }
  return {};
}

void remove_old(const std::string& dir, const std::string& current) {
  std::error_code failed;
  std::vector<fs::path> stale;
  for (const auto& entry : fs::directory_iterator(dir, failed)) {
    const std::string name = entry.path().filename().string();
    if (name.rfind("..", 0) == 0 && name != "..data" && name != current) stale.push_back(entry.path());
  }
  for (const auto& path : stale) fs::remove_all(path, failed);
}

}  // namespace

Error system_error(const std::string& what) { return {500, "InternalError", what + ": " + std::strerror(errno), {}}; }

bool safe_relative_path(const std::string& path) {
  if (path.empty() || path[0] == '/' || path.rfind("..", 0) == 0 || path.find('\0') != std::string::npos) return false;
  for (const auto& part : fs::path(path))
    if (part == ".." || part.empty()) return false;
  return true;
}

Outcome<void> make_dirs(const std::string& path, unsigned mode) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    const std::string part = path.substr(0, slash);
    if (::mkdir(part.c_str(), mode) != 0 && errno != EEXIST) return system_error("mkdir " + part);
    if (slash == std::string::npos) return {};
  }
}

Outcome<void> write_file(const std::string& path, const std::string& bytes, unsigned mode) {
  const Fd fd{::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode)};
  if (fd.value < 0) return system_error("open " + path);
  for (std::size_t done = 0; done < bytes.size();) {
    const auto wrote = ::write(fd.value, bytes.data() + done, bytes.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return system_error("write " + path);
    done += static_cast<std::size_t>(wrote);
  }
  return {};
}

std::optional<std::string> read_file(const std::string& path, std::size_t bytes_max) {
  const Fd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (fd.value < 0) return std::nullopt;
  std::string out;
  char buffer[8192];
  while (out.size() < bytes_max) {
    const auto got = ::read(fd.value, buffer, std::min(sizeof buffer, bytes_max - out.size()));
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return std::nullopt;
    if (got == 0) break;
    out.append(buffer, static_cast<std::size_t>(got));
  }
  return out;
}

Outcome<Written> write_atomic_dir(const std::string& dir, const std::vector<VolumeFile>& files, std::int64_t unix_ns,
                               std::optional<std::uint32_t> group) {
  for (const auto& file : files)
    if (!safe_relative_path(file.path)) return Error{400, "BadRequest", "invalid path: " + file.path, {}};
  if (unchanged(dir, files)) return Written::unchanged;
  const std::string name = stamp_name(unix_ns);
  KEELSON_TRY_VOID(write_payload(dir + "/" + name, files, group));
  KEELSON_TRY_VOID(point(dir, "..data", name));
  KEELSON_TRY_VOID(link_entries(dir, files));
  remove_old(dir, name);
  return Written::changed;
}

}  // namespace keelson::node

#include "volumes.hpp"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <sstream>

namespace keelson::node {
namespace {

namespace fs = std::filesystem;
constexpr unsigned kSharedDirMode = 0777;      // what emptyDir promises: any user of the pod may write
constexpr unsigned kHostDirMode = 0755;
constexpr unsigned kHostFileMode = 0644;
constexpr unsigned kSubPathDirMode = 0750;

struct Fd {
  int value;
  ~Fd() {
    if (value >= 0) ::close(value);
  }
};

Error mount_error(std::string message) { return {500, "FailedMount", std::move(message), {}}; }

bool is_mount_point(const std::string& path) {
  struct stat own {}, parent {};
  return ::lstat(path.c_str(), &own) == 0 && ::lstat((path + "/..").c_str(), &parent) == 0 && own.st_dev != parent.st_dev;
}

Outcome<void> ensure_tmpfs(const std::string& path, const std::string& options) {
  if (is_mount_point(path)) return {};
  if (::mount("tmpfs", path.c_str(), "tmpfs", MS_NOSUID | MS_NODEV, options.c_str()) != 0) return system_error("mount tmpfs on " + path);
  return {};
}

std::optional<std::uint32_t> fs_group(const Pod& pod) {
  if (!pod.spec.securityContext || !pod.spec.securityContext->fsGroup) return std::nullopt;
  return static_cast<std::uint32_t>(*pod.spec.securityContext->fsGroup);
}

Outcome<void> setup_empty_dir(const std::string& path, const core_v1::EmptyDirVolumeSource& source, const Pod& pod) {
  if (source.medium == "Memory") {
    std::string options = "mode=0777";
    if (source.sizeLimit && source.sizeLimit->value() > 0) options += ",size=" + std::to_string(source.sizeLimit->value());
    KEELSON_TRY_VOID(ensure_tmpfs(path, options));
  }
  const auto group = fs_group(pod);
  if (group && ::chown(path.c_str(), static_cast<uid_t>(-1), *group) != 0) return system_error("chown " + path);
  if (::chmod(path.c_str(), kSharedDirMode | (group ? S_ISGID : 0)) != 0) return system_error("chmod " + path);
  return {};
}

Outcome<void> check_host_path(const std::string& path, const std::string& type) {
  struct stat state {};
  const bool exists = ::stat(path.c_str(), &state) == 0;
  if (type.empty()) return {};
  if (type == "DirectoryOrCreate" && !exists) return make_dirs(path, kHostDirMode);
  if (type == "FileOrCreate" && !exists) return write_file(path, {}, kHostFileMode);
  const auto wrong = [&](const char* what) { return mount_error("hostPath type check failed: " + path + " is not " + what); };
  if ((type == "Directory" || type == "DirectoryOrCreate") && !(exists && S_ISDIR(state.st_mode))) return wrong("a directory");
  if ((type == "File" || type == "FileOrCreate") && !(exists && S_ISREG(state.st_mode))) return wrong("a file");
  if (type == "Socket" && !(exists && S_ISSOCK(state.st_mode))) return wrong("a socket file");
  if (type == "CharDevice" && !(exists && S_ISCHR(state.st_mode))) return wrong("a character device");
  if (type == "BlockDevice" && !(exists && S_ISBLK(state.st_mode))) return wrong("a block device");
  return {};
}

const char* folder_of(const core_v1::Volume& volume) {
  if (volume.emptyDir) return "kubernetes.io~empty-dir";
  if (volume.configMap) return "kubernetes.io~configmap";
  if (volume.secret) return "kubernetes.io~secret";
  if (volume.projected) return "kubernetes.io~projected";
  if (volume.downwardAPI) return "kubernetes.io~downward-api";
  return nullptr;
}

/// Mount points at or below `dir`, deepest first.
std::vector<std::string> mounts_below(const std::string& dir) {
  std::ifstream lines("/proc/self/mountinfo");
  std::vector<std::string> found;
  for (std::string line; std::getline(lines, line);) {
    std::istringstream words(line);
    std::string word;
    for (int field = 0; field < 5 && words >> word; ++field) {}
    if (word == dir || word.rfind(dir + "/", 0) == 0) found.push_back(word);
  }
  std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.size() > b.size(); });
  return found;
}

/// Opens `path` inside the directory, symbolic links resolved as if the directory were the root.
int open_in_root(int root, const std::string& path, std::uint64_t flags) {
  open_how how{};
  how.flags = flags | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how));
}

/// Makes the missing directories of `path` inside `root`, one safe step at a time.
Outcome<void> make_dirs_in_root(int root, const std::string& path) {
  std::string done;
  for (const auto& part : fs::path(path)) {
    const Fd parent{open_in_root(root, done.empty() ? "." : done, O_PATH | O_DIRECTORY)};
    if (parent.value < 0) return system_error("open " + done);
    if (::mkdirat(parent.value, part.c_str(), kSubPathDirMode) != 0 && errno != EEXIST) return system_error("mkdir " + part.string());
    done += (done.empty() ? "" : "/") + part.string();
  }
  return {};
}

}  // namespace

Outcome<std::string> Volumes::setup_one(const core_v1::Volume& volume, const VolumeInputs& inputs) {
  if (volume.hostPath) {
    KEELSON_TRY_VOID(check_host_path(volume.hostPath->path, volume.hostPath->type.value_or("")));
    return volume.hostPath->path;
  }
  const char* folder = folder_of(volume);
  if (folder == nullptr) return mount_error("this node has no driver for the type of volume \"" + volume.name + "\"");
  const std::string path = pod_dir(inputs.pod.meta.uid) + "/volumes/" + folder + "/" + volume.name;
  KEELSON_TRY_VOID(make_dirs(path));
  if (volume.emptyDir) {
    KEELSON_TRY_VOID(setup_empty_dir(path, *volume.emptyDir, inputs.pod));
    return path;
  }
  auto files = volume_payload(volume, inputs);
  if (!files) return files.error();
  if (volume.secret || volume.projected) KEELSON_TRY_VOID(ensure_tmpfs(path, "mode=0755"));
  if (::chmod(path.c_str(), kSharedDirMode) != 0) return system_error("chmod " + path);
  const auto wrote = write_atomic_dir(path, *files, inputs.cluster.unix_ns(), fs_group(inputs.pod));
  if (!wrote) return wrote.error();
  return path;
}

Outcome<std::map<std::string, std::string>> Volumes::setup(const VolumeInputs& inputs) {
  std::map<std::string, std::string> paths;
  for (const auto& volume : inputs.pod.spec.volumes) {
    auto path = setup_one(volume, inputs);
    if (!path) return Error{path.error().code, "FailedMount", "MountVolume.SetUp failed for volume \"" + volume.name + "\" : " + path.error().message, {}};
    paths[volume.name] = *path;
  }
  return paths;
}

Outcome<std::string> Volumes::bind_sub_path(const Pod& pod, const std::string& container, std::size_t index, const std::string& volume,
                                            const std::string& volume_path, const std::string& sub_path) {
  if (!safe_relative_path(sub_path)) return mount_error("subPath " + sub_path + " must be a relative path without '..'");
  const Fd root{::open(volume_path.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)};
  if (root.value < 0) return system_error("open " + volume_path);
  int found = open_in_root(root.value, sub_path, O_PATH);
  if (found < 0 && errno == ENOENT) {
    KEELSON_TRY_VOID(make_dirs_in_root(root.value, sub_path));
    found = open_in_root(root.value, sub_path, O_PATH);
  }
  const Fd source{found};
  if (source.value < 0) return system_error("open subPath " + sub_path);
  struct stat state {};
  if (::fstat(source.value, &state) != 0) return system_error("stat subPath " + sub_path);
  const std::string folder = pod_dir(pod.meta.uid) + "/volume-subpaths/" + volume + "/" + container;
  const std::string target = folder + "/" + std::to_string(index);
  KEELSON_TRY_VOID(make_dirs(folder));
  while (::umount2(target.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) == 0) {}
  if (S_ISDIR(state.st_mode)) KEELSON_TRY_VOID(make_dirs(target));
  else KEELSON_TRY_VOID(write_file(target, {}, kHostFileMode));
  const std::string by_fd = "/proc/self/fd/" + std::to_string(source.value);
  if (::mount(by_fd.c_str(), target.c_str(), nullptr, MS_BIND, nullptr) != 0) return system_error("bind subPath " + sub_path);
  return target;
}

Outcome<void> Volumes::teardown(const std::string& uid) {
  const std::string dir = pod_dir(uid);
  for (const auto& mount : mounts_below(dir))
    if (::umount2(mount.c_str(), MNT_DETACH | UMOUNT_NOFOLLOW) != 0 && errno != EINVAL && errno != ENOENT) return system_error("unmount " + mount);
  // Removing through a mount would delete what belongs to somebody else.
  if (!mounts_below(dir).empty()) return mount_error("volumes of pod " + uid + " are still mounted");
  std::error_code failed;
  fs::remove_all(dir, failed);
  if (failed) return mount_error("remove " + dir + ": " + failed.message());
  return {};
}

std::vector<std::string> Volumes::uids() const {
  std::vector<std::string> found;
  std::error_code failed;
  for (const auto& entry : fs::directory_iterator(root_ + "/pods", failed)) found.push_back(entry.path().filename().string());
  return found;
}

}  // namespace keelson::node

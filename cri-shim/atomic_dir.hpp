// AtomicDir: a directory whose files change all at once, in the layout that programs in containers rely on: data in
// "..<time>.<random>", the symlink "..data" on it, each top-level entry a symlink through "..data". The swap is one rename.
//
// Invariants: unchanged files cause no write; a crash at any point leaves the old or the new files, and at most a stray hidden
//   directory that the next write removes.
// Errors: 500 with the system's text; 400 for a file name that leaves the directory.
#pragma once
#include <keelson/result.hpp>
#include <optional>
#include <string>
#include <vector>

namespace keelson::node {

struct VolumeFile {
  std::string path;            ///< relative; may have folders
  std::string bytes;
  unsigned mode = 0644;
  std::optional<std::uint32_t> owner;
};

/// Relative, without "..", the first element not starting with "..".
bool safe_relative_path(const std::string& path);
enum class Written { unchanged, changed };
/// `group`: owner of everything, with group permissions added (fsGroup).
Outcome<Written> write_atomic_dir(const std::string& dir, const std::vector<VolumeFile>& files, std::int64_t unix_ns,
                               std::optional<std::uint32_t> group);

/// mkdir -p; an existing directory is fine.
Outcome<void> make_dirs(const std::string& path, unsigned mode = 0750);
Outcome<void> write_file(const std::string& path, const std::string& bytes, unsigned mode);
/// nullopt: absent or unreadable.
std::optional<std::string> read_file(const std::string& path, std::size_t bytes_max = 16u << 20);
Error system_error(const std::string& what);

}  // namespace keelson::node

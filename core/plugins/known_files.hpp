// KnownFiles: files that were read and hashed before and have not changed since, by what the file system says of them. A plugin's
// file is several megabytes: most of a start would go into reading it again.
//
// Invariants: only good until the machine starts again, since a power cut may leave another content under the same times;
//   a file that changed just before it was read is not remembered, since a second change within one tick of the clock
//   keeps its times. Whoever could write a file without that showing here owns the server anyway (trust.hpp).
// Threads: any one at a time. Errors: what cannot be read or written is not known.
#pragma once
#include <cstdint>
#include <map>
#include <optional>
#include <string>

struct stat;

namespace keelson::plugins {

class KnownFiles {
 public:
  /// `path`: where it is kept over restarts; empty: nowhere.
  explicit KnownFiles(std::string path);

  /// SHA-256 of the content of that very file and of its copy.
  std::optional<std::string> sha256_of(const struct stat& file) const;
  bool is_copy(const struct stat& copy, const std::string& sha256) const;
  /// `read_at_ns`: the time since the epoch when the file was opened for reading.
  void remember(const struct stat& file, const struct stat& copy, const std::string& sha256, std::int64_t read_at_ns);
  /// Writes the list if it changed.
  void save();

 private:
  struct Entry {
    std::string copy, sha256;
  };
  void load();

  const std::string path_;
  std::map<std::string, Entry> by_file_;   ///< by identity
  bool changed_ = false;
};

}  // namespace keelson::plugins

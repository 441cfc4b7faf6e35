// LogFile: one file that lines are appended to, rotated by size; older ones are kept by age and number.
//
// Invariants: mode 0600, never through a symbolic link; a batch of lines is written whole or taken back. A rotated file is
//   <stem>-2006-01-02T15-04-05.000<extension>, as lumberjack names them.
// Threads: one. Errors: what the system said; the next append tries again.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace keelson::audit {

struct LogFileOptions {
  std::string path;                      ///< "-": standard output, never rotated
  std::uint64_t bytes_max = 100u << 20;
  int backups_max = 10;                  ///< 0: all
  int age_max_days = 30;                 ///< 0: for ever
};

class LogFile {
 public:
  explicit LogFile(LogFileOptions options) : options_(std::move(options)) {}
  ~LogFile();
  LogFile(const LogFile&) = delete;
  LogFile& operator=(const LogFile&) = delete;
  base::Outcome<void> open();
  base::Outcome<void> append(std::string_view lines, std::int64_t now_unix_ms);

 private:
  base::Outcome<void> rotate(std::int64_t now_unix_ms);
  void remove_old(std::int64_t now_unix_ms) const;
  void close();

  const LogFileOptions options_;
  int descriptor_ = -1;
  std::uint64_t bytes_ = 0;
};

}  // namespace keelson::audit

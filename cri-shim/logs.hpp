// Container logs: reading CRI log files by the options of pods/log.
//
// LogFilter is pure: bytes of the file in, bytes for the client out. Lines are "<RFC3339Nano> <stdout|stderr> <P|F> <text>"; parts of
// one long line (P) are joined.
#pragma once
#include <cstdint>
#include <keelson/result.hpp>
#include <optional>
#include <string>
#include <string_view>

#include "cluster.hpp"

namespace keelson::node {

inline constexpr std::size_t kLogLineBytesMax = 1u << 20;   ///< more without an end is no line of the runtime, which cuts them, and is dropped
inline constexpr std::int64_t kLogRotateBytes = 10 << 20;
inline constexpr int kLogFilesMax = 5;

struct LogOptions {
  std::string container;
  bool follow = false, previous = false, timestamps = false;
  std::int64_t since_ns = 0;                 ///< 0: from the start
  std::optional<std::int64_t> tail_lines, limit_bytes;
  std::string stream;                        ///< "" = both
};

/// From the query of the request; sinceSeconds counts back from now.
Outcome<LogOptions> parse_log_options(const std::string& query, const std::string& pod, std::int64_t unix_ns);
/// Nanoseconds since the epoch of an RFC 3339 time with any fraction and offset.
std::optional<std::int64_t> parse_rfc3339(std::string_view text);
/// All values of a key in a raw query, percent-decoded.
std::vector<std::string> query_values(const std::string& query, std::string_view key);
std::string query_value(const std::string& query, std::string_view key);

class LogFilter {
 public:
  explicit LogFilter(LogOptions options) : options_(std::move(options)) {}
  /// Appends to `out` what the client gets of these further bytes of the file.
  void feed(std::string_view bytes, std::string& out);
  /// limitBytes is reached: nothing more comes.
  bool full() const { return options_.limit_bytes && sent_ >= *options_.limit_bytes; }

 private:
  void line(std::string_view text, std::string& out);
  void put(std::string_view text, std::string& out);
  LogOptions options_;
  std::string pending_;
  bool inside_ = false;        ///< the last line was a part, and shown
  std::int64_t sent_ = 0;
};

/// Opens a container's log, "<logs>/<pod>/<container>/<number>.log"; -1 and errno. Only a plain file, and none of the three may be a link: who
/// can write below the logs shows nothing that lies elsewhere, and holds nobody up with a pipe.
int open_log(const std::string& path);
/// Offset in the file at which its last `lines` lines begin.
std::int64_t tail_offset(int fd, std::int64_t lines);
/// The container that a request means, or upstream's refusal.
Outcome<std::string> choose_container(const Pod& pod, const std::string& asked);
/// Refuses with upstream's text when this container has no log (yet).
Outcome<void> check_log_state(const Pod& pod, const std::string& container, bool previous);

}  // namespace keelson::node

#include "core/base/log.hpp"

#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <cerrno>
#include <mutex>

#include "core/base/json_text.hpp"

namespace keelson::base {
namespace {

// A pipe that polls writable takes this much without blocking (PIPE_BUF).
constexpr std::size_t kLogLineBytesMax = 4096;

// Writes whole lines to standard error without ever waiting: when nobody reads the pipe, lines are dropped and counted.
class StderrSink final : public spdlog::sinks::base_sink<std::mutex> {
 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (line.size() > kLogLineBytesMax) {
      line.resize(kLogLineBytesMax);
      line[kLogLineBytesMax - 1] = '\n';
    }
    if (!writable()) {
      ++dropped_;
      return;
    }
    if (dropped_ > 0) report_dropped();
    write_all(line.data(), line.size());
  }
  void flush_() override {}

 private:
  static bool writable() {
    pollfd entry{STDERR_FILENO, POLLOUT, 0};
    return ::poll(&entry, 1, 0) > 0 && (entry.revents & POLLOUT) != 0;
  }
  static void write_all(const char* data, std::size_t size) {
    while (size > 0) {
      const ssize_t written = ::write(STDERR_FILENO, data, size);
      if (written < 0 && errno != EINTR) return;
      if (written <= 0) continue;
      data += written;
      size -= static_cast<std::size_t>(written);
    }
  }
  void report_dropped() {
    const std::string line = "log lines were dropped count=" + std::to_string(dropped_) + "\n";
    dropped_ = 0;
    write_all(line.data(), line.size());
  }
  std::uint64_t dropped_ = 0;
};

spdlog::logger& logger() {
  // Never destroyed: threads may still log while static objects go.
  static spdlog::logger& instance = *[] {
    auto* made = new spdlog::logger("keelson", std::make_shared<StderrSink>());
    made->set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%fZ %l %v", spdlog::pattern_time_type::utc));
    return made;
  }();
  return instance;
}

spdlog::level::level_enum level_of(LogLevel level) {
  switch (level) {
    case LogLevel::debug: return spdlog::level::debug;
    case LogLevel::info: return spdlog::level::info;
    case LogLevel::warn: return spdlog::level::warn;
    case LogLevel::error: break;
    case LogLevel::none: return spdlog::level::off;
  }
  return spdlog::level::err;
}

bool plain(std::string_view value) {
  if (value.empty()) return false;
  for (const char c : value)
    if (c <= ' ' || c == '"' || c == '=' || c == '\\' || c == 0x7F) return false;
  return true;
}

}  // namespace

void log(LogLevel level, std::string_view component, std::string_view message, std::initializer_list<LogField> fields) {
  if (logger().should_log(level_of(level))) log_anyway(level, component, message, fields);
}

void log_anyway(LogLevel level, std::string_view component, std::string_view message, std::initializer_list<LogField> fields) {
  std::string line;
  (line += component) += ": ";
  const std::string escaped = quoted(message);
  line.append(escaped, 1, escaped.size() - 2);
  for (const auto& [key, value] : fields) {
    ((line += ' ') += key) += '=';
    if (plain(value)) line += value;
    else append_json_string(line, value);
  }
  for (const auto& sink : logger().sinks()) sink->log(spdlog::details::log_msg(logger().name(), level_of(level), line));
}

void set_log_level(LogLevel level) { logger().set_level(level_of(level)); }

}  // namespace keelson::base

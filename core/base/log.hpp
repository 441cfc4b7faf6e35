// Logging: one structured line on standard error per entry: time, level, component, message, key=value pairs.
//
// Threads: any. A line is written whole; the writer never blocks a network thread for long (bounded buffer, drops
//   are counted and reported). No secret and no request body is ever passed here.
#pragma once
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace keelson::base {

enum class LogLevel { debug, info, warn, error, none };   ///< none: only to be set, for who makes errors on purpose
using LogField = std::pair<std::string_view, std::string>;

void log(LogLevel level, std::string_view component, std::string_view message, std::initializer_list<LogField> fields = {});
/// For who has looked at a level of its own: whatever set_log_level() says.
void log_anyway(LogLevel level, std::string_view component, std::string_view message, std::initializer_list<LogField> fields = {});
/// Lines below `level` are dropped. Default: info.
void set_log_level(LogLevel level);

inline void log_info(std::string_view component, std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::info, component, message, fields);
}
inline void log_warn(std::string_view component, std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::warn, component, message, fields);
}
inline void log_error(std::string_view component, std::string_view message, std::initializer_list<LogField> fields = {}) {
  log(LogLevel::error, component, message, fields);
}

}  // namespace keelson::base

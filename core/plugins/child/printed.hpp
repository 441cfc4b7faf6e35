// Printed: what a child's code writes to its standard output and error, told line by line, so that it stands in the server's log under the
// plugin's name wherever that log goes.
//
// Invariants: reading never waits. A line longer than kPrintedLineBytes is told in parts; of the lines of a second those after the first
//   kPrintedLinesPerSecond are counted instead.
// Threads: one at a time. Ownership: owns its descriptor. Errors: what cannot be read has ended.
#pragma once
#include <cstddef>
#include <functional>
#include <string>
#include <string_view>

#include "core/base/runtime.hpp"

namespace keelson::plugins {

inline constexpr std::size_t kPrintedLineBytes = 2'048;
inline constexpr std::size_t kPrintedLinesPerSecond = 200;

class Printed {
 public:
  using Tell = std::function<void(std::string_view line)>;

  /// `fd`: the end of a pipe that is read; does not block.
  explicit Printed(int fd) : fd_(fd) {}
  Printed(const Printed&) = delete;
  Printed& operator=(const Printed&) = delete;
  ~Printed();

  int fd() const { return fd_; }
  /// What is there now. False: no more will come.
  bool read(base::Monotonic now, const Tell& tell);
  /// What is left once who wrote has ended: the line that was begun, too.
  void finish(base::Monotonic now, const Tell& tell);

 private:
  void take(std::string_view text, base::Monotonic now, const Tell& tell);
  void tell_line(base::Monotonic now, const Tell& tell);
  void tell_left_out(const Tell& tell);

  const int fd_;
  std::string line_;                   // begun
  base::Monotonic second_begun_ = 0;
  std::size_t told_ = 0, left_out_ = 0;   // of this second
};

}  // namespace keelson::plugins

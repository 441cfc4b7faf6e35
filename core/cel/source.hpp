// Source: the text of an expression, and the complaints about it as clients of Kubernetes know them.
//
// Threads: immutable. Ownership: keeps no copy; the text must outlive it.
#pragma once
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace keelson::cel {

struct Issue {
  std::int32_t line = -1;     ///< from 1; -1: about the whole expression
  std::int32_t column = -1;   ///< from 0, in characters
  std::string message;
};

/// No more issues are kept; the rest is counted.
inline constexpr std::size_t kIssuesMax = 100;

class Issues {
 public:
  explicit Issues(std::string_view text) : text_(text) {}
  /// `offset` in bytes; npos: about the whole expression.
  void add(std::size_t offset, std::string message);
  bool empty() const { return count_ == 0; }
  std::size_t count() const { return count_; }
  /// One "ERROR: <input>:1:5: ..." after the other with their lines, sorted by place.
  std::string text();
  const std::vector<Issue>& list() const { return issues_; }

 private:
  std::string_view line(std::int32_t number) const;
  std::string show(const Issue& issue) const;
  std::string_view text_;
  std::vector<Issue> issues_;
  std::size_t count_ = 0;
};

}  // namespace keelson::cel

#include "core/cel/source.hpp"

#include <algorithm>

#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

// Longer lines are not shown with the error.
constexpr std::size_t kSnippetBytesMax = 16'384;
constexpr std::string_view kWideDot = "\xef\xbc\x8e", kWideMark = "\xef\xbc\xbe";

}  // namespace

void Issues::add(std::size_t offset, std::string message) {
  if (++count_ > kIssuesMax) return;
  Issue issue;
  issue.message = std::move(message);
  if (offset != std::string_view::npos) {
    const auto before = text_.substr(0, offset);
    issue.line = static_cast<std::int32_t>(std::count(before.begin(), before.end(), '\n')) + 1;
    const auto start = before.rfind('\n');
    issue.column = static_cast<std::int32_t>(count_characters(start == std::string_view::npos ? before : before.substr(start + 1)));
    if (text_.empty()) issue.column = -1;   // the end of nothing is before its first character
  }
  issues_.push_back(std::move(issue));
}

std::string_view Issues::line(std::int32_t number) const {
  auto rest = text_;
  for (; number > 1; --number) {
    const auto end = rest.find('\n');
    if (end == std::string_view::npos) return {};
    rest.remove_prefix(end + 1);
  }
  return rest.substr(0, rest.find('\n'));
}

std::string Issues::show(const Issue& issue) const {
  auto out = "ERROR: <input>:" + std::to_string(issue.line) + ':' + std::to_string(issue.column + 1) + ": " + issue.message;
  if (issue.line < 1 || text_.empty()) return out;
  std::string snippet(line(issue.line));
  if (snippet.size() > kSnippetBytesMax) return out;
  std::replace(snippet.begin(), snippet.end(), '\t', ' ');
  out += "\n | " + snippet + "\n | ";
  std::size_t at = 0, length = 0;
  for (std::int32_t i = 0; i < issue.column && at < snippet.size(); ++i, at += length) {
    decode_character(snippet, at, length);
    out += length > 1 ? kWideDot : ".";
  }
  length = 1;
  if (at < snippet.size()) decode_character(snippet, at, length);
  return out.append(length > 1 ? kWideMark : "^");
}

std::string Issues::text() {
  std::stable_sort(issues_.begin(), issues_.end(), [](const Issue& left, const Issue& right) {
    return left.line != right.line ? left.line < right.line : left.column < right.column;
  });
  std::string out;
  for (const auto& issue : issues_) {
    if (!out.empty()) out += '\n';
    out += show(issue);
  }
  if (count_ > issues_.size()) out += '\n' + std::to_string(count_ - issues_.size()) + " more errors were truncated";
  return out;
}

}  // namespace keelson::cel

// JsonText: a cursor over JSON text, for readers that know what they expect. Checks what it consumes; what it skips only
// has to be balanced.
//
// Threads: one. Ownership: borrows the text. Errors: fail() throws DecodeError with the path that the caller keeps.
#pragma once
#include <string>
#include <string_view>

#include <keelson/codec.hpp>

namespace keelson::codec {

inline constexpr int kSkipDepthMax = 10'000;   ///< nesting of a value that is skipped or kept as text

class JsonText {
 public:
  explicit JsonText(std::string_view text) : begin_(text.data()), at_(begin_), end_(begin_ + text.size()) {}

  /// The next character that is not white space, '\0' at the end.
  char peek() {
    while (at_ != end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    return at_ == end_ ? '\0' : *at_;
  }
  void expect(char wanted) {
    if (peek() != wanted) fail(std::string("expected '") + wanted + "'");
    ++at_;
  }
  /// Consumes `wanted` if it is next.
  bool take(char wanted) {
    if (peek() != wanted) return false;
    ++at_;
    return true;
  }
  /// Consumes null if it is next.
  bool take_null();
  bool boolean();
  /// The number's characters.
  std::string_view number();
  /// A string's content. Points into the text, or into `buffer` when there were escapes.
  std::string_view string(std::string& buffer);
  /// Any value, as the text it has.
  std::string_view value();
  bool at_end() { return peek() == '\0' && at_ == end_; }
  [[noreturn]] void fail(const std::string& what) const;

 private:
  void literal(std::string_view word);
  void skip_string();
  void unescape(std::string& out);
  unsigned hex4();

  const char *begin_, *at_, *end_;
};

/// Appends a code point as UTF-8.
void append_utf8(std::string& out, unsigned code);

}  // namespace keelson::codec

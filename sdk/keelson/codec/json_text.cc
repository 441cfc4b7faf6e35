#include <keelson/codec/json_text.hpp>

#include <cstring>

#include <keelson/codec/json_scan.hpp>

namespace keelson::codec {
namespace {

bool is_number_char(char c) { return (c >= '0' && c <= '9') || c == '-' || c == '+' || c == '.' || c == 'e' || c == 'E'; }
bool is_high_surrogate(unsigned code) { return code >= 0xD800 && code < 0xDC00; }
bool is_low_surrogate(unsigned code) { return code >= 0xDC00 && code < 0xE000; }
constexpr unsigned kReplacement = 0xFFFD;   // for half of a surrogate pair, as Go does

}  // namespace

void append_utf8(std::string& out, unsigned code) {
  const auto put = [&out](unsigned byte) { out.push_back(static_cast<char>(byte)); };
  if (code < 0x80) return put(code);
  if (code < 0x800) {
    put(0xC0 | code >> 6);
  } else {
    if (code < 0x10000) {
      put(0xE0 | code >> 12);
    } else {
      put(0xF0 | code >> 18);
      put(0x80 | (code >> 12 & 0x3F));
    }
    put(0x80 | (code >> 6 & 0x3F));
  }
  put(0x80 | (code & 0x3F));
}

void JsonText::fail(const std::string& what) const {
  throw DecodeError(what + " at byte " + std::to_string(at_ - begin_));
}

void JsonText::literal(std::string_view word) {
  if (static_cast<std::size_t>(end_ - at_) < word.size() || std::memcmp(at_, word.data(), word.size()) != 0) fail("expected a JSON value");
  at_ += word.size();
}

bool JsonText::take_null() {
  if (peek() != 'n') return false;
  literal("null");
  return true;
}

bool JsonText::boolean() {
  const char next = peek();
  if (next != 't' && next != 'f') fail("expected true or false");
  literal(next == 't' ? "true" : "false");
  return next == 't';
}

std::string_view JsonText::number() {
  if (const char next = peek(); next != '-' && (next < '0' || next > '9')) fail("expected a number");
  const char* start = at_;
  while (at_ != end_ && is_number_char(*at_)) ++at_;
  return {start, static_cast<std::size_t>(at_ - start)};
}

std::string_view JsonText::string(std::string& buffer) {
  if (peek() != '"') fail("expected a string");
  const char* start = ++at_;
  at_ = find_special(at_, end_);
  if (at_ != end_ && *at_ == '"') return {start, static_cast<std::size_t>(at_++ - start)};
  buffer.assign(start, at_);
  while (at_ != end_ && *at_ != '"') {
    const char* plain = at_;
    at_ = find_special(at_, end_);
    buffer.append(plain, at_);
    if (at_ == end_ || *at_ == '"') break;
    if (*at_ != '\\') fail("control character in a string");
    unescape(buffer);
  }
  if (at_ == end_) fail("unfinished string");
  ++at_;
  return buffer;
}

unsigned JsonText::hex4() {
  unsigned code = 0;
  for (int i = 0; i < 4; ++i) {
    if (at_ == end_) fail("unfinished escape");
    const char c = *at_++;
    const char lower = static_cast<char>(c | 0x20);
    if (c >= '0' && c <= '9') code = code << 4 | static_cast<unsigned>(c - '0');
    else if (lower >= 'a' && lower <= 'f') code = code << 4 | static_cast<unsigned>(lower - 'a' + 10);
    else fail("wrong escape");
  }
  return code;
}

void JsonText::unescape(std::string& out) {
  if (end_ - at_ < 2) fail("unfinished escape");
  const char kind = at_[1];
  at_ += 2;
  static constexpr std::string_view kNames = "\"\\/bfnrt", kValues = "\"\\/\b\f\n\r\t";
  if (const auto found = kNames.find(kind); found != std::string_view::npos) return out.push_back(kValues[found]);
  if (kind != 'u') fail("wrong escape");
  unsigned code = hex4();
  if (is_high_surrogate(code) && end_ - at_ >= 6 && at_[0] == '\\' && at_[1] == 'u') {
    const char* second = at_;
    at_ += 2;
    const unsigned low = hex4();
    if (is_low_surrogate(low)) return append_utf8(out, 0x10000 + ((code - 0xD800) << 10) + (low - 0xDC00));
    at_ = second;
  }
  append_utf8(out, is_high_surrogate(code) || is_low_surrogate(code) ? kReplacement : code);
}

void JsonText::skip_string() {
  for (at_ = find_special(at_ + 1, end_); at_ != end_ && *at_ != '"'; at_ = find_special(at_ + 1, end_))
    if (*at_ == '\\' && ++at_ == end_) break;
  if (at_ == end_) fail("unfinished string");
  ++at_;
}

std::string_view JsonText::value() {
  const char first = peek();
  const char* start = at_;
  int depth = 0;
  if (first == '"') skip_string();
  else if (first == 't' || first == 'f') (void)boolean();
  else if (first == 'n') literal("null");
  else if (first != '{' && first != '[') (void)number();
  else do {
    if (at_ == end_) fail("unfinished value");
    const char c = *at_;
    if (c == '"') { skip_string(); continue; }
    if (c == '{' || c == '[') ++depth;
    if (c == '}' || c == ']') --depth;
    if (depth > kSkipDepthMax) fail("nested too deep");
    ++at_;
  } while (depth > 0);
  return {start, static_cast<std::size_t>(at_ - start)};
}

}  // namespace keelson::codec

#include "core/kinds/json_syntax.hpp"

#include <array>
#include <vector>

namespace keelson::kinds {
namespace {

constexpr std::string_view kEnd = "unexpected end of JSON input";

bool is_space(unsigned char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool is_digit(unsigned char c) { return c >= '0' && c <= '9'; }
bool is_hex(unsigned char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::string hex(unsigned char c, int digits) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out(static_cast<std::size_t>(digits), '0');
  for (std::size_t i = out.size(); i > 0 && c != 0; c /= 16) out[--i] = kDigits[c % 16];
  return out;
}

/// A byte as Go quotes the character of its number.
std::string quoted(unsigned char c) {
  constexpr std::string_view kNamed = "abtnvfr";   // from 7 on
  constexpr unsigned char kNoBreakSpace = 0xa0, kSoftHyphen = 0xad;
  std::string out;
  if (c == '\'' || c == '\\') out = {'\\', static_cast<char>(c)};
  else if (c >= 7 && c < 7 + kNamed.size()) out = {'\\', kNamed[c - 7u]};
  else if (c < 0x20 || c == 0x7f) out = "\\x" + hex(c, 2);
  else if (c < 0x80) out = static_cast<char>(c);
  else if (c <= kNoBreakSpace || c == kSoftHyphen) out = "\\u" + hex(c, 4);
  else out = {static_cast<char>(0xc0 | c >> 6), static_cast<char>(0x80 | (c & 0x3f))};
  return "'" + out + "'";
}

class Scanner {
 public:
  std::string scan(std::string_view text) {
    for (const char c : text)
      if (!step(static_cast<unsigned char>(c))) return wrong(static_cast<unsigned char>(c));
    if (state_ == State::end_top) return {};
    if (!step(' ')) return wrong(' ');   // so that the last word or number ends
    return std::string(state_ == State::end_top ? std::string_view() : kEnd);
  }

 private:
  enum class State { value, first_element, first_key, key, end_value, end_top, string, escape, code, minus, digits, zero, point, fraction, exponent, exponent_sign, exponent_digits, word };
  enum class Inside { key, member, element };

  std::string wrong(unsigned char c) const { return "invalid character " + quoted(c) + " " + where_; }
  bool to(State state) {
    state_ = state;
    return true;
  }
  bool refuse(std::string where) {
    where_ = std::move(where);
    return false;
  }

  bool step(unsigned char c) {
    switch (state_) {
      case State::value: return is_space(c) || value(c);
      case State::first_element: return is_space(c) || (c == ']' ? end_value(c) : value(c));
      case State::first_key: return is_space(c) || (c == '}' ? leave() : key(c));
      case State::key: return is_space(c) || key(c);
      case State::end_value: return end_value(c);
      case State::end_top: return is_space(c) || refuse("after top-level value");
      case State::string: return string(c);
      case State::escape: return escape(c);
      case State::code: return is_hex(c) ? to(--codes_left_ == 0 ? State::string : State::code) : refuse("in \\u hexadecimal character escape");
      case State::word: return word(c);
      default: return number(c);
    }
  }

  bool value(unsigned char c) {
    if (c == '{' || c == '[') return enter(c == '{' ? Inside::key : Inside::element, c == '{' ? State::first_key : State::first_element);
    if (c == '"') return to(State::string);
    if (c == '-') return to(State::minus);
    if (c == '0') return to(State::zero);
    if (is_digit(c)) return to(State::digits);
    for (const std::string_view known : {"true", "false", "null"})
      if (c == static_cast<unsigned char>(known.front())) {
        word_ = known;
        word_at_ = 1;
        return to(State::word);
      }
    return refuse("looking for beginning of value");
  }
  bool key(unsigned char c) { return c == '"' ? to(State::string) : refuse("looking for beginning of object key string"); }

  bool enter(Inside inside, State next) {
    open_.push_back(inside);
    return to(next);
  }
  bool leave() {
    open_.pop_back();
    return to(open_.empty() ? State::end_top : State::end_value);
  }

  bool end_value(unsigned char c) {
    to(open_.empty() ? State::end_top : State::end_value);
    if (open_.empty()) return step(c);
    if (is_space(c)) return true;
    auto& inside = open_.back();
    if (inside == Inside::key) {
      inside = Inside::member;
      return c == ':' ? to(State::value) : refuse("after object key");
    }
    if (inside == Inside::element) return c == ',' ? to(State::value) : c == ']' ? leave() : refuse("after array element");
    if (c == '}') return leave();
    inside = Inside::key;
    return c == ',' ? to(State::key) : refuse("after object key:value pair");
  }

  bool string(unsigned char c) {
    if (c == '"') return to(State::end_value);
    if (c == '\\') return to(State::escape);
    return c >= 0x20 || refuse("in string literal");
  }
  bool escape(unsigned char c) {
    codes_left_ = 4;
    if (c == 'u') return to(State::code);
    return std::string_view("bfnrt\\/\"").find(static_cast<char>(c)) != std::string_view::npos ? to(State::string) : refuse("in string escape code");
  }
  bool word(unsigned char c) {
    if (c != static_cast<unsigned char>(word_[word_at_])) return refuse("in literal " + std::string(word_) + " (expecting '" + word_[word_at_] + "')");
    return ++word_at_ < word_.size() || to(State::end_value);
  }

  bool number(unsigned char c) {
    const bool digit = is_digit(c), power = c == 'e' || c == 'E';
    switch (state_) {
      case State::minus: return digit ? to(c == '0' ? State::zero : State::digits) : refuse("in numeric literal");
      case State::point: return digit ? to(State::fraction) : refuse("after decimal point in numeric literal");
      case State::exponent:
        if (c == '+' || c == '-') return to(State::exponent_sign);
        [[fallthrough]];
      case State::exponent_sign: return digit ? to(State::exponent_digits) : refuse("in exponent of numeric literal");
      default: break;
    }
    if (digit && state_ != State::zero) return true;
    if (c == '.' && (state_ == State::zero || state_ == State::digits)) return to(State::point);
    if (power && state_ != State::exponent_digits) return to(State::exponent);
    return end_value(c);
  }

  State state_ = State::value;
  std::vector<Inside> open_;
  std::string where_;
  std::string_view word_;
  std::size_t word_at_ = 0;
  int codes_left_ = 0;
};

}  // namespace

std::string json_syntax_fault(std::string_view text) { return Scanner().scan(text); }

}  // namespace keelson::kinds

#include "core/cel/lexer.hpp"

#include <algorithm>
#include <array>

#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

bool digit(char c) { return c >= '0' && c <= '9'; }
bool hex(char c) { return digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }
bool octal(char c) { return c >= '0' && c <= '7'; }
bool letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }
bool blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n' || c == '\f'; }

struct Sign {
  std::string_view text;
  Token token;
};
// Longer ones first.
constexpr std::array kSigns{Sign{"==", Token::equals}, Sign{"!=", Token::not_equals}, Sign{"<=", Token::less_equals}, Sign{">=", Token::greater_equals},
                            Sign{"&&", Token::logical_and}, Sign{"||", Token::logical_or}, Sign{"<", Token::less}, Sign{">", Token::greater},
                            Sign{"[", Token::left_bracket}, Sign{"]", Token::right_bracket}, Sign{"{", Token::left_brace}, Sign{"}", Token::right_brace},
                            Sign{"(", Token::left_paren}, Sign{")", Token::right_paren}, Sign{".", Token::dot}, Sign{",", Token::comma},
                            Sign{"-", Token::minus}, Sign{"!", Token::exclamation}, Sign{"?", Token::question}, Sign{":", Token::colon},
                            Sign{"+", Token::plus}, Sign{"*", Token::star}, Sign{"/", Token::slash}, Sign{"%", Token::percent}};

class Scanner {
 public:
  Scanner(std::string_view text, Issues& issues) : text_(text), issues_(issues) {}

  std::vector<Lexeme> run() {
    for (skip_blank(); at_ < text_.size(); skip_blank()) next();
    put(Token::end, 0);
    return std::move(lexemes_);
  }

 private:
  char peek(std::size_t ahead = 0) const { return at_ + ahead < text_.size() ? text_[at_ + ahead] : '\0'; }

  void skip_blank() {
    while (at_ < text_.size()) {
      if (blank(text_[at_])) {
        ++at_;
      } else if (text_.substr(at_, 2) == "//") {
        at_ = std::min(text_.find('\n', at_), text_.size());
      } else {
        return;
      }
    }
  }

  void put(Token token, std::size_t size) {
    lexemes_.push_back({token, static_cast<std::uint32_t>(at_), static_cast<std::uint32_t>(size)});
    at_ += size;
  }

  void next() {
    const char c = peek();
    if (digit(c) || (c == '.' && digit(peek(1)))) return number();
    if (const auto prefix = text_prefix(); prefix.size() > 0 && string(prefix)) return;
    if (letter(c)) return word();
    if (c == '`' && escaped()) return;
    for (const auto& sign : kSigns)
      if (text_.substr(at_, sign.text.size()) == sign.text) return put(sign.token, sign.text.size());
    if (c == '"' || c == '\'') return fail(std::max(string_reach(at_, false), at_ + 1));
    fail(at_ + (c == '&' || c == '|' || c == '=' ? 1 : 0));
  }

  // The error's text reaches to the character that fits nothing, which is skipped too.
  void fail(std::size_t reach) {
    std::size_t length = 0;
    auto end = std::min(reach, text_.size());
    if (end < text_.size()) {
      decode_character(text_, end, length);
      end += length;
    }
    issues_.add(at_, "Syntax error: token recognition error at: '" + std::string(text_.substr(at_, end - at_)) + "'");
    at_ = end;
  }

  void word() {
    std::size_t size = 1;
    while (letter(peek(size)) || digit(peek(size))) ++size;
    const auto name = text_.substr(at_, size);
    put(name == "true" ? Token::true_word : name == "false" ? Token::false_word : name == "null" ? Token::null_word : name == "in" ? Token::in : Token::identifier, size);
  }

  bool escaped() {
    std::size_t size = 1;
    while (letter(peek(size)) || digit(peek(size)) || std::string_view(".-/ ").find(peek(size)) != std::string_view::npos) ++size;
    if (size == 1 || peek(size) != '`') {
      fail(at_ + size);
      return true;
    }
    put(Token::escaped_identifier, size + 1);
    return true;
  }

  std::size_t digits(std::size_t from) const {
    while (digit(peek(from))) ++from;
    return from;
  }

  void number() {
    std::size_t size = 0;
    if (peek() == '0' && peek(1) == 'x' && hex(peek(2))) {
      for (size = 2; hex(peek(size));) ++size;
      return natural_or(Token::integer, size);
    }
    size = digits(0);
    bool real = false;
    if (peek(size) == '.' && digit(peek(size + 1))) {
      size = digits(size + 1);
      real = true;
    }
    if (peek(size) == 'e' || peek(size) == 'E') {
      const auto sign = size + 1 + (peek(size + 1) == '+' || peek(size + 1) == '-');
      if (digit(peek(sign))) {
        size = digits(sign);
        real = true;
      }
    }
    if (real) return put(Token::floating, size);
    natural_or(Token::integer, size);
  }

  void natural_or(Token token, std::size_t size) {
    if (peek(size) == 'u' || peek(size) == 'U') return put(Token::natural, size + 1);
    put(token, size);
  }

  // "b", "r", "br" and the quote, when a literal begins here.
  std::string_view text_prefix() const {
    std::size_t size = 0;
    if (peek() == 'b' || peek() == 'B') ++size;
    if (peek(size) == 'r' || peek(size) == 'R') ++size;
    return peek(size) == '"' || peek(size) == '\'' ? text_.substr(at_, size + 1) : std::string_view{};
  }

  bool string(std::string_view prefix) {
    const bool raw = prefix.size() > 1 && (prefix[prefix.size() - 2] | 0x20) == 'r';
    const auto quote = at_ + prefix.size() - 1;
    const auto token = (prefix[0] | 0x20) == 'b' ? Token::bytes : Token::string;
    auto end = long_string(quote, raw);
    if (end == 0) end = short_string(quote, raw);
    if (end == 0) return false;
    put(token, end - at_);
    return true;
  }

  // Past the closing quotes; 0 when there are none.
  std::size_t long_string(std::size_t quote, bool raw) const {
    const std::string three(3, text_[quote]);
    if (text_.substr(quote, 3) != three) return 0;
    for (auto i = quote + 3; i < text_.size();) {
      if (text_.substr(i, 3) == three) return i + 3;
      if (text_[i] == '\\' && !raw) {
        const auto next = past_escape(i);
        if (next == 0) return 0;
        i = next;
      } else {
        ++i;
      }
    }
    return 0;
  }

  std::size_t short_string(std::size_t quote, bool raw) const {
    const auto end = string_reach(quote, raw);
    return end < text_.size() && text_[end] == text_[quote] ? end + 1 : 0;
  }

  // Where a one-line literal ends: at its closing quote or at the first character that it cannot have.
  std::size_t string_reach(std::size_t quote, bool raw) const {
    auto i = quote + 1;
    while (i < text_.size() && text_[i] != text_[quote] && text_[i] != '\n' && text_[i] != '\r') {
      if (text_[i] == '\\' && !raw) {
        const auto next = past_escape(i);
        if (next == 0) return escape_reach(i);
        i = next;
      } else {
        ++i;
      }
    }
    return i;
  }

  struct Form {
    std::size_t lead, digits;
    bool (*fits)(char);
  };
  Form escape_form(std::size_t at) const {
    const char c = at + 1 < text_.size() ? text_[at + 1] : '\0';
    if (c != '\0' && std::string_view("abfnrtv\"'\\?`").find(c) != std::string_view::npos) return {2, 0, hex};
    if (c == 'x' || c == 'X') return {2, 2, hex};
    if (c == 'u') return {2, 4, hex};
    if (c == 'U') return {2, 8, hex};
    if (c >= '0' && c <= '3') return {2, 2, octal};
    return {1, 1, [](char) { return false; }};
  }
  std::size_t escape_reach(std::size_t at) const {
    const auto form = escape_form(at);
    auto i = at + form.lead;
    for (std::size_t left = form.digits; left > 0 && i < text_.size() && form.fits(text_[i]); --left) ++i;
    return i;
  }
  std::size_t past_escape(std::size_t at) const {
    const auto form = escape_form(at);
    return escape_reach(at) == at + form.lead + form.digits ? at + form.lead + form.digits : 0;
  }

  std::string_view text_;
  Issues& issues_;
  std::size_t at_ = 0;
  std::vector<Lexeme> lexemes_;
};

}  // namespace

std::vector<Lexeme> scan(std::string_view text, Issues& issues) { return Scanner(text, issues).run(); }

}  // namespace keelson::cel

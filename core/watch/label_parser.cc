// The grammar of label selectors: requirements joined by ',', each `key`, `!key`, `key op value` or `key in (values)`.
#include <algorithm>
#include <charconv>

#include "core/watch/label_format.hpp"
#include "core/watch/selector_parse.hpp"

namespace keelson::watch {
namespace {

using Op = LabelRequirement::Op;

enum class Token { error, end, close, comma, not_exists, double_equals, equals, greater, identifier, in, less, not_equals, not_in, open };

struct Item {
  Token token = Token::end;
  std::string literal;
};

/// Thrown inside this file only and caught in parse_label_selector().
struct Fault {
  std::string text;
};

bool white(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }
bool special(char c) { return std::string_view("=!(),><").find(c) != std::string_view::npos; }

Token token_of(std::string_view text) {
  static constexpr std::pair<std::string_view, Token> kTokens[] = {
      {")", Token::close}, {",", Token::comma}, {"!", Token::not_exists}, {"==", Token::double_equals}, {"=", Token::equals}, {">", Token::greater},
      {"in", Token::in},   {"<", Token::less},  {"!=", Token::not_equals}, {"notin", Token::not_in},    {"(", Token::open}};
  for (const auto& [literal, token] : kTokens)
    if (literal == text) return token;
  return Token::error;
}

class Lexer {
 public:
  explicit Lexer(std::string_view text) : text_(text) {}

  std::vector<Item> all() {
    std::vector<Item> items;
    do items.push_back(next());
    while (items.back().token != Token::end);
    return items;
  }

 private:
  Item next() {
    while (at_ < text_.size() && white(text_[at_])) ++at_;
    if (at_ == text_.size()) return {};
    return special(text_[at_]) ? symbol() : word();
  }

  Item word() {
    const auto from = at_;
    while (at_ < text_.size() && !special(text_[at_]) && !white(text_[at_])) ++at_;
    std::string literal(text_.substr(from, at_ - from));
    const Token token = token_of(literal);
    return {token == Token::error ? Token::identifier : token, std::move(literal)};
  }

  Item symbol() {
    // The longest known symbol wins: "==" before "=".
    const std::size_t longest = at_ + 1 < text_.size() && special(text_[at_ + 1]) ? 2 : 1;
    for (std::size_t length = longest; length > 0; --length) {
      std::string literal(text_.substr(at_, length));
      if (const Token token = token_of(literal); token != Token::error) {
        at_ += length;
        return {token, std::move(literal)};
      }
    }
    std::string literal = "error expected: keyword found '" + std::string(text_.substr(at_)) + "'";
    at_ = text_.size();
    return {Token::error, std::move(literal)};
  }

  std::string_view text_;
  std::size_t at_ = 0;
};

std::string joined(const std::vector<std::string>& faults) {
  std::string out;
  for (const auto& fault : faults) out += (out.empty() ? "" : "; ") + fault;
  return out;
}

void check_key(const std::string& key) {
  const auto faults = label_key_faults(key);
  if (!faults.empty()) throw Fault{"<nil>: Invalid value: \"" + key + "\": " + joined(faults)};
}

bool is_integer(const std::string& text) {
  std::int64_t ignored = 0;
  const char* from = text.data() + (!text.empty() && text.front() == '+' ? 1 : 0);
  const auto [end, fault] = std::from_chars(from, text.data() + text.size(), ignored);
  return fault == std::errc{} && end == text.data() + text.size() && from != end;
}

void check_values(const LabelRequirement& requirement) {
  std::vector<std::string> faults;
  const bool ordered = requirement.op == Op::greater || requirement.op == Op::less;
  for (std::size_t i = 0; i < requirement.values.size(); ++i) {
    const auto& value = requirement.values[i];
    const std::string path = "values[" + std::to_string(i) + "]";
    if (ordered && !is_integer(value)) faults.push_back(path + ": Invalid value: \"" + value + "\": for 'Gt', 'Lt' operators, the value must be an integer");
    const auto format = label_value_faults(value);
    if (!format.empty()) faults.push_back(path + "[" + std::string(requirement.key.text()) + "]: Invalid value: \"" + value + "\": " + joined(format));
  }
  if (faults.empty()) return;
  if (faults.size() == 1) throw Fault{faults.front()};
  std::string all;
  for (const auto& fault : faults) all += (all.empty() ? "" : ", ") + fault;
  throw Fault{"[" + all + "]"};
}

class Parser {
 public:
  explicit Parser(std::string_view text) : items_(Lexer(text).all()) {}

  std::vector<LabelRequirement> all() {
    std::vector<LabelRequirement> out;
    for (;;) {
      const Item& first = peek();
      if (first.token == Token::end) return out;
      if (!begins_requirement(first)) throw Fault{"found '" + first.literal + "', expected: !, identifier, or 'end of string'"};
      out.push_back(guarded_requirement());
      const Item next = take();
      if (next.token == Token::end) return out;
      if (next.token != Token::comma) throw Fault{"found '" + next.literal + "', expected: ',' or 'end of string'"};
      if (!begins_requirement(peek())) throw Fault{"found '" + peek().literal + "', expected: identifier after ','"};
    }
  }

 private:
  /// "in" and "notin" are words too where no operator can stand.
  static bool identifier(const Item& item) { return item.token == Token::identifier || item.token == Token::in || item.token == Token::not_in; }
  static bool begins_requirement(const Item& item) { return identifier(item) || item.token == Token::not_exists; }

  const Item& peek() const { return items_[std::min(at_, items_.size() - 1)]; }
  Item take() {
    Item item = peek();
    ++at_;
    return item;
  }

  LabelRequirement guarded_requirement() {
    try {
      return requirement();
    } catch (Fault& fault) {
      throw Fault{"unable to parse requirement: " + fault.text};
    }
  }

  LabelRequirement requirement() {
    LabelRequirement out;
    Item key = take();
    const bool negated = key.token == Token::not_exists;
    if (negated) key = take();
    if (!identifier(key)) throw Fault{"found '" + key.literal + "', expected: identifier"};
    check_key(key.literal);
    out.key = base::Atom(key.literal);
    const Token next = peek().token;
    if (negated || next == Token::end || next == Token::comma) {
      out.op = negated ? Op::not_exists : Op::exists;
      return out;
    }
    out.op = operation();
    out.values = out.op == Op::in || out.op == Op::not_in ? values() : std::vector<std::string>{exact_value()};
    std::sort(out.values.begin(), out.values.end());
    out.values.erase(std::unique(out.values.begin(), out.values.end()), out.values.end());
    check_values(out);
    return out;
  }

  Op operation() {
    const Item item = take();
    switch (item.token) {
      case Token::in: return Op::in;
      case Token::not_in: return Op::not_in;
      case Token::equals:
      case Token::double_equals: return Op::equals;
      case Token::not_equals: return Op::not_equals;
      case Token::greater: return Op::greater;
      case Token::less: return Op::less;
      default: throw Fault{"found '" + item.literal + "', expected: in, notin, =, ==, !=, gt, lt"};
    }
  }

  std::string exact_value() {
    if (peek().token == Token::end || peek().token == Token::comma) return "";
    const Item item = take();
    if (!identifier(item)) throw Fault{"found '" + item.literal + "', expected: identifier"};
    return item.literal;
  }

  std::vector<std::string> values() {
    if (const Item open = take(); open.token != Token::open) throw Fault{"found '" + open.literal + "' expected: '('"};
    const Item first = peek();
    if (first.token == Token::close) {   // "()" is the empty value
      take();
      return {""};
    }
    if (!identifier(first) && first.token != Token::comma) throw Fault{"found '" + first.literal + "', expected: ',', ')' or identifier"};
    auto out = list();
    if (take().token != Token::close) throw Fault{"found '" + first.literal + "', expected: ')'"};
    return out;
  }

  std::vector<std::string> list() {
    std::vector<std::string> out;
    for (;;) {
      const Item item = take();
      if (identifier(item)) {
        out.push_back(item.literal);
        if (peek().token == Token::close) return out;
        if (peek().token != Token::comma) throw Fault{"found '" + peek().literal + "', expected: ',' or ')'"};
      } else if (item.token == Token::comma) {
        if (out.empty()) out.emplace_back();
        if (peek().token == Token::close) {
          out.emplace_back();
          return out;
        }
        if (peek().token == Token::comma) {
          take();
          out.emplace_back();
        }
      } else {
        throw Fault{"found '" + item.literal + "', expected: ',', or identifier"};
      }
    }
  }

  std::vector<Item> items_;
  std::size_t at_ = 0;
};

}  // namespace

base::Outcome<std::vector<LabelRequirement>> parse_label_selector(std::string_view text) {
  try {
    return Parser(text).all();
  } catch (Fault& fault) {
    return base::bad_request(std::move(fault.text));
  }
}

}  // namespace keelson::watch

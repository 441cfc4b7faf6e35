#include "core/cel/parser.hpp"

#include <optional>
#include <string>
#include <vector>

#include "core/cel/builder.hpp"
#include "core/cel/escape.hpp"
#include "core/cel/lexer.hpp"
#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

// Left after a syntax error was reported.
struct GiveUp {};

constexpr std::string_view kStart =
    "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
constexpr std::string_view kStartOrQuestion =
    "{'[', '{', '(', '.', '-', '!', '?', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
constexpr std::string_view kStartOrParen =
    "{'[', '{', '(', ')', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
constexpr std::string_view kStartOrBracket =
    "{'[', ']', '{', '(', '.', ',', '-', '!', '?', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
constexpr std::string_view kStartOrBrace =
    "{'[', '{', '}', '(', '.', ',', '-', '!', '?', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";
constexpr std::string_view kFieldStart = "{'}', ',', '?', IDENTIFIER, ESC_IDENTIFIER}";

struct TooDeep {
  std::string why;
};

// Counts one rule's nesting while it is alive.
class Nesting {
 public:
  explicit Nesting(int& depth) : depth_(depth) {
    if (depth_ >= kNestingMax) throw TooDeep{"expression recursion limit exceeded: " + std::to_string(kNestingMax)};
    ++depth_;
  }
  ~Nesting() { --depth_; }
  Nesting(const Nesting&) = delete;
  Nesting& operator=(const Nesting&) = delete;

 private:
  int& depth_;
};

class Parser {
 public:
  Parser(std::string_view text, const ParseOptions& options, Arena& arena, Issues& issues)
      : text_(text), options_(options), make_(arena, issues), lexemes_(scan(text, issues)) {}

  Expr* run() {
    auto* expr = expression();
    if (now().token != Token::end) {
      const bool lone = lexemes_[at_ + 1].token == Token::end;
      complain((lone ? "extraneous input " : "mismatched input ") + shown() + " expecting <EOF>");
    }
    return expr;
  }

 private:
  const Lexeme& now() const { return lexemes_[at_]; }
  const Lexeme& after(std::size_t count = 1) const { return lexemes_[std::min(at_ + count, lexemes_.size() - 1)]; }
  std::string_view word(const Lexeme& lexeme) const { return text_.substr(lexeme.at, lexeme.size); }
  std::string shown() const { return now().token == Token::end ? "'<EOF>'" : "'" + std::string(word(now())) + "'"; }
  void complain(const std::string& what) { make_.issues.add(now().at, "Syntax error: " + what); }
  [[noreturn]] void stop(const std::string& what) {
    complain(what);
    throw GiveUp{};
  }
  [[noreturn]] void mismatch(std::string_view expected) {
    complain("mismatched input " + shown() + " expecting " + std::string(expected));
    // What is missing at the end is said too, when only one token was wrong.
    const bool outermost = expression_depth_ == 1 && now().token != Token::escaped_identifier;
    if (outermost && now().token != Token::end && after().token == Token::end && expected == kStart) {
      ++at_;
      complain("mismatched input '<EOF>' expecting " + std::string(kStart));
    }
    throw GiveUp{};
  }

  bool take(Token token) {
    if (now().token != token) return false;
    ++at_;
    return true;
  }
  // One wrong token before the right one is skipped; a bracket may be forgotten at the end.
  void need(Token token, std::string_view name, bool forgettable = true) {
    if (take(token)) return;
    if (now().token != Token::end && after().token == token) {
      complain("extraneous input " + shown() + " expecting " + std::string(name));
      at_ += 2;
      return;
    }
    if (now().token == Token::end && forgettable && token != Token::colon) stop("missing " + std::string(name) + " at " + shown());
    mismatch(name);
  }

  static bool starts(Token token) {
    switch (token) {
      case Token::left_bracket: case Token::left_brace: case Token::left_paren: case Token::dot: case Token::minus: case Token::exclamation:
      case Token::true_word: case Token::false_word: case Token::null_word: case Token::floating: case Token::integer: case Token::natural:
      case Token::string: case Token::bytes: case Token::identifier: return true;
      default: return false;
    }
  }
  // One wrong token before a right one is skipped, as the reference does.
  void need_start(std::string_view expected) {
    if (starts(now().token)) return;
    if (now().token == Token::end || !starts(after().token)) mismatch(expected);
    complain("extraneous input " + shown() + " expecting " + std::string(expected));
    ++at_;
  }

  Expr* expression(std::string_view expected = kStart) {
    const Nesting nesting(expression_depth_);
    need_start(expected);
    auto* condition = logical(Token::logical_or, op::kOr);
    if (now().token != Token::question) return condition;
    const auto at = now().at;
    ++at_;
    need_start(kStart);
    auto* yes = logical(Token::logical_or, op::kOr);
    need(Token::colon, "':'");
    auto* no = expression();
    return deeper(call(at, op::kConditional, nullptr, {condition, yes, no}));
  }

  Expr* logical(Token token, std::string_view function) {
    std::vector<Expr*> terms{operand(token)};
    std::vector<std::uint32_t> places;
    while (now().token == token) {
      places.push_back(now().at);
      ++at_;
      need_start(kStart);
      terms.push_back(operand(token));
    }
    return places.empty() ? terms[0] : balanced(function, terms, places, 0, places.size() - 1);
  }
  Expr* operand(Token token) { return token == Token::logical_or ? logical(Token::logical_and, op::kAnd) : relation(); }

  Expr* balanced(std::string_view function, const std::vector<Expr*>& terms, const std::vector<std::uint32_t>& places, std::size_t low, std::size_t high) {
    const auto middle = (low + high + 1) / 2;
    auto* left = middle == low ? terms[middle] : balanced(function, terms, places, low, middle - 1);
    auto* right = middle == high ? terms[middle + 1] : balanced(function, terms, places, middle + 1, high);
    return make_.call(places[middle], function, {left, right});
  }

  static std::string_view relation_function(Token token) {
    switch (token) {
      case Token::less: return op::kLess;
      case Token::less_equals: return op::kLessEquals;
      case Token::greater: return op::kGreater;
      case Token::greater_equals: return op::kGreaterEquals;
      case Token::equals: return op::kEquals;
      case Token::not_equals: return op::kNotEquals;
      case Token::in: return op::kIn;
      default: return {};
    }
  }
  static std::string_view factor_function(Token token) {
    return token == Token::star ? op::kMultiply : token == Token::slash ? op::kDivide : token == Token::percent ? op::kModulo : std::string_view{};
  }
  static std::string_view term_function(Token token) {
    return token == Token::plus ? op::kAdd : token == Token::minus ? op::kSubtract : std::string_view{};
  }

  // Operators and accesses count as the reference counts them, along the deepest path.
  static Expr* deeper(Expr* expr) {
    if (++expr->steps > kNestingMax) throw TooDeep{"max recursion depth exceeded"};
    return expr;
  }

  Expr* relation() {
    const Nesting nesting(relation_depth_);
    auto* left = sum();
    for (auto function = relation_function(now().token); !function.empty(); function = relation_function(now().token)) {
      const auto at = now().at;
      ++at_;
      need_start(kStart);
      const Nesting right_side(relation_depth_);
      left = deeper(call(at, function, nullptr, {left, sum()}));
    }
    return left;
  }
  Expr* sum() {
    const Nesting nesting(calc_depth_);
    auto* left = product();
    for (auto function = term_function(now().token); !function.empty(); function = term_function(now().token)) {
      const auto at = now().at;
      ++at_;
      need_start(kStart);
      const Nesting right_side(calc_depth_);
      left = deeper(call(at, function, nullptr, {left, product()}));
    }
    return left;
  }
  Expr* product() {
    auto* left = unary();
    for (auto function = factor_function(now().token); !function.empty(); function = factor_function(now().token)) {
      const auto at = now().at;
      ++at_;
      need_start(kStart);
      const Nesting right_side(calc_depth_);
      left = deeper(call(at, function, nullptr, {left, unary()}));
    }
    return left;
  }

  Expr* unary() {
    const auto token = now().token;
    if (token != Token::exclamation && token != Token::minus) return member();
    if (token == Token::minus && signed_number()) return member();
    const auto at = now().at;
    std::size_t count = 0;
    for (; now().token == token; ++count) ++at_;
    if (!starts(now().token) || now().token == Token::exclamation || now().token == Token::minus) no_operand(token);
    auto* inner = member();
    if (count % 2 == 0) return inner;
    return call(at, token == Token::minus ? op::kNegate : op::kNot, nullptr, {inner});
  }
  bool signed_number() const { return now().token == Token::minus && (after().token == Token::integer || after().token == Token::floating); }
  [[noreturn]] void no_operand(Token token) {
    if (now().token == Token::end && token == Token::exclamation) stop("extraneous input '<EOF>' expecting " + std::string(kStart));
    if (now().token == Token::end) complain("no viable alternative at input '-'");
    mismatch(kStart);
  }

  Expr* member() {
    auto* expr = primary();
    for (;;) {
      if (now().token == Token::dot) {
        expr = deeper(member_access(expr));
      } else if (now().token == Token::left_bracket) {
        const auto at = now().at;
        ++at_;
        const bool optional = take(Token::question);
        auto* index = expression(optional ? kStart : kStartOrQuestion);
        need(Token::right_bracket, "']'");
        expr = deeper(call(at, optional ? op::kOptIndex : op::kIndex, nullptr, {expr, index}));
      } else {
        return expr;
      }
    }
  }

  Expr* member_access(Expr* operand) {
    const auto dot = now();
    ++at_;
    const bool optional = take(Token::question);
    const auto name = now();
    const bool quoted = name.token == Token::escaped_identifier;
    if (!quoted && name.token != Token::identifier) not_a_field(dot, optional);
    ++at_;
    const auto field = make_.arena.keep(quoted ? word(name).substr(1, name.size - 2u) : word(name));
    Expr* access = nullptr;
    if (optional) access = make_.call(dot.at, op::kOptSelect, {operand, make_.literal(name.at, Value::string(field))});
    else if (quoted || now().token != Token::left_paren) access = make_.select(dot.at, operand, field);
    if (access != nullptr) {
      access->steps = operand->steps;
      return access;
    }
    const auto open = now().at;
    auto args = arguments();
    return call(open, word(name), operand, std::move(args));
  }
  [[noreturn]] void not_a_field(const Lexeme& dot, bool optional) {
    const auto token = now().token;
    if (optional) {
      complain("mismatched input " + shown() + " expecting {IDENTIFIER, ESC_IDENTIFIER}");
      make_.issues.add(now().at, "unsupported ident kind");
      throw GiveUp{};
    }
    if (token == Token::true_word || token == Token::false_word || token == Token::null_word)
      stop("mismatched input '" + std::string(word(now())) + "' expecting IDENTIFIER");
    const auto end = token == Token::end ? dot.at + dot.size : now().at + now().size;
    if (token != Token::end && after().token == Token::end && token != Token::dot) {
      complain("no viable alternative at input '" + std::string(text_.substr(dot.at, end - dot.at)) + "'");
      ++at_;
      stop("mismatched input '<EOF>' expecting " + std::string(kStart));
    }
    stop("no viable alternative at input '" + std::string(text_.substr(dot.at, end - dot.at)) + "'");
  }

  std::vector<Expr*> arguments() {
    need(Token::left_paren, "'('");
    std::vector<Expr*> args;
    if (now().token == Token::comma && after().token == Token::right_paren) {
      complain("extraneous input ',' expecting " + std::string(kStartOrParen));
      ++at_;
    }
    if (take(Token::right_paren)) return args;
    args.push_back(expression(kStartOrParen));
    while (take(Token::comma)) args.push_back(expression());
    need(Token::right_paren, "')'");
    return args;
  }

  Expr* call(std::uint32_t at, std::string_view function, Expr* target, std::vector<Expr*> args) {
    const auto kept = make_.keep(args);
    auto* expr = expand_macro(make_, options_, at, function, target, kept);
    if (expr == nullptr) expr = make_.member(at, make_.arena.keep(function), target, kept);
    expr->steps = steps(kept, target);
    return expr;
  }

  static std::uint16_t steps(std::span<Expr* const> children, const Expr* target = nullptr) {
    std::uint16_t most = target == nullptr ? 0 : target->steps;
    for (const auto* child : children) most = std::max(most, child->steps);
    return most;
  }

  Expr* primary() {
    const auto lexeme = now();
    switch (lexeme.token) {
      case Token::left_paren: {
        ++at_;
        auto* inner = expression();
        need(Token::right_paren, "')'");
        return inner;
      }
      case Token::left_bracket: return list();
      case Token::left_brace: return map();
      case Token::dot: case Token::identifier: return named();
      default: return literal();
    }
  }

  Expr* named() {
    const auto start = now();
    const bool rooted = take(Token::dot);
    const auto name = now();
    if (name.token != Token::identifier) rooted ? not_a_field(start, false) : mismatch(kStart);
    if (const auto length = construct_length(); length > 0) return construct(rooted, length);
    ++at_;
    if (reserved(word(name))) {
      if (now().token == Token::left_paren) arguments();
      return make_.fault(start.at, "reserved identifier: " + std::string(word(name)));
    }
    const auto full = (rooted ? "." : "") + std::string(word(name));
    if (now().token != Token::left_paren) return make_.ident(name.at, make_.arena.keep(full));
    const auto open = now().at;
    auto args = arguments();
    return call(open, full, nullptr, std::move(args));
  }

  // How many lexemes of a type's name stand before a '{'; 0 when none does.
  std::size_t construct_length() const {
    std::size_t i = 1;
    while (after(i).token == Token::dot && after(i + 1).token == Token::identifier) i += 2;
    return after(i).token == Token::left_brace ? i : 0;
  }

  Expr* construct(bool rooted, std::size_t length) {
    std::string name = rooted ? "." : "";
    for (std::size_t i = 0; i < length; ++i) name += word(lexemes_[at_++]);
    auto* expr = make_.node(Expr::Form::construct, now().at);
    expr->name = make_.arena.keep(name);
    ++at_;
    Entries entries;
    while (now().token != Token::right_brace && !(now().token == Token::comma && after().token == Token::right_brace)) {
      entries.optional.push_back(take(Token::question));
      if (now().token != Token::identifier && now().token != Token::escaped_identifier) field_start();
      const bool quoted = now().token == Token::escaped_identifier;
      entries.fields.push_back(make_.arena.keep(quoted ? word(now()).substr(1, now().size - 2u) : word(now())));
      ++at_;
      entry_value(entries);
      if (!take(Token::comma)) break;
      --at_;
      if (after().token == Token::right_brace) break;
      ++at_;
    }
    end_of_entries(Token::right_brace, "'}'", "{'}', ','}");
    finish(*expr, entries);
    expr->fields = make_.keep_all(entries.fields);
    return expr;
  }
  void field_start() {
    if (now().token == Token::end || after().token != Token::identifier) mismatch(kFieldStart);
    complain("extraneous input " + shown() + " expecting " + std::string(kFieldStart));
    ++at_;
  }
  // After a trailing comma only the bracket can come.
  void end_of_entries(Token token, std::string_view name, std::string_view either) {
    if (take(Token::comma)) need(token, name);
    else need(token, either, false);
  }

  struct Entries {
    std::vector<Expr*> values;
    std::vector<std::uint8_t> optional;
    std::vector<std::uint32_t> places;
    std::vector<std::string_view> fields;
  };
  void entry_value(Entries& entries) {
    if (now().token != Token::colon) mismatch("':'");
    entries.places.push_back(now().at);
    ++at_;
    entries.values.push_back(expression());
  }
  void finish(Expr& expr, const Entries& entries) {
    expr.args = make_.keep(entries.values);
    expr.steps = steps(entries.values);
    expr.places = make_.keep_all(entries.places);
    if (std::find(entries.optional.begin(), entries.optional.end(), 1) == entries.optional.end()) return;
    auto* flags = make_.arena.array<bool>(entries.optional.size());
    std::copy(entries.optional.begin(), entries.optional.end(), flags);
    expr.optional = {flags, entries.optional.size()};
  }

  Expr* map() {
    auto* expr = make_.node(Expr::Form::map, now().at);
    ++at_;
    Entries entries;
    for (bool first = true; now().token != Token::right_brace && !(now().token == Token::comma && after().token == Token::right_brace); first = false) {
      entries.optional.push_back(take(Token::question));
      entries.values.push_back(expression(first ? kStartOrBrace : kStart));
      entry_value(entries);
      if (now().token != Token::comma || after().token == Token::right_brace) break;
      ++at_;
    }
    end_of_entries(Token::right_brace, "'}'", "{'}', ','}");
    finish(*expr, entries);
    return expr;
  }

  Expr* list() {
    auto* expr = make_.node(Expr::Form::list, now().at);
    ++at_;
    Entries entries;
    for (bool first = true; now().token != Token::right_bracket && !(now().token == Token::comma && after().token == Token::right_bracket); first = false) {
      entries.optional.push_back(take(Token::question));
      entries.values.push_back(expression(first ? kStartOrBracket : kStart));
      if (now().token != Token::comma || after().token == Token::right_bracket) break;
      ++at_;
    }
    end_of_entries(Token::right_bracket, "']'", "{']', ','}");
    finish(*expr, entries);
    return expr;
  }

  Expr* literal() {
    const auto start = now().at;
    const bool negative = take(Token::minus);
    const auto lexeme = now();
    ++at_;
    switch (lexeme.token) {
      case Token::true_word: return make_.literal(start, Value::of(true));
      case Token::false_word: return make_.literal(start, Value::of(false));
      case Token::null_word: return make_.literal(start, Value::null());
      case Token::integer: return integer(start, negative, word(lexeme));
      case Token::natural: return natural(start, word(lexeme));
      case Token::floating: return floating(start, negative, word(lexeme));
      case Token::string: case Token::bytes: return text(lexeme);
      default: --at_; mismatch(kStart);
    }
  }
  Expr* integer(std::uint32_t at, bool negative, std::string_view digits) {
    constexpr std::uint64_t kTwoTo63 = std::uint64_t(1) << 63;
    const auto value = unsigned_number(digits);
    if (!value || *value > kTwoTo63 - (negative ? 0 : 1)) return make_.fault(at, "invalid int literal");
    return make_.literal(at, Value::of_int(static_cast<std::int64_t>(negative ? -*value : *value)));
  }
  Expr* natural(std::uint32_t at, std::string_view digits) {
    const auto value = unsigned_number(digits.substr(0, digits.size() - 1));
    return value ? make_.literal(at, Value::of_uint(*value)) : make_.fault(at, "invalid uint literal");
  }
  Expr* floating(std::uint32_t at, bool negative, std::string_view digits) {
    const auto value = parse_double(digits);
    if (!value) return make_.fault(at, "invalid double literal");
    return make_.literal(at, Value::of_double(negative ? -*value : *value));
  }
  static std::optional<std::uint64_t> unsigned_number(std::string_view digits) {
    const std::uint64_t base = digits.substr(0, 2) == "0x" ? 16 : 10;
    if (base == 16) digits.remove_prefix(2);
    std::uint64_t value = 0;
    for (const char c : digits) {
      const auto part = static_cast<std::uint64_t>(c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10);
      if (__builtin_mul_overflow(value, base, &value) || __builtin_add_overflow(value, part, &value)) return std::nullopt;
    }
    return value;
  }
  Expr* text(const Lexeme& lexeme) {
    std::string out, why;
    const bool bytes = lexeme.token == Token::bytes;
    if (!unquote(word(lexeme), bytes, out, why)) return make_.fault(lexeme.at, why);
    return make_.literal(lexeme.at, Value::of_text(bytes ? Kind::bytes : Kind::string, make_.arena.keep(out)));
  }

  std::string_view text_;
  const ParseOptions& options_;
  Builder make_;
  std::vector<Lexeme> lexemes_;
  std::size_t at_ = 0;
  int expression_depth_ = 0, relation_depth_ = 0, calc_depth_ = 0;
};

}  // namespace

Expr* parse(std::string_view text, const ParseOptions& options, Arena& arena, Issues& issues) {
  const auto characters = count_characters(text);
  if (characters > kExpressionCharactersMax) {
    issues.add(std::string_view::npos, "expression code point size exceeds limit: size: " + std::to_string(characters) + ", limit " +
                                           std::to_string(kExpressionCharactersMax));
    return nullptr;
  }
  try {
    auto* expr = Parser(text, options, arena, issues).run();
    return issues.empty() ? expr : nullptr;
  } catch (const GiveUp&) {
  } catch (const TooDeep& deep) {
    issues.add(std::string_view::npos, deep.why);
  }
  return nullptr;
}

}  // namespace keelson::cel

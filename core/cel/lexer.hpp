// Lexer: an expression's text to tokens, all of them at once.
//
// Invariants: the last token is `end`; what is no token is reported as the reference grammar reports it, and skipped.
// Threads: stateless.
#pragma once
#include <cstdint>
#include <string_view>
#include <vector>

#include "core/cel/source.hpp"

namespace keelson::cel {

enum class Token : std::uint8_t {
  end, identifier, escaped_identifier, integer, natural, floating, string, bytes, true_word, false_word, null_word, in,
  equals, not_equals, less, less_equals, greater_equals, greater, logical_and, logical_or, left_bracket, right_bracket, left_brace,
  right_brace, left_paren, right_paren, dot, comma, minus, exclamation, question, colon, plus, star, slash, percent,
};

struct Lexeme {
  Token token = Token::end;
  std::uint32_t at = 0;
  std::uint32_t size = 0;
};

std::vector<Lexeme> scan(std::string_view text, Issues& issues);

}  // namespace keelson::cel

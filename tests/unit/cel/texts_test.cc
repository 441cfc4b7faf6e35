#include "tests/unit/cel/harness.hpp"

using keelson::cel::testing::run;

namespace {

constexpr const char* kStart = "{'[', '{', '(', '.', '-', '!', 'true', 'false', 'null', NUM_FLOAT, NUM_INT, NUM_UINT, STRING, BYTES, IDENTIFIER}";

std::string complaint(const std::string& expression) { return run(expression).text; }

// "1:3" and the message, as the first line has them.
std::string at(const char* place, const std::string& message) { return "compile: ERROR: <input>:" + std::string(place) + ": " + message; }

}  // namespace

TEST_CASE("a complaint shows the line and points at the place") {
  CHECK(complaint("1 +\n  foo.bar") == "compile: ERROR: <input>:2:3: undeclared reference to 'foo' (in container '')\n |   foo.bar\n | ..^");
  CHECK(complaint("'\xc3\xa9' + x") == "compile: ERROR: <input>:1:7: undeclared reference to 'x' (in container '')\n | '\xc3\xa9' + x\n | .\xef\xbc\x8e....^");
}

TEST_CASE("several complaints stand in the order of their places") {
  CHECK(complaint("a + b") ==
        "compile: ERROR: <input>:1:1: undeclared reference to 'a' (in container '')\n | a + b\n | ^\n"
        "ERROR: <input>:1:5: undeclared reference to 'b' (in container '')\n | a + b\n | ....^");
}

TEST_CASE("types that do not fit are named") {
  CHECK(complaint("1 + 'a'").rfind(at("1:3", "found no matching overload for '_+_' applied to '(int, string)'"), 0) == 0);
  CHECK(complaint("[1].map(x, x.foo())").rfind(at("1:17", "undeclared reference to 'foo' (in container '')"), 0) == 0);
  CHECK(complaint("'a'.startsWith(1)").rfind(at("1:15", "found no matching overload for 'startsWith' applied to 'string.(int)'"), 0) == 0);
  CHECK(complaint("1.all(x, true)").rfind(at("1:1", "expression of type 'int' cannot be range of a comprehension (must be list, map, or dynamic)"), 0) == 0);
  CHECK(complaint("1 && true").rfind(at("1:1", "expected type 'bool' but found 'int'"), 0) == 0);
  CHECK(complaint("[1, 'a']").rfind(at("1:5", "expected type 'int' but found 'string'"), 0) == 0);
  CHECK(complaint("{'a': 1, 'b': {'c': 'd'}}").rfind(at("1:15", "expected type 'int' but found 'map(string, string)'"), 0) == 0);
  CHECK(complaint("duration('x')").rfind(at("1:10", "invalid duration argument"), 0) == 0);
  CHECK(complaint("'a'.matches('(')").rfind(at("1:13", "invalid matches argument"), 0) == 0);
  CHECK(complaint("'%d'.format(['x'])").rfind(at("1:14", "error during formatting: decimal clause can only be used on integers, was given string"), 0) == 0);
}

TEST_CASE("syntax is explained in the words of the reference") {
  CHECK(complaint("a +").rfind(at("1:4", "Syntax error: mismatched input '<EOF>' expecting " + std::string(kStart)), 0) == 0);
  CHECK(complaint("a b").rfind(at("1:3", "Syntax error: extraneous input 'b' expecting <EOF>"), 0) == 0);
  CHECK(complaint("a | b").rfind(at("1:3", "Syntax error: token recognition error at: '| '"), 0) == 0);
  CHECK(complaint("(a").rfind(at("1:3", "Syntax error: missing ')' at '<EOF>'"), 0) == 0);
  CHECK(complaint("[1").rfind(at("1:3", "Syntax error: mismatched input '<EOF>' expecting {']', ','}"), 0) == 0);
  CHECK(complaint("{1").rfind(at("1:3", "Syntax error: mismatched input '<EOF>' expecting ':'"), 0) == 0);
  CHECK(complaint("a.").rfind(at("1:3", "Syntax error: no viable alternative at input '.'"), 0) == 0);
  CHECK(complaint("foo(1 2)").rfind(at("1:7", "Syntax error: extraneous input '2' expecting ')'"), 0) == 0);
  CHECK(complaint("if").rfind(at("1:1", "reserved identifier: if"), 0) == 0);
  CHECK(complaint("9223372036854775808").rfind(at("1:1", "invalid int literal"), 0) == 0);
  CHECK(complaint("has(a)").rfind(at("1:5", "invalid argument to has() macro"), 0) == 0);
  CHECK(complaint("[1].all(1, true)").rfind(at("1:9", "argument must be a simple name"), 0) == 0);
}

TEST_CASE("cel.bind exists only where it is asked for") {
  CHECK(complaint("cel.bind(x, 1, x)").rfind("compile: ", 0) == 0);
  keelson::cel::Environment environment;
  environment.bind = true;
  const auto compiled = keelson::cel::compile(environment, "cel.bind(x, 20, x + x + 2)");
  REQUIRE(compiled.program != nullptr);
  keelson::cel::Arena arena;
  CHECK(compiled.program->run({}, arena).value.integer == 42);
}

#include <ctime>

#include "tests/unit/cel/harness.hpp"

using namespace keelson::cel;
using keelson::cel::testing::run;

namespace {

// An explosion takes hours; code with sanitizers in it, ten times as long as without.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr double kExplosion_s = 60;
#else
constexpr double kExplosion_s = 5;
#endif

std::string repeated(const std::string& text, int times) {
  std::string out;
  for (int i = 0; i < times; ++i) out += text;
  return out;
}

double cpu_seconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

double seconds_for(const std::string& expression) {
  const auto start = cpu_seconds();
  for (int i = 0; i < 3; ++i) run(expression);
  return cpu_seconds() - start;
}

}  // namespace

TEST_CASE("nesting is bounded") {
  CHECK(run(repeated("(", 300) + "1" + repeated(")", 300)).text == "compile: ERROR: <input>:-1:0: expression recursion limit exceeded: 250");
  CHECK(run(repeated("[", 300) + repeated("]", 300)).text == "compile: ERROR: <input>:-1:0: expression recursion limit exceeded: 250");
  CHECK(run("1" + repeated("+1", 300)).text == "compile: ERROR: <input>:-1:0: max recursion depth exceeded");
  CHECK(run("self" + repeated(".b", 300)).text == "compile: ERROR: <input>:-1:0: max recursion depth exceeded");
  CHECK(run("1" + repeated("+1", 250)).text == "251");
  CHECK(run(repeated("!", 1001) + "true").text == "false");
}

TEST_CASE("length is bounded") {
  CHECK(run(repeated("a", 100'001)).text == "compile: ERROR: <input>:-1:0: expression code point size exceeds limit: size: 100001, limit 100000");
}

TEST_CASE("time to compile grows with the text and no faster") {
  for (const auto& part : {std::string("true && "), std::string("[1].all(x, x > 0) && "), std::string("'abc'.startsWith('a') && ")}) {
    INFO(part);
    const auto once = seconds_for(repeated(part, 1000) + "true"), twice = seconds_for(repeated(part, 2000) + "true");
    CHECK(twice < 3.5 * once + 0.05);
  }
}

TEST_CASE("macros that repeat their target stay small") {
  const auto start = cpu_seconds();
  run("optional.of(1)" + repeated(".optMap(x, x + 1)", 200));
  CHECK(cpu_seconds() - start < kExplosion_s);
}

TEST_CASE("types that double do not explode") {
  const auto start = cpu_seconds();
  run("[optional.of([1])" + repeated(".optMap(x, {x: x})", 60) + "].size()");
  CHECK(cpu_seconds() - start < kExplosion_s);
}

TEST_CASE("what grows while it runs is stopped") {
  const auto start = cpu_seconds();
  const auto lists = run("[[1, 2]]" + repeated(".map(l, l + l)", 60) + "[0].map(x, x).size()").text;
  CHECK(lists == "error: operation cancelled: actual cost limit exceeded");
  const auto text = run("['0123456789abcdef']" + repeated(".map(s, s.replace('', s))", 20) + ".size()").text;
  CHECK(text == "error: operation cancelled: actual cost limit exceeded");
  CHECK(run("lists.range(1000000000).size()").text == "error: operation cancelled: actual cost limit exceeded");
  CHECK(run("lists.range(100000).distinct().size()").text == "error: operation cancelled: actual cost limit exceeded");
  CHECK(cpu_seconds() - start < 6 * kExplosion_s);
}

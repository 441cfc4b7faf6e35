#include "core/plugins/child/printed.hpp"

#include <catch2/catch.hpp>
#include <fcntl.h>
#include <unistd.h>

#include <string>
#include <vector>

using namespace keelson;
using namespace keelson::plugins;

namespace {

struct Fixture {
  Fixture() {
    REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    REQUIRE(::fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    printed = std::make_unique<Printed>(ends[0]);
  }
  ~Fixture() { close(); }
  void close() {
    if (ends[1] >= 0) ::close(ends[1]);
    ends[1] = -1;
  }
  void print(const std::string& text) { REQUIRE(::write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size())); }
  bool read(base::Monotonic now = 0) { return printed->read(now, tell); }

  int ends[2];
  std::vector<std::string> lines;
  Printed::Tell tell = [this](std::string_view line) { lines.emplace_back(line); };
  std::unique_ptr<Printed> printed;
};

}  // namespace

TEST_CASE("what is printed is told by lines, however it arrives") {
  Fixture f;
  CHECK(f.read());
  f.print("one\ntw");
  CHECK(f.read());
  CHECK(f.lines == std::vector<std::string>{"one"});
  f.print("o\n\nfour");
  CHECK(f.read());
  CHECK(f.lines == std::vector<std::string>{"one", "two", ""});
}

TEST_CASE("the last words come out though no line ends them") {
  Fixture f;
  f.print("terminate called");
  f.close();
  f.printed->finish(0, f.tell);
  CHECK(f.lines == std::vector<std::string>{"terminate called"});
  CHECK_FALSE(f.read());
}

TEST_CASE("a line without end is told in parts") {
  Fixture f;
  f.print(std::string(kPrintedLineBytes, 'a') + "bc\n");
  CHECK(f.read());
  CHECK(f.lines == std::vector<std::string>{std::string(kPrintedLineBytes, 'a'), "bc"});
}

TEST_CASE("a flood is counted, and told of in the next second") {
  Fixture f;
  constexpr std::size_t kMore = 5;
  std::string text;
  for (std::size_t i = 0; i < kPrintedLinesPerSecond + kMore; ++i) text += "x\n";
  f.print(text);
  CHECK(f.read(base::kNanosPerSecond));
  CHECK(f.lines.size() == kPrintedLinesPerSecond);
  f.print("later\n");
  CHECK(f.read(2 * base::kNanosPerSecond));
  REQUIRE(f.lines.size() == kPrintedLinesPerSecond + 2);
  CHECK(f.lines[kPrintedLinesPerSecond] == "(5 more lines are left out)");
  CHECK(f.lines.back() == "later");
}

#include <catch2/catch.hpp>

#include "core/kinds/quantity.hpp"
#include "core/kinds/time_text.hpp"

using namespace keelson::kinds;

TEST_CASE("Quantities keep their family and print canonically") {
  const auto canonical = [](std::string_view text) {
    const auto amount = Quantity::parse(text);
    return amount ? amount->text() : "none";
  };
  CHECK(canonical("0.5") == "500m");
  CHECK(canonical("1000m") == "1");
  CHECK(canonical("1024Mi") == "1Gi");
  CHECK(canonical("1.5Gi") == "1536Mi");
  CHECK(canonical("1e3") == "1e3");
  CHECK(canonical("1000") == "1k");
  CHECK(canonical("1500") == "1500");
  CHECK(canonical("100M") == "100M");
  CHECK(canonical("0.0001Ki") == "102400u");
  CHECK(canonical("512") == "512");
  CHECK(canonical("1023Ki") == "1023Ki");
  CHECK(canonical("-5Mi") == "-5Mi");
  CHECK(canonical("0Gi") == "0");
  CHECK(canonical("1n") == "1n");
  CHECK(canonical("0.1n") == "1n");
  CHECK(canonical("12E") == "12E");
  CHECK(canonical("1E2") == "100");
  CHECK(canonical(".5") == "500m");
  CHECK(canonical("+1") == "1");
  for (const std::string_view wrong : {"", "abc", "1..2", "1Kii", "1ki", "--1", "1 Gi", "1e", "Gi", "1eK"}) {
    INFO(wrong);
    CHECK(canonical(wrong) == "none");
  }
}

TEST_CASE("Quantities compare, add and round exactly") {
  const auto q = [](std::string_view text) { return *Quantity::parse(text); };
  CHECK(compare(q("1Gi"), q("1024Mi")) == 0);
  CHECK(compare(q("1G"), q("1Gi")) < 0);
  CHECK(compare(q("100m"), q("0.1")) == 0);
  CHECK(compare(q("9223372036854775807"), q("9223372036854775806")) > 0);
  CHECK(add(q("100m"), q("0.2")).text() == "300m");
  CHECK(add(q("1Gi"), q("512Mi")).text() == "1536Mi");
  CHECK(q("1500m").units() == 2);
  CHECK(q("1500m").thousandths() == 1500);
  auto fine = q("1500u");
  fine.round_up(-3);
  CHECK(fine.text() == "2m");
}

TEST_CASE("Durations for humans round as kubectl does") {
  CHECK(human_duration(-2) == "<invalid>");
  CHECK(human_duration(-1) == "0s");
  CHECK(human_duration(119) == "119s");
  CHECK(human_duration(120) == "2m");
  CHECK(human_duration(185) == "3m5s");
  CHECK(human_duration(600) == "10m");
  CHECK(human_duration(3 * 3600 - 1) == "179m");
  CHECK(human_duration(3 * 3600) == "3h");
  CHECK(human_duration(3 * 3600 + 120) == "3h2m");
  CHECK(human_duration(8 * 3600) == "8h");
  CHECK(human_duration(48 * 3600) == "2d");
  CHECK(human_duration(49 * 3600) == "2d1h");
  CHECK(human_duration(8 * 86400) == "8d");
  CHECK(human_duration(2 * 365 * 86400LL) == "2y");
  CHECK(human_duration((2 * 365 + 3) * 86400LL) == "2y3d");
  CHECK(human_duration(9 * 365 * 86400LL) == "9y");
}

TEST_CASE("Durations are written as Go writes them") {
  CHECK(duration_text(5'400'000'000'000) == "1h30m0s");
  CHECK(duration_text(1'500'000'000) == "1.5s");
  CHECK(duration_text(*parse_duration("90m")) == "1h30m0s");
  CHECK(duration_text(*parse_duration("250ms")) == "250ms");
  CHECK_FALSE(parse_duration("5"));
  CHECK_FALSE(parse_duration("x"));
}

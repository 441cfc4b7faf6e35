#include <catch2/catch.hpp>
#include <limits>

#include <keelson/values.hpp>

using namespace keelson;

TEST_CASE("quantities are whole numbers and thousandths, rounded away from zero") {
  CHECK(Quantity("100m").milli_value() == 100);
  CHECK(Quantity("100m").value() == 1);
  CHECK(Quantity("1.5").milli_value() == 1500);
  CHECK(Quantity("2").milli_value() == 2000);
  CHECK(Quantity("128Mi").value() == 134217728);
  CHECK(Quantity("1.5Gi").value() == 1610612736);
  CHECK(Quantity("1k").value() == 1000);
  CHECK(Quantity("3e3").value() == 3000);
  CHECK(Quantity("1E").value() == 1'000'000'000'000'000'000);
  CHECK(Quantity("100n").milli_value() == 1);
  CHECK(Quantity("-1500m").value() == -2);
  CHECK(Quantity("8Ei").value() == std::numeric_limits<std::int64_t>::max());
  CHECK(Quantity("99999999999999999999999999999999999999999").value() == std::numeric_limits<std::int64_t>::max());
  for (const auto* wrong : {"", "abc", "1x", "1e", "m"}) CHECK(Quantity(wrong).value() == 0);
}

TEST_CASE("quantities made of numbers are canonical") {
  CHECK(Quantity::from_milli(250).text == "250m");
  CHECK(Quantity::from_milli(2000).text == "2");
  CHECK(Quantity::from_milli(0).text == "0");
  CHECK(Quantity::from_value(110).text == "110");
  CHECK(Quantity::from_value(5000).text == "5k");
  CHECK(Quantity::from_value(-1'000'000).text == "-1M");
}

TEST_CASE("percentages round up for surge and down for unavailable") {
  CHECK(IntOrString("25%").scaled(10, true) == 3);
  CHECK(IntOrString("25%").scaled(10, false) == 2);
  CHECK(IntOrString("100%").scaled(7, false) == 7);
  CHECK(IntOrString(4).scaled(10, true) == 4);
  CHECK(IntOrString("x").scaled(10, true) == 0);
  CHECK(IntOrString("5%x").scaled(10, true) == 0);
}

TEST_CASE("times are read with any offset and printed in UTC") {
  CHECK(to_text(Time(0)) == "1970-01-01T00:00:00Z");
  CHECK(parse_time("2026-01-02T03:04:05Z")->unix_s == 1767323045);
  CHECK(parse_time("2026-01-02T05:34:05.999+02:30")->unix_s == 1767323045);
  CHECK(to_text(*parse_time("2024-02-29T23:59:59Z")) == "2024-02-29T23:59:59Z");
  CHECK(to_text(*parse_time("1969-12-31T23:59:59Z")) == "1969-12-31T23:59:59Z");
  CHECK(parse_micro_time("2026-01-02T03:04:05.000007Z")->unix_us == 1767323045000007);
  CHECK(to_text(MicroTime(1767323045000007)) == "2026-01-02T03:04:05.000007Z");
  for (const auto* wrong : {"", "2026-01-02", "2026-13-02T03:04:05Z", "2026-02-30T03:04:05Z", "2026-01-02T25:04:05Z", "2026-01-02T03:04:05", "2026-01-02T03:04:05.Z", "2026-01-02T03:04:05Zx"}) {
    INFO(wrong);
    CHECK_FALSE(parse_time(wrong));
  }
}

TEST_CASE("durations are read and printed as Go does it") {
  CHECK(parse_duration("1h30m")->ns == 5'400'000'000'000);
  CHECK(parse_duration("1.5s")->ns == 1'500'000'000);
  CHECK(parse_duration("-250ms")->ns == -250'000'000);
  CHECK(parse_duration("0")->ns == 0);
  CHECK_FALSE(parse_duration("5"));
  CHECK_FALSE(parse_duration("5x"));
  CHECK_FALSE(parse_duration(""));
  CHECK(to_text(Duration{5'400'000'000'000}) == "1h30m0s");
  CHECK(to_text(Duration{1'500'000'000}) == "1.5s");
  CHECK(to_text(Duration{250'000'000}) == "250ms");
  CHECK(to_text(Duration{1500}) == "1.5\xc2\xb5s");
  CHECK(to_text(Duration{0}) == "0s");
}

// Texts about what cannot be read, as Go has them: rows of a Go 1.26 program that asked encoding/json and time.Parse.
#include <catch2/catch.hpp>

#include "core/kinds/json_syntax.hpp"
#include "core/kinds/time_fault.hpp"
#include "tests/unit/kinds/support.hpp"

using namespace keelson;
using namespace keelson::kinds;

namespace {

struct Row {
  std::string_view text, said;   ///< said: "" where Go takes it
};

constexpr Row kJson[] = {
    {"", "unexpected end of JSON input"},
    {"  ", "unexpected end of JSON input"},
    {"{", "unexpected end of JSON input"},
    {"[", "unexpected end of JSON input"},
    {"{]", "invalid character ']' looking for beginning of object key string"},
    {"{1", "invalid character '1' looking for beginning of object key string"},
    {"{\"a\"", "unexpected end of JSON input"},
    {"{\"a\" 1", "invalid character '1' after object key"},
    {"{\"a\":", "unexpected end of JSON input"},
    {"{\"a\":}", "invalid character '}' looking for beginning of value"},
    {"{\"a\":1", "unexpected end of JSON input"},
    {"{\"a\":1 2", "invalid character '2' after object key:value pair"},
    {"{\"a\":1,}", "invalid character '}' looking for beginning of object key string"},
    {"{\"a\":1,2", "invalid character '2' looking for beginning of object key string"},
    {"[1", "unexpected end of JSON input"},
    {"[1 2", "invalid character '2' after array element"},
    {"[1,]", "invalid character ']' looking for beginning of value"},
    {"{} x", "invalid character 'x' after top-level value"},
    {"{}{}", "invalid character '{' after top-level value"},
    {"tru", "invalid character ' ' in literal true (expecting 'e')"},
    {"trux", "invalid character 'x' in literal true (expecting 'e')"},
    {"nul", "invalid character ' ' in literal null (expecting 'l')"},
    {"nulx", "invalid character 'x' in literal null (expecting 'l')"},
    {"falze", "invalid character 'z' in literal false (expecting 's')"},
    {"\"abc", "unexpected end of JSON input"},
    {"\"a\012b\"", "invalid character '\\n' in string literal"},
    {"\"a\\x\"", "invalid character 'x' in string escape code"},
    {"\"\\u12g4\"", "invalid character 'g' in \\u hexadecimal character escape"},
    {"-", "invalid character ' ' in numeric literal"},
    {"-x", "invalid character 'x' in numeric literal"},
    {"01", "invalid character '1' after top-level value"},
    {"1.", "invalid character ' ' after decimal point in numeric literal"},
    {"1.x", "invalid character 'x' after decimal point in numeric literal"},
    {"1e", "invalid character ' ' in exponent of numeric literal"},
    {"1ex", "invalid character 'x' in exponent of numeric literal"},
    {"1e+", "invalid character ' ' in exponent of numeric literal"},
    {"1e+x", "invalid character 'x' in exponent of numeric literal"},
    {"x", "invalid character 'x' looking for beginning of value"},
    {"'a'", "invalid character '\\'' looking for beginning of value"},
    {"\303\251", "invalid character '\303\203' looking for beginning of value"},
    {"\001", "invalid character '\\x01' looking for beginning of value"},
    {"{'a':1}", "invalid character '\\'' looking for beginning of object key string"},
    {"NaN", "invalid character 'N' looking for beginning of value"},
    {"{\"a\":NaN}", "invalid character 'N' looking for beginning of value"},
    {"{\"a\":Infinity}", "invalid character 'I' looking for beginning of value"},
    {"{\"a\":+1}", "invalid character '+' looking for beginning of value"},
    {"{\"a\":.5}", "invalid character '.' looking for beginning of value"},
    {"\"\\", "invalid character ' ' in string escape code"},
    {"\"\\u", "invalid character ' ' in \\u hexadecimal character escape"},
    {"[\"a\",\"b\",]", "invalid character ']' looking for beginning of value"},
    {"{\"a\":[1,2,{\"b\":tru}]}", "invalid character '}' in literal true (expecting 'e')"},
    {"{,}", "invalid character ',' looking for beginning of object key string"},
    {"]", "invalid character ']' looking for beginning of value"},
    {"}", "invalid character '}' looking for beginning of value"},
    {"\"\\ud800\"", ""},
    {"{\"a\"::1}", "invalid character ':' looking for beginning of value"},
    {"{\"a\":1;}", "invalid character ';' after object key:value pair"},
    {"\"tab\011here\"", "invalid character '\\t' in string literal"},
    {"nan", "invalid character 'a' in literal null (expecting 'u')"},
    {"/*c*/{}", "invalid character '/' looking for beginning of value"},
    {"{\"a\":\"\177\"}x", "invalid character 'x' after top-level value"},
    {"\357\273\277{}", "invalid character '\303\257' looking for beginning of value"},
};
constexpr Row kTimes[] = {
    {"", "parsing time \"\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"2006\""},
    {"soon", "parsing time \"soon\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"soon\" as \"2006\""},
    {"2", "parsing time \"2\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"2\" as \"2006\""},
    {"202", "parsing time \"202\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"202\" as \"2006\""},
    {"2026", "parsing time \"2026\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"-\""},
    {"20260", "parsing time \"20260\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"0\" as \"-\""},
    {"2026-", "parsing time \"2026-\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"01\""},
    {"2026-1", "parsing time \"2026-1\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"1\" as \"01\""},
    {"2026-13-01T00:00:00Z", "parsing time \"2026-13-01T00:00:00Z\": month out of range"},
    {"2026-00-01T00:00:00Z", "parsing time \"2026-00-01T00:00:00Z\": month out of range"},
    {"2026-02-30T00:00:00Z", "parsing time \"2026-02-30T00:00:00Z\": day out of range"},
    {"2026-01-00T00:00:00Z", "parsing time \"2026-01-00T00:00:00Z\": day out of range"},
    {"2026-01-02", "parsing time \"2026-01-02\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"T\""},
    {"2026-01-02 03:04:05Z", "parsing time \"2026-01-02 03:04:05Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \" 03:04:05Z\" as \"T\""},
    {"2026-01-02T", "parsing time \"2026-01-02T\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"15\""},
    {"2026-01-02T3:04:05Z", ""},
    {"2026-01-02T24:00:00Z", "parsing time \"2026-01-02T24:00:00Z\": hour out of range"},
    {"2026-01-02T03:60:00Z", "parsing time \"2026-01-02T03:60:00Z\": minute out of range"},
    {"2026-01-02T03:4:00Z", "parsing time \"2026-01-02T03:4:00Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"4:00Z\" as \"04\""},
    {"2026-01-02T03:04:60Z", "parsing time \"2026-01-02T03:04:60Z\": second out of range"},
    {"2026-01-02T03:04:5Z", "parsing time \"2026-01-02T03:04:5Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"5Z\" as \"05\""},
    {"2026-01-02T03:04:05", "parsing time \"2026-01-02T03:04:05\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"Z07:00\""},
    {"2026-01-02T03:04:05.Z", "parsing time \"2026-01-02T03:04:05.Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \".Z\" as \"Z07:00\""},
    {"2026-01-02T03:04:05.5", "parsing time \"2026-01-02T03:04:05.5\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"\" as \"Z07:00\""},
    {"2026-01-02T03:04:05z", "parsing time \"2026-01-02T03:04:05z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"z\" as \"Z07:00\""},
    {"2026-01-02T03:04:05Zx", "parsing time \"2026-01-02T03:04:05Zx\": extra text: \"x\""},
    {"2026-01-02T03:04:05+0200", "parsing time \"2026-01-02T03:04:05+0200\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"+0200\" as \"Z07:00\""},
    {"2026-01-02T03:04:05+02:0", "parsing time \"2026-01-02T03:04:05+02:0\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"+02:0\" as \"Z07:00\""},
    {"2026-01-02T03:04:05+25:00", "parsing time \"2026-01-02T03:04:05+25:00\": time zone offset hour out of range"},
    {"2026-01-02T03:04:05+24:61", "parsing time \"2026-01-02T03:04:05+24:61\": time zone offset minute out of range"},
    {"2026-01-02T03:04:05*02:00", "parsing time \"2026-01-02T03:04:05*02:00\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"*02:00\" as \"Z07:00\""},
    {"2026-01-02t03:04:05Z", "parsing time \"2026-01-02t03:04:05Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"t03:04:05Z\" as \"T\""},
    {"20x6-01-02T03:04:05Z", "parsing time \"20x6-01-02T03:04:05Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"20x6-01-02T03:04:05Z\" as \"2006\""},
    {"x026-01-02T03:04:05Z", "parsing time \"x026-01-02T03:04:05Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"x026-01-02T03:04:05Z\" as \"2006\""},
    {"2026-1-02T03:04:05Z", "parsing time \"2026-1-02T03:04:05Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"1-02T03:04:05Z\" as \"01\""},
    {"2026-01-2T03:04:05Z", "parsing time \"2026-01-2T03:04:05Z\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"2T03:04:05Z\" as \"02\""},
    {"2026-01-02T03:04:05+ab:00", "parsing time \"2026-01-02T03:04:05+ab:00\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"+ab:00\" as \"Z07:00\""},
    {"20\"26", "parsing time \"20\\\"26\" as \"2006-01-02T15:04:05Z07:00\": cannot parse \"20\\\"26\" as \"2006\""},
    {"2026-01-02T03:04:05,5Z", ""},
    {"2026-01-32T00:00:00Z", "parsing time \"2026-01-32T00:00:00Z\": day out of range"},
    {"2025-02-29T00:00:00Z", "parsing time \"2025-02-29T00:00:00Z\": day out of range"},
    {"2026-01-02T03:04:05.1234567890123Z", ""},
};
constexpr Row kMicroTimes[] = {
    {"soon", "parsing time \"soon\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"soon\" as \"2006\""},
    {"2026-13-01T00:00:00Z", "parsing time \"2026-13-01T00:00:00Z\": month out of range"},
    {"2026-01-02T03:04:05", "parsing time \"2026-01-02T03:04:05\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"\" as \".000000\""},
    {"2026-01-02T03:04:05.5", "parsing time \"2026-01-02T03:04:05.5\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \".5\" as \".000000\""},
    {"2026-01-02T03:04:05+02:0", "parsing time \"2026-01-02T03:04:05+02:0\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"+02:0\" as \".000000\""},
    {"2026-01-02T03:04:05Z", "parsing time \"2026-01-02T03:04:05Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"Z\" as \".000000\""},
    {"2026-01-02T03:04:05.123Z", "parsing time \"2026-01-02T03:04:05.123Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \".123Z\" as \".000000\""},
    {"2026-01-02T03:04:05.1234567Z", "parsing time \"2026-01-02T03:04:05.1234567Z\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \"7Z\" as \"Z07:00\""},
    {"2026-01-02T03:04:05.12345xZ", "parsing time \"2026-01-02T03:04:05.12345xZ\" as \"2006-01-02T15:04:05.000000Z07:00\": cannot parse \".12345xZ\" as \".000000\""},
};

}  // namespace

TEST_CASE("what is no JSON is told as Go's scanner tells it") {
  for (const auto& [text, said] : kJson) {
    CAPTURE(text);
    CHECK(json_syntax_fault(text) == said);
  }
  const auto pod = builtin("v1", "Pod");
  CHECK(refusal(*pod, R"({"kind":"Pod","spec":{"containers":[,]}})") ==
        R"(the object provided is unrecognized (must be of type Pod): couldn't get version/kind; json parse error: invalid character ',' looking for beginning of value ({"kind":"Pod","spec":{"contain ...))");
}

TEST_CASE("what is no time is told as Go's parser tells it") {
  for (const auto& [text, said] : kTimes) {
    CAPTURE(text);
    CHECK(time_fault(text, false) == said);
  }
  for (const auto& [text, said] : kMicroTimes) {
    CAPTURE(text);
    CHECK(time_fault(text, true) == said);
  }
  const auto pod = builtin("v1", "Pod");
  CHECK(refusal(*pod, R"({"metadata":{"deletionTimestamp":"2026-02-30T00:00:00Z"}})") == R"(Pod in version "v1" cannot be handled as a Pod: parsing time "2026-02-30T00:00:00Z": day out of range)");
}

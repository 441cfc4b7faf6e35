// What formats let through: each text was asked of upstream's server (1.36.3).
#include "core/kinds/crd/schema_formats.hpp"
#include "support.hpp"

using namespace kinds_test;
using namespace keelson::kinds;

namespace {

struct Row {
  std::string format;
  std::vector<std::string> right, wrong;
};

const std::string kLabel(63, 'x');

const Row kRows[] = {
    {"date-time", {"2020-01-01T00:00:00Z", "2020-01-01t00:00:00z", "2020-01-01T00:00:00+01:00", "2020-01-01T00:00:00.123Z"}, {"2020-13-01T00:00:00Z", "2020-01-01T24:00:00Z", "2020-01-01T23:59:60Z", "2020-01-01T00:00:00", "2020-01-01", "", "2020-02-30T00:00:00Z"}},
    {"date", {"2020-01-01", "2020-02-29"}, {"2020-02-30", "2019-02-29", "2020-1-1", "2020-01-01 ", ""}},
    {"duration", {"1s", "1h30m", "10 ms", "5 days", "1d", "2 weeks", "1.5h", "-1s", "1 h 2 m", "1µs", "1 Sec", "1.5 days"}, {"", "1", "1 fortnight", "µs"}},
    {"ipv4", {"1.2.3.4", "01.2.3.4", "::ffff:1.2.3.4"}, {"1.2.3", "::1", "1.2.3.4.5", "256.1.1.1", ""}},
    {"ipv6", {"::1", "::ffff:1.2.3.4"}, {"1.2.3.4", "1:2", "::g", ""}},
    {"cidr", {"10.0.0.0/8", "10.0.0.1/8", "::/0"}, {"10.0.0.0", "10.0.0.0/33", "1.2.3.4/-1", ""}},
    {"mac", {"00:11:22:33:44:55", "00-11-22-33-44-55", "0011.2233.4455", "00:11:22:33:44:55:66:77"}, {"00:11:22:33:44", "00:11-22:33:44:55", "0:1:2:3:4:5", "00:11:22:33:44:55:66", ""}},
    {"uuid", {"6ba7b810-9dad-11d1-80b4-00c04fd430c8", "6BA7B8109DAD11D180B400C04FD430C8"}, {"x", "", "6ba7b810-9dad-11d1-80b4-00c04fd430c"}},
    {"uuid3", {"6ba7b810-9dad-31d1-80b4-00c04fd430c8"}, {"6ba7b810-9dad-11d1-80b4-00c04fd430c8"}},
    {"uuid4", {"6ba7b810-9dad-41d1-80b4-00c04fd430c8"}, {"6ba7b810-9dad-41d1-c0b4-00c04fd430c8"}},
    {"uri", {"http://a/b", "/a", "mailto:a@b", "//a", "a:b"}, {"http://a#f", "a", "", "http:// a", "http://a b", "http://[::1", "#x", "http://a/%zz"}},
    {"email", {"a@b", "a@b.c", "Name <a@b>", "\"q q\"@b", "<a@b>", "a@[1.2.3.4]", "a+b@c", "a@b (c)", "\"N, M\" <a@b>"}, {"a", "@b", "a@", "", "a b@c", "a..b@c", "a@b.", ".a@b", "x <a@b> y", "Name, <a@b>"}},
    {"hostname", {"a", "a-", "localhost", "a.com", "a-b.com", "1a.com", kLabel}, {"-a", "a..b", "", "a_b", "1.2.3.4", kLabel + "x"}},
    {"isbn", {"0321751043", "978-0321751041", "0-321-75104-3"}, {"1", "", "0321751044"}},
    {"isbn10", {"0321751043", "080442957X"}, {"978-0321751041"}},
    {"isbn13", {"978-0321751041", "9780321751041"}, {"0321751043"}},
    {"creditcard", {"4111-1111-1111-1111", "5555555555554444"}, {"4111111111111112", "x", ""}},
    {"ssn", {"111-11-1111", "111 11 1111"}, {"111111111", "11-11-1111", ""}},
    {"hexcolor", {"#FFF", "#FFFFFF", "FFF"}, {"#FFFF", "", "red"}},
    {"rgbcolor", {"rgb(1,2,3)", "rgb( 1 ,2,3)"}, {"rgb(256,1,1)", "rgb(1,2)", "RGB(1,2,3)"}},
    {"byte", {"aGk=", "YQ=="}, {"aGk", "", "a Gk="}},
    {"password", {"", "x"}, {}},
    {"bsonobjectid", {"507f1f77bcf86cd799439011"}, {"507f1f77bcf86cd79943901", "x", ""}},
    {"k8s-short-name", {"a"}, {"A", "a.b", "", "-a", kLabel + "x"}},
    {"k8s-long-name", {"a.b"}, {"A.b", "", "a..b"}},
};

}  // namespace

TEST_CASE("formats of texts let through what upstream lets through") {
  for (const auto& row : kRows) {
    const auto check = format_check(row.format);
    REQUIRE(check != nullptr);
    for (const auto& text : row.right) CHECK((check(text) ? "" : row.format + " refuses " + text) == "");
    for (const auto& text : row.wrong) CHECK((check(text) ? row.format + " takes " + text : "") == "");
  }
  for (const std::string unknown : {"", "nothing", "int32", "quantity"}) CHECK(format_check(unknown) == nullptr);
}

TEST_CASE("a text that is not of its format is of the wrong type, a number beyond its format is told of") {
  CHECK(violations("{'type':'object','properties':{'at':{'type':'string','format':'date-time'}}}", "{'at':'2020-13-01'}") == "spec.at: Invalid value: '2020-13-01': spec.at in body must be of type date-time: '2020-13-01'");
  CHECK(violations("{'type':'object','properties':{'at':{'type':'string','format':'nothing'}}}", "{'at':'x'}") == "");
  const auto whole = "{'type':'object','properties':{'n':{'type':'integer','format':'int32'}}}";
  CHECK(violations(whole, "{'n':2147483647}") == "");
  CHECK(violations(whole, "{'n':2147483648}") == "<nil>: Invalid value: '': Checked value must be of type integer with format int32 in spec.n");
}

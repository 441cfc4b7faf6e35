#include "tests/unit/cel/harness.hpp"

using keelson::cel::testing::run;

namespace {

constexpr const char* kSelf = R"({"name": "web", "count": 3, "ratio": 1.5, "tags": ["a", "b"], "labels": {"app": "web", "x-y": "1"}, "none": null})";

struct Row {
  const char* expression;
  const char* result;
};

void check(std::initializer_list<Row> rows) {
  for (const auto& row : rows) {
    INFO(row.expression);
    CHECK(run(row.expression, kSelf).text == row.result);
  }
}

}  // namespace

TEST_CASE("literals are what they say") {
  check({{"-7", "-7"}, {"0x1F", "31"}, {"7u", "7"}, {"--7", "7"}, {"'a\\u00e9\\n'", "\"a\xc3\xa9\\n\""}, {"r'\\d'", "\"\\\\d\""},
         {"'''x\ny'''", "\"x\\ny\""}, {"b'\\xff' == bytes('a')", "false"}, {"[1, 2,]", "[1,2]"}, {"{'a': null}", "{\"a\":null}"}, {"true && !false", "true"}});
}

TEST_CASE("arithmetic refuses what does not fit") {
  check({{"7 / 2", "3"}, {"-7 % 3", "-1"}, {"self.count / 0", "error: division by zero"}, {"self.count % 0", "error: modulus by zero"},
         {"9223372036854775807 + self.count", "error: integer overflow"}, {"-9223372036854775808 - self.count", "error: integer overflow"},
         {"0u - 1u", "error: unsigned integer overflow"}, {"int(1e30)", "instantiate: integer overflow"}, {"self.ratio * 2.0 == 3.0", "true"},
         {"self.name + self.count", "error: no such overload"}, {"uint('-1')", "instantiate: type conversion error from 'string' to 'uint'"}});
}

TEST_CASE("numbers of different types compare by value") {
  check({{"1 < 1.5", "true"}, {"dyn(1u) == 1", "true"}, {"dyn(2) == 2.0", "true"}, {"9007199254740993 == dyn(9007199254740992.0)", "true"},
         {"dyn('1') == 1", "false"}, {"double('NaN') == double('NaN')", "false"}});
}

TEST_CASE("fields and items that are not there are errors, has() and '?' are not") {
  check({{"self.missing", "error: no such key: missing"}, {"self.tags[5]", "error: index out of bounds: 5"}, {"self.tags['a']", "error: unsupported index type 'string' in list"},
         {"has(self.missing)", "false"}, {"has(self.none)", "true"}, {"self.?missing.orValue('-')", "\"-\""}, {"self.tags[?1].value()", "\"b\""},
         {"self.?labels.?app.optMap(v, v + '!').orValue('')", "\"web!\""}, {"optional.none().value()", "error: optional.none() dereference"},
         {"[?self.?missing, ?self.?name]", "[\"web\"]"}, {"self.labels['x-y']", "\"1\""}, {"self.name.first", "error: no such key: first"}});
}

TEST_CASE("logic absorbs errors that do not matter") {
  check({{"self.missing || true", "true"}, {"true || self.missing", "true"}, {"self.missing && false", "false"}, {"self.missing && true", "error: no such key: missing"},
         {"[1, 0].exists(x, 1 / x == 1)", "true"}, {"[0, 1].exists(x, 1 / x == 1)", "true"}, {"[0, 1].all(x, 1 / x == 7)", "false"},
         {"[0, 1].all(x, 1 / x == 1)", "error: division by zero"}, {"[1, 0].exists_one(x, 1 / x == 1)", "error: division by zero"},
         {"self.name ? 1 : 2", "error: no such overload"}, {"self.count > 2 ? 'many' : self.missing", "\"many\""}});
}

TEST_CASE("macros walk over lists and maps") {
  check({{"self.tags.map(t, t + t)", "[\"aa\",\"bb\"]"}, {"[1, 2, 3].map(x, x > 1, x * x)", "[4,9]"}, {"[1, 2, 3].filter(x, x % 2 == 1)", "[1,3]"},
         {"self.labels.all(k, k.size() < 4)", "true"}, {"[5, 6].all(i, v, v == i + 5)", "true"}, {"{'a': 1}.transformMap(k, v, v + 1)", "{\"a\":2}"},
         {"['x', 'y'].transformMapEntry(i, v, {v: i})", "{\"x\":0,\"y\":1}"}, {"['x', 'x'].transformMapEntry(i, v, {v: i})", "error: insert failed: key x already exists"},
         {"[1, 2].transformList(i, v, i > 0, v * 10)", "[20]"}, {"[3, 1, 2].sortBy(x, -x)", "[3,2,1]"}, {"[[1]].map(x, x.map(x, x + 1))", "[[2]]"}});
}

TEST_CASE("strings are counted in characters") {
  check({{"'h\xc3\xa9llo'.size()", "5"}, {"'h\xc3\xa9llo'.charAt(1)", "\"\xc3\xa9\""}, {"'h\xc3\xa9llo'.substring(1, 3)", "\"\xc3\xa9l\""},
         {"'abc'.substring(2, 1)", "error: invalid substring range. start: 2, end: 1"}, {"'abcabc'.indexOf('c', 3)", "5"}, {"'abcabc'.lastIndexOf('a')", "3"},
         {"'a,b,c'.split(',', 2)", "[\"a\",\"b,c\"]"}, {"'aXbX'.replace('X', '-', 1)", "\"a-bX\""}, {"'ab'.replace('', '-')", "\"-a-b-\""}, {"' x\\t'.trim()", "\"x\""},
         {"['a', 'b'].join('/')", "\"a/b\""}, {"'%s: %d, %.2f, %x %s'.format(['n', 3, 1.255, 255, [1, 2]])", "\"n: 3, 1.25, ff [1, 2]\""},
         {"strings.quote('a\"b')", "\"\\\"a\\\\\\\"b\\\"\""}, {"'abc'.matches('^a.c$')", "true"}, {"'a1b22'.findAll('[0-9]+')", "[\"1\",\"22\"]"}, {"'abc'.find('z')", "\"\""}});
}

TEST_CASE("lists and sets have their functions") {
  check({{"[1, 2, 3].sum()", "6"}, {"[2, 1].min()", "1"}, {"[1, 2].isSorted()", "true"}, {"[1, 2, 1].lastIndexOf(1)", "2"}, {"[1, 2, 1].distinct()", "[1,2]"},
         {"[[1], [2, [3]]].flatten()", "compile: ERROR: <input>:1:7: expected type 'list(int)' but found 'list(dyn)'\n | [[1], [2, [3]]].flatten()\n | ......^\nERROR: <input>:1:11: expected type 'int' but found 'list(int)'\n | [[1], [2, [3]]].flatten()\n | ..........^"},
         {"[[1], [2]].flatten()", "[1,2]"}, {"lists.range(3)", "[0,1,2]"}, {"[1, 2, 3].slice(1, 5)", "error: cannot slice(1, 5), list is length 3"},
         {"[1, 2].reverse()", "[2,1]"}, {"sets.contains([1, 2], [2])", "true"}, {"sets.equivalent([1, 2], [2, 1, 1])", "true"}, {"sets.intersects([1], [2])", "false"},
         {"[1, 2].first().value()", "1"}, {"[].last().hasValue()", "false"}});
}

TEST_CASE("times and durations") {
  check({{"duration('1h30m').getMinutes()", "90"}, {"string(duration('90s'))", "\"90s\""}, {"timestamp('2024-02-29T12:30:00Z').getDayOfYear()", "59"},
         {"timestamp('2024-02-29T23:30:00Z').getDate('+01:00')", "1"}, {"timestamp('2024-03-01T00:00:00Z') - timestamp('2024-02-29T00:00:00Z') == duration('24h')", "true"},
         {"string(timestamp('2024-01-01T00:00:00.5Z') + duration('1s'))", "\"2024-01-01T00:00:01.5Z\""}, {"int(timestamp('1970-01-02T00:00:00Z'))", "86400"},
         {"timestamp('9999-12-31T23:59:59Z') + duration('1s')", "error: timestamp overflow"}});
}

TEST_CASE("addresses, URLs, quantities and versions") {
  check({{"ip('::1').isLoopback()", "true"}, {"string(ip('2001:DB8::0001'))", "\"2001:db8::1\""}, {"ip.isCanonical('2001:DB8::1')", "false"}, {"isIP('1.2.3')", "false"},
         {"ip('1.2.3')", "error: IP Address \"1.2.3\" parse error during conversion from string: ParseAddr(\"1.2.3\"): IPv4 address too short"},
         {"cidr('10.0.0.0/8').containsIP('10.1.2.3')", "true"}, {"cidr('10.0.0.0/8').containsCIDR(cidr('10.2.0.0/16'))", "true"}, {"string(cidr('10.1.2.3/8').masked())", "\"10.0.0.0/8\""},
         {"url('https://u@example.com:80/a%20b?k=1&k=2').getHost()", "\"example.com:80\""}, {"url('https://example.com/a b').getEscapedPath()", "\"/a%20b\""},
         {"url('https://[::1]:80/x?k=1&k=2').getQuery()", "{\"k\":[\"1\",\"2\"]}"}, {"isURL('no url')", "false"}, {"quantity('1Gi').compareTo(quantity('1G'))", "1"},
         {"quantity('1k').add(5).asInteger()", "1005"}, {"quantity('1.5').isInteger()", "false"}, {"sign(quantity('-1'))", "-1"}, {"isQuantity('1 Gi')", "false"},
         {"semver('1.2.3-rc.1').isLessThan(semver('1.2.3'))", "true"}, {"semver('v1.02', true).minor()", "2"}, {"semver('1.2')", "error: No Major.Minor.Patch elements found"},
         {"format.dns1123Label().validate('a-b').hasValue()", "false"}, {"format.named('uuid').value().validate('x').value()", "[\"does not match the UUID format\"]"}});
}

TEST_CASE("type() names types") {
  check({{"type(1) == int", "true"}, {"type(self.tags) == list", "true"}, {"type(type(1)) == type", "true"},
         {"type(timestamp('2024-01-01T00:00:00Z')) == google.protobuf.Timestamp", "true"}, {"type(ip('::1')) == net.IP", "true"}, {"dyn(null) == null", "true"}});
}

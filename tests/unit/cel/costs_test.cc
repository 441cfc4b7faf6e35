#include "core/cel/authorizer.hpp"
#include "tests/unit/cel/harness.hpp"

using namespace keelson::cel;
using keelson::cel::testing::run;

namespace {

constexpr const char* kSchema = R"({"type": "object", "required": ["name"], "properties": {
  "name": {"type": "string", "maxLength": 10}, "count": {"type": "integer"}, "ratio": {"type": "number"}, "when": {"type": "string", "format": "date-time"},
  "data": {"type": "string", "format": "byte"}, "port": {"x-kubernetes-int-or-string": true}, "namespace": {"type": "string"}, "x-y.z": {"type": "integer"},
  "names": {"type": "array", "maxItems": 5, "items": {"type": "string", "maxLength": 3}},
  "all": {"type": "array", "items": {"type": "object", "required": ["key"], "properties": {"key": {"type": "string"}}}},
  "labels": {"type": "object", "maxProperties": 4, "additionalProperties": {"type": "string", "maxLength": 2}},
  "set": {"type": "array", "x-kubernetes-list-type": "set", "items": {"type": "integer"}},
  "keyed": {"type": "array", "x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["k"], "items": {"type": "object", "required": ["k"],
    "properties": {"k": {"type": "string"}, "v": {"type": "integer"}}}}}})";

std::string typed(const std::string& expression, const std::string& self, const std::string& old = "") { return run(expression, self, kSchema, old).text; }

}  // namespace

TEST_CASE("a schema decides what JSON is") {
  CHECK(typed("type(self.ratio) == double && self.ratio == 2.0", R"({"ratio": 2})") == "true");
  CHECK(typed("self.when.getFullYear()", R"({"when": "2024-05-06T07:08:09Z"})") == "2024");
  CHECK(typed("self.data == b'hi'", R"({"data": "aGk="})") == "true");
  CHECK(typed("type(self.port) == int ? self.port : 0", R"({"port": 80})") == "80");
  CHECK(typed("self.__namespace__ + string(self.x__dash__y__dot__z)", R"({"namespace": "ns", "x-y.z": 7})") == "\"ns7\"");
  CHECK(typed("self.kind + self.metadata.name", R"({"kind": "Web", "metadata": {"name": "a"}})") == "\"Weba\"");
  CHECK(typed("self.count", R"({"count": "x"})") == "error: invalid data, expected int, got string");
  CHECK(typed("self.nothing", "{}") == "compile: ERROR: <input>:1:5: undefined field 'nothing'\n | self.nothing\n | ....^");
  CHECK(typed("self.count == 'x'", "{}").rfind("compile: ERROR: <input>:1:12: found no matching overload for '_==_' applied to '(int, string)'", 0) == 0);
}

TEST_CASE("sets and keyed lists compare without order and merge") {
  CHECK(typed("self.set == oldSelf.set", R"({"set": [1, 2]})", R"({"set": [2, 1]})") == "true");
  CHECK(typed("self.set + oldSelf.set", R"({"set": [1, 2]})", R"({"set": [3, 1]})") == "[1,2,3]");
  CHECK(typed("self.keyed == oldSelf.keyed", R"({"keyed": [{"k": "a", "v": 1}, {"k": "b", "v": 2}]})", R"({"keyed": [{"k": "b", "v": 2}, {"k": "a", "v": 1}]})") == "true");
  CHECK(typed("(self.keyed + oldSelf.keyed).map(e, e.v)", R"({"keyed": [{"k": "a", "v": 1}, {"k": "b", "v": 2}]})", R"({"keyed": [{"k": "c", "v": 3}, {"k": "a", "v": 9}]})") == "[9,2,3]");
}

TEST_CASE("estimates follow the sizes that a schema allows") {
  struct Row {
    const char* expression;
    CostRange cost;
  };
  for (const auto& row : std::initializer_list<Row>{
           {"self.count < 10", {3, 3}}, {"self.name == 'a'", {3, 3}}, {"self.name.size() > 3", {4, 4}}, {"self.name.contains('ab')", {2, 6}},
           {"self.name.matches('a+')", {3, 7}}, {"self.names.all(n, n == 'x')", {3, 28}}, {"self.names.exists(n, self.names.exists(m, n != m))", {3, 238}},
           {"self.labels.all(k, self.labels[k] == 'x')", {3, 35}}, {"self.all.all(x, x.key.startsWith('a'))", {3, 1572861}},
           {"has(self.name) ? self.name + 'x' : ''", {1, 8}}, {"self.names.join(',').size() > 3", {4, 11}}, {"[1, 2, 3].sum() == 6", {14, 14}},
           {"self.count in [1, 2]", {14, 14}}, {"(has(self.names) ? self.names : []).exists(k, k.contains('/'))", {4, 37}}, {"(true ? self : self).name.contains('ab')", {2, 2}}}) {
    INFO(row.expression);
    const auto found = run(row.expression, "{}", kSchema).estimate;
    CHECK(found.min == row.cost.min);
    CHECK(found.max == row.cost.max);
  }
}

TEST_CASE("what is charged is what was done") {
  const std::string self = R"({"name": "webserver", "names": ["a", "b", "c"], "count": 2})";
  struct Row {
    const char* expression;
    std::uint64_t cost;
  };
  for (const auto& row : std::initializer_list<Row>{
           {"true", 0}, {"self.count", 2}, {"self.count == 2", 3}, {"has(self.count)", 1}, {"self.name.contains('serv')", 3}, {"self.name.startsWith('w')", 3},
           {"self.names.all(n, n != 'z')", 18}, {"self.names.map(n, n + n)", 48}, {"self.count > 1 ? self.name : 'x'", 4}, {"self.count in [1, 2, 3]", 2},
           {"[self.count]", 12}, {"{'a': self.count}", 32}, {"self.names[0]", 3}, {"self.names.size()", 3}, {"false && self.count == 2", 0}, {"self.?zone.orValue('x')", 1}}) {
    INFO(row.expression);
    CHECK(run(row.expression, self).cost == row.cost);
  }
}

TEST_CASE("an evaluation ends when it costs too much or is cancelled") {
  Environment environment;
  const auto compiled = compile(environment, "lists.range(1000).all(x, lists.range(1000).all(y, x * y >= 0))");
  REQUIRE(compiled.program != nullptr);
  Arena arena;
  const auto result = compiled.program->run({}, arena);
  CHECK(result.exceeded);
  CHECK(result.error == "operation cancelled: actual cost limit exceeded");
  CHECK(result.cost <= kCallCostMax + 2000);
  const std::function<bool()> now = [] { return true; };
  Arena other;
  const auto stopped = compiled.program->run({}, other, {.cost_max = kRuleCostBudget, .cancelled = &now});
  CHECK(stopped.cancelled);
  CHECK(stopped.error == "operation interrupted");
}

TEST_CASE("an authorizer is asked with all that the expression named") {
  class Asked final : public Authorizer {
   public:
    AccessAnswer check(const AccessQuery& query) const override {
      seen = std::string(query.group) + '/' + std::string(query.resource) + '/' + std::string(query.ns) + '/' + std::string(query.verb);
      return {query.verb == "get", "because", ""};
    }
    mutable std::string seen;
  } asked;
  Environment environment;
  environment.with("authorizer", std::string(kAuthorizerType));
  const auto compiled = compile(environment, "authorizer.group('apps').resource('deployments').namespace('a').check('get').allowed()");
  REQUIRE(compiled.program != nullptr);
  Arena arena;
  const auto value = make_authorizer(asked, arena);
  const Binding bindings[] = {{nullptr, &value}};
  const auto result = compiled.program->run(bindings, arena);
  CHECK(result.value.is(true));
  CHECK(asked.seen == "apps/deployments/a/get");
  CHECK(result.cost == 350'005);
}

TEST_CASE("mutating policies construct objects and patches") {
  Environment environment;
  environment.objects = true;
  const auto compiled = compile(environment, "[JSONPatch{op: 'add', path: '/metadata/labels/' + jsonpatch.escapeKey('a/b'), value: Object{spec: Object.spec{n: 1}}}]");
  INFO(compiled.error);
  REQUIRE(compiled.program != nullptr);
  Arena arena;
  const auto result = compiled.program->run({}, arena);
  boost::json::value json;
  REQUIRE(to_json(result.value, json, arena));
  CHECK(boost::json::serialize(json) == R"([{"op":"add","path":"/metadata/labels/a~1b","value":{"spec":{"n":1}}}])");
  CHECK(compile(environment, "JSONPatch{nothing: 1}").error.find("undefined field 'nothing'") != std::string::npos);
}

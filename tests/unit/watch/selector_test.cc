#include <catch2/catch.hpp>

#include "core/watch/selector.hpp"

using namespace keelson;
using watch::parse_selector;

namespace {

kinds::Kind pods() {
  kinds::Kind kind;
  kind.version = "v1";
  kind.resource = "pods";
  kind.kind = "Pod";
  kind.storage_key = base::Atom("pods");
  kind.selectable_fields = {"spec.nodeName", "status.phase"};
  kind.field_aliases = {{"spec.host", "spec.nodeName"}};
  return kind;
}

kinds::Kind configmaps() {
  kinds::Kind kind;
  kind.version = "v1";
  kind.resource = "configmaps";
  kind.storage_key = base::Atom("configmaps");
  return kind;
}

store::ObjectRef pod(std::vector<std::pair<std::string, std::string>> labels, std::string node = "", std::string phase = "Pending") {
  store::Columns columns;
  columns.key = {base::Atom("pods"), "default", "web"};
  for (auto& [key, value] : labels) columns.labels.emplace_back(base::Atom(key), value);
  std::sort(columns.labels.begin(), columns.labels.end());
  columns.fields = {std::move(node), std::move(phase)};
  const std::string head = R"({"metadata":{"resourceVersion":")";
  return store::Draft(std::move(columns), head + std::string(store::kRevisionSlotBytes, ' ') + "}}", head.size()).freeze(1);
}

bool selects(std::string_view labels, const store::ObjectRef& object) {
  auto selector = parse_selector(pods(), labels, "");
  REQUIRE(selector.has_value());
  return selector->matches(*object);
}

bool selects_field(std::string_view fields, const store::ObjectRef& object) {
  auto selector = parse_selector(pods(), "", fields);
  REQUIRE(selector.has_value());
  return selector->matches(*object);
}

std::string refusal(std::string_view labels, std::string_view fields = "", const kinds::Kind& kind = pods()) {
  auto selector = parse_selector(kind, labels, fields);
  REQUIRE_FALSE(selector.has_value());
  CHECK(selector.error().code == 400);
  CHECK(selector.error().reason == "BadRequest");
  return selector.error().message;
}

}  // namespace

TEST_CASE("an empty selector matches all") {
  auto selector = parse_selector(pods(), "", "");
  REQUIRE(selector.has_value());
  CHECK(selector->empty());
  CHECK(selector->matches(*pod({})));
}

TEST_CASE("every operator of a label selector means what upstream means") {
  const auto web = pod({{"app", "web"}, {"tier", "front"}, {"rank", "7"}});
  CHECK(selects("app=web", web));
  CHECK(selects("app==web,tier=front", web));
  CHECK_FALSE(selects("app=db", web));
  CHECK(selects("app in (db, web)", web));
  CHECK_FALSE(selects("app in (db)", web));
  CHECK(selects("app", web));
  CHECK(selects("!gone", web));
  CHECK_FALSE(selects("!app", web));
  CHECK(selects("rank>6,rank<8", web));
  CHECK_FALSE(selects("rank>7", web));
  CHECK_FALSE(selects("app>1", web));
  CHECK(selects("in=x", pod({{"in", "x"}})));
}

TEST_CASE("!= and notin match an object without the label") {
  CHECK(selects("app!=web", pod({})));
  CHECK(selects("app notin (web,db)", pod({})));
  CHECK_FALSE(selects("app!=web", pod({{"app", "web"}})));
}

TEST_CASE("a missing value is the empty value") {
  CHECK(selects("app=", pod({{"app", ""}})));
  CHECK_FALSE(selects("app=", pod({})));
  CHECK(selects("app in (,)", pod({{"app", ""}})));
  CHECK(selects("app in ()", pod({{"app", ""}})));
  CHECK_FALSE(selects("app in ()", pod({{"app", "web"}})));
}

TEST_CASE("field selectors compare columns, name and namespace, and follow aliases") {
  const auto bound = pod({}, "n1", "Running");
  CHECK(selects_field("spec.nodeName=n1,status.phase!=Pending", bound));
  CHECK(selects_field("spec.host=n1", bound));
  CHECK(selects_field("metadata.name=web,metadata.namespace=default", bound));
  CHECK_FALSE(selects_field("metadata.name!=web", bound));
  CHECK(selects_field("spec.nodeName=", pod({})));
}

TEST_CASE("a broken label selector is refused with upstream's words") {
  CHECK(refusal("a=b=c") == "found '=', expected: ',' or 'end of string'");
  CHECK(refusal("x=,y z") == "unable to parse requirement: found 'z', expected: in, notin, =, ==, !=, gt, lt");
  CHECK(refusal("a,") == "found '', expected: identifier after ','");
  CHECK(refusal(",a") == "found ',', expected: !, identifier, or 'end of string'");
  CHECK(refusal("a in b") == "unable to parse requirement: found 'b' expected: '('");
  CHECK(refusal("a in (b") == "unable to parse requirement: found '', expected: ',' or ')'");
  CHECK(refusal("a>x") == "unable to parse requirement: values[0]: Invalid value: \"x\": for 'Gt', 'Lt' operators, the value must be an integer");
  CHECK(refusal("a=-").find("unable to parse requirement: values[0][a]: Invalid value: \"-\": a valid label must be an empty string or consist of") == 0);
  CHECK(refusal("-a=b").find("unable to parse requirement: <nil>: Invalid value: \"-a\": name part must consist of alphanumeric characters") == 0);
  CHECK(refusal("(").find("found '(', expected: !, identifier, or 'end of string'") == 0);
  CHECK(refusal("!") == "unable to parse requirement: found '', expected: identifier");
}

TEST_CASE("a field that is not selectable is refused in the words for its kind") {
  CHECK(refusal("", "spec.x=1") == "field label not supported: spec.x");
  CHECK(refusal("", "data=1", configmaps()) == "\"data\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"");
  CHECK(refusal("", "nothing") == "invalid selector: 'nothing'; can't understand 'nothing'");
  CHECK(refusal("", "metadata.name=a=b") == "invalid field selector: unescaped character in value: 61");
  CHECK(refusal("", "metadata.name=a\\b") == "invalid field selector: invalid escape sequence: \\b");
}

TEST_CASE("equal selectors have one canonical form and others do not share it") {
  const auto canonical = [](std::string_view labels, std::string_view fields = "") { return parse_selector(pods(), labels, fields)->canonical(); };
  CHECK(canonical("a=1,b=2") == canonical("b=2, a==1"));
  CHECK(canonical("a in (x,y)") == canonical("a in (y,x,x)"));
  CHECK(canonical("a=1") != canonical("a!=1"));
  CHECK(canonical("a") != canonical("!a"));
  CHECK(canonical("", "spec.nodeName=a") != canonical("", "status.phase=a"));
}

TEST_CASE("a fixed name is known") {
  CHECK(*parse_selector(pods(), "", "metadata.name=web")->fixed_name() == "web");
  CHECK(parse_selector(pods(), "", "metadata.name!=web")->fixed_name() == nullptr);
}

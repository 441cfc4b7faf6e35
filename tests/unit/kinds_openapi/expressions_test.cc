// x-kubernetes-validations: told when the definition is made, and of values.
#include <algorithm>

#include "core/kinds/crd/schema_rules.hpp"
#include "support.hpp"

using namespace kinds_test;
using namespace keelson::kinds;

namespace {

const std::string kRules = "spec.validation.openAPIV3Schema.properties[spec].x-kubernetes-validations";

std::string refused(std::string_view rules, std::string_view fields = "'n':{'type':'integer'},'s':{'type':'string'}") {
  return crd_refusal(crontab_crd("{'type':'object','properties':{" + std::string(fields) + "},'x-kubernetes-validations':" + std::string(rules) + "}"));
}

/// What is said of `spec`, with `old` stored before it unless that is empty.
std::string said(std::string_view schema, std::string_view spec, std::string_view old = "") {
  const auto kinds = kinds_from_crd(crontab_crd(schema));
  REQUIRE(kinds.has_value());
  std::vector<keelson::base::Cause> causes;
  const auto value = js("{'spec':" + std::string(spec) + "}");
  const auto before = old.empty() ? json::value() : js("{'spec':" + std::string(old) + "}");
  validate_rules(*kinds->front().type, value, "", causes, old.empty() ? nullptr : &before);
  std::string text;
  for (const auto& cause : causes) text += (text.empty() ? "" : "\n") + cause.field + ": " + cause.message;
  std::replace(text.begin(), text.end(), '"', '\'');
  return text;
}

std::string rule(std::string_view text, std::string_view more = "") { return "[{'rule':'" + std::string(text) + "'" + std::string(more) + "}]"; }
std::string object(std::string_view fields, const std::string& rules) { return "{'type':'object','properties':{" + std::string(fields) + "},'x-kubernetes-validations':" + rules + "}"; }

}  // namespace

TEST_CASE("a rule that does not compile is told when the definition is made") {
  CHECK(refused(rule("self.x > 1")) == kRules + R"([0].rule: Invalid value: {"Rule":"self.x \u003e 1","Message":"","MessageExpression":"","Reason":null,"FieldPath":"","OptionalOldSelf":null}: compilation failed: ERROR: <input>:1:5: undefined field 'x')" "\n | self.x > 1\n | ....^");
  CHECK(refused(rule("self.n >")).find("[0].rule: Invalid value: {\"Rule\":\"self.n \\u003e\"") != std::string::npos);
  CHECK(refused(rule("self.n >")).find("Syntax error") != std::string::npos);
  CHECK(refused(rule("self.n")).ends_with("cel expression must evaluate to a bool"));
  CHECK(refused(rule("self.n > 0", ",'messageExpression':'self.n'")).ends_with("messageExpression must evaluate to a string"));
  CHECK(refused(rule("true", ",'optionalOldSelf':true")) == kRules + "[0].optionalOldSelf: Invalid value: true: may not be set if oldSelf is not used in rule");
}

TEST_CASE("the texts of a rule have to be usable") {
  CHECK(refused(rule("")) == kRules + "[0].rule: Required value: rule is not specified");
  CHECK(refused(rule("true", ",'message':' '")) == kRules + "[0].message: Invalid value: \" \": must be non-empty if specified");
  CHECK(refused(rule("true", ",'message':'a\\nb'")) == kRules + "[0].message: Invalid value: \"a\\nb\": must not contain line breaks");
  CHECK(refused(rule("true\\n")) == "accepted");
  CHECK(refused(rule("true &&\\ntrue")) == kRules + "[0].message: Required value: message must be specified if rule contains line breaks");
  CHECK(refused(rule("true", ",'messageExpression':' '")) == kRules + "[0].messageExpression: Required value: messageExpression must be non-empty if specified");
  CHECK(refused(rule("true", ",'reason':'Because'")) ==
        kRules + R"([0].reason: Unsupported value: "Because": supported values: "FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired")");
  CHECK(refused(rule("true", ",'fieldPath':'.x'")) == kRules + "[0].fieldPath: Invalid value: \".x\": must be a valid path");
  CHECK(refused(rule("true", ",'fieldPath':'.n'")) == "accepted");
}

TEST_CASE("what rules may cost is limited, each and together") {
  const std::string lists = "'l':{'type':'array','items':{'type':'string'}}";
  CHECK(refused(rule("self.l.all(x, self.l.all(y, x != y))"), lists).starts_with(kRules + "[0].rule: Forbidden: estimated rule cost exceeds budget by factor of more than 100x (try simplifying the rule"));
  CHECK(refused(rule("self.l.all(x, x.startsWith(x))"), "'l':{'type':'array','maxItems':100,'items':{'type':'string','maxLength':100}}") == "accepted");
  // Cheap once, dear for each of many elements: what stands above multiplies.
  const auto below = [](int most) {
    return crd_refusal(crontab_crd("{'type':'array','maxItems':" + std::to_string(most) + ",'items':{'type':'object','properties':{'s':{'type':'string','maxLength':1000}},'x-kubernetes-validations':[{'rule':'self.s.contains(self.s)'}]}}"));
  };
  CHECK(below(10) == "accepted");
  CHECK(below(100000).find("items.x-kubernetes-validations[0].rule: Forbidden: estimated rule cost exceeds budget by factor of") != std::string::npos);
  std::string many = "[";
  for (int i = 0; i < 40; ++i) many += std::string(i ? "," : "") + "{'rule':'self.l.all(x, x.startsWith(x))'}";
  const auto all = refused(many + "]", "'l':{'type':'array','maxItems':3000,'items':{'type':'string','maxLength':5000}}");
  CHECK(all.find(kRules + "[0].rule: Forbidden: contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema") != std::string::npos);
  CHECK(all.find("spec.validation.openAPIV3Schema: Forbidden: x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema exceeds budget by factor of") != std::string::npos);
}

TEST_CASE("a broken rule is told with its reason, its path and its message") {
  const auto with = [](std::string_view more) { return object("'n':{'type':'integer'},'m':{'type':'object','properties':{'a.b':{'type':'string'}}}", rule("self.n > 1", more)); };
  CHECK(said(with(""), "{'n':1}") == "spec: Invalid value: failed rule: self.n > 1");
  CHECK(said(with(",'message':'too small'"), "{'n':1}") == "spec: Invalid value: too small");
  CHECK(said(with(",'messageExpression':'string(self.n)'"), "{'n':1}") == "spec: Invalid value: 1");
  CHECK(said(with(",'fieldPath':'.n','reason':'FieldValueForbidden'"), "{'n':1}") == "spec.n: Forbidden: failed rule: self.n > 1");
  CHECK(said(with(",'reason':'FieldValueRequired','message':'more'"), "{'n':1}") == "spec: Required value: more");
  CHECK(said(with(",'reason':'FieldValueDuplicate'"), "{'n':1}") == "spec: Duplicate value");
  CHECK(said(with(""), "{'n':2}") == "");
  CHECK(said(object("'n':{'type':'integer','x-kubernetes-validations':[{'rule':'self > 1'}]}", "[]"), "{'n':1}") == "spec.n: Invalid value: 1: failed rule: self > 1");
}

TEST_CASE("a rule that cannot be evaluated says so, with the type instead of the value") {
  CHECK(said(object("'n':{'type':'integer'}", rule("self.n / 0 == 1")), "{'n':1}") == "spec: Invalid value: 'object': division by zero evaluating rule: self.n / 0 == 1");
  CHECK(said(object("'n':{'type':'integer'}", rule("self.n > 0")), "{}") == "spec: Invalid value: 'object': no such key: n evaluating rule: self.n > 0");
}

TEST_CASE("rules wait until types and sizes are right") {
  const auto schema = object("'n':{'type':'integer'}", rule("self.n > 1"));
  const auto text = said(schema, "{'n':'x'}");
  CHECK(text.find("some validation rules were not checked because the object was invalid; correct the existing errors to complete validation") != std::string::npos);
  CHECK(text.find("failed rule") == std::string::npos);
}

TEST_CASE("transition rules compare with what was, in maps and keyed lists") {
  const auto grows = object("'n':{'type':'integer'}", rule("self.n >= oldSelf.n"));
  CHECK(said(grows, "{'n':1}") == "");
  CHECK(said(grows, "{'n':1}", "{'n':2}") == "spec: Invalid value: failed rule: self.n >= oldSelf.n");
  CHECK(said(grows, "{'n':3}", "{'n':2}") == "");
  const auto optional = object("'n':{'type':'integer'}", "[{'rule':'!oldSelf.hasValue() || self.n >= oldSelf.value().n','optionalOldSelf':true}]");
  CHECK(said(optional, "{'n':1}") == "");
  CHECK(said(optional, "{'n':1}", "{'n':2}").find("failed rule") != std::string::npos);
  const std::string list = "{'type':'array','maxItems':9,'x-kubernetes-list-type':'map','x-kubernetes-list-map-keys':['k'],'items':{'type':'object','required':['k'],"
                           "'properties':{'k':{'type':'string'},'v':{'type':'integer'}},'x-kubernetes-validations':[{'rule':'self.v == oldSelf.v','message':'v stays'}]}}";
  CHECK(said(list, "[{'k':'b','v':2},{'k':'a','v':1}]", "[{'k':'a','v':1}]") == "");
  CHECK(said(list, "[{'k':'b','v':2},{'k':'a','v':9}]", "[{'k':'a','v':1}]") == "spec[1]: Invalid value: v stays");
  CHECK(crd_refusal(crontab_crd("{'type':'array','maxItems':9,'items':{'type':'object','properties':{'v':{'type':'integer'}},'x-kubernetes-validations':[{'rule':'self.v == oldSelf.v'}]}}"))
            .ends_with("oldSelf cannot be used on the uncorrelatable portion of the schema within spec.validation.openAPIV3Schema.properties[spec]"));
}

TEST_CASE("what has not changed is not judged by rules that came later") {
  const auto schema = object("'n':{'type':'integer','maximum':5},'o':{'type':'object','properties':{'s':{'type':'string'}},'x-kubernetes-validations':[{'rule':'self.s.size() > 3'}]},"
                             "'l':{'type':'array','maxItems':9,'items':{'type':'string','maxLength':20,'x-kubernetes-validations':[{'rule':'self.size() > 3'}]}}", "[]");
  CHECK(said(schema, "{'n':9,'o':{'s':'a'}}", "{'n':9,'o':{'s':'a'}}") == "");
  CHECK(said(schema, "{'n':8,'o':{'s':'a'}}", "{'n':9,'o':{'s':'a'}}") == "spec.n: Invalid value: 8: spec.n in body should be less than or equal to 5");
  CHECK(said(schema, "{'n':9,'o':{'s':'b'}}", "{'n':9,'o':{'s':'a'}}") == "spec.o: Invalid value: failed rule: self.s.size() > 3");
  CHECK(said(schema, "{'n':1,'l':['a']}", "{'n':2,'l':['a']}") == "");   // the list is as it was, so its elements are
  CHECK(said(schema, "{'l':['a','long enough']}", "{'l':['a']}") == "spec.l[0]: Invalid value: 'a': failed rule: self.size() > 3");
  const auto set = object("'l':{'type':'array','x-kubernetes-list-type':'set','items':{'type':'string'}},'n':{'type':'integer'}", "[]");
  CHECK(said(set, "{'l':['a','a'],'n':2}", "{'l':['a','a'],'n':1}") == "");
  CHECK(said(set, "{'l':['a','a']}", "{'l':['a']}") == "spec.l[1]: Duplicate value: 'a'");
}

TEST_CASE("what all rules of an object may really cost is limited") {
  std::string rules = "[";
  for (int i = 0; i < 10; ++i) rules += std::string(i ? "," : "") + "{'rule':'self.l.all(x, x.size() + " + std::to_string(i) + " > 0)'}";
  std::string list = "['a'";
  for (int i = 0; i < 999; ++i) list += ",'a'";
  const auto schema = object("'l':{'type':'array','maxItems':200000,'items':{'type':'string','maxLength':3}}", rules + "]");
  CHECK(said(schema, "{'l':" + list + "]}") == "");
  std::string longer = list;
  for (int i = 0; i < 199000; ++i) longer += ",'a'";
  CHECK(said(schema, "{'l':" + longer + "]}") .find("no further validation rules will be run") != std::string::npos);
}

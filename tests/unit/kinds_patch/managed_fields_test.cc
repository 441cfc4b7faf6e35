#include "core/kinds/managed/managed_fields.hpp"
#include "support.hpp"

using namespace kinds_test;
using keelson::kinds::ManagerInfo;
using keelson::kinds::record_update;

namespace {

constexpr std::int64_t kNoon = 1'767'268'800;   // 2026-01-01T12:00:00Z

json::value written(const json::value* old, std::string_view object, const std::string& manager, const std::string& subresource = "", std::int64_t now = kNoon, const Kind& kind = widget()) {
  json::value result = js(object);
  record_update(kind, old, result, ManagerInfo{manager, subresource, now});
  return result;
}

/// "manager operation[/subresource] time set" of each entry.
std::vector<std::string> entries(const json::value& object) {
  std::vector<std::string> out;
  const json::value* list = object.at("metadata").as_object().if_contains("managedFields");
  if (list)
    for (const json::value& entry : list->as_array()) {
      std::string text = std::string(entry.at("manager").as_string()) + ' ' + std::string(entry.at("operation").as_string());
      if (const json::value* subresource = entry.as_object().if_contains("subresource")) text += '/' + std::string(subresource->as_string());
      out.push_back(text + ' ' + std::string(entry.at("time").as_string()).substr(11) + ' ' + show(entry.at("fieldsV1")));
    }
  return out;
}

using Lines = std::vector<std::string>;

}  // namespace

TEST_CASE("a create records what the client set, without identity fields") {
  const auto object = written(nullptr,
                              "{'apiVersion':'apps/v1','kind':'Widget','metadata':{'name':'w','namespace':'n','uid':'u','labels':{'a':'1'},'finalizers':['f']},"
                              "'spec':{'replicas':1,'strategy':{'type':'Recreate'},'containers':[{'name':'c','image':'i','ports':[{'containerPort':80}]}]}}",
                              "kubectl-create");
  CHECK(entries(object) == Lines{"kubectl-create Update 12:00:00Z "
                                 "{'f:metadata':{'f:finalizers':{'.':{},'v:\\'f\\'':{}},'f:labels':{'.':{},'f:a':{}}},"
                                 "'f:spec':{'f:containers':{'.':{},'k:{\\'name\\':\\'c\\'}':{'.':{},'f:image':{},'f:name':{},'f:ports':{'.':{},"
                                 "'k:{\\'containerPort\\':80,\\'protocol\\':\\'TCP\\'}':{'.':{},'f:containerPort':{}}}}},"
                                 "'f:replicas':{},'f:strategy':{'f:type':{}}}}"});
  CHECK(object.at("metadata").at("managedFields").at(0).at("apiVersion") == "apps/v1");
  CHECK(object.at("metadata").at("managedFields").at(0).at("fieldsType") == "FieldsV1");
  CHECK(object.at("metadata").at("managedFields").at(0).at("time") == "2026-01-01T12:00:00Z");
}

TEST_CASE("a status belongs to nobody who creates its object") {
  static const Kind claims = *keelson::kinds::make_registry()->current()->find("", "v1", "persistentvolumeclaims");
  const auto object = written(nullptr, "{'metadata':{'name':'w'},'spec':{'volumeName':'v'},'status':{'phase':'Pending'}}", "m", "", kNoon, claims);
  CHECK(entries(object).size() == 1);
  CHECK(entries(object).front().find("f:status") == std::string::npos);
  CHECK(entries(object).front().find("f:volumeName") != std::string::npos);
}

TEST_CASE("a custom resource's spec belongs to its creator as a whole") {
  CHECK(entries(written(nullptr, "{'metadata':{'name':'w'},'spec':{'replicas':1}}", "m", "", kNoon, custom())) == Lines{"m Update 12:00:00Z {'f:spec':{'.':{},'f:replicas':{}}}"});
}

TEST_CASE("a field changes hands with its value, and only then does the time move") {
  const auto first = written(nullptr, "{'metadata':{'name':'w'},'spec':{'replicas':1,'paused':true}}", "a");
  const auto second = written(&first, "{'metadata':{'name':'w'},'spec':{'replicas':2,'paused':true}}", "b", "", kNoon + 60);
  CHECK(entries(second) == Lines{"a Update 12:00:00Z {'f:spec':{'f:paused':{}}}", "b Update 12:01:00Z {'f:spec':{'f:replicas':{}}}"});
  const auto third = written(&second, "{'metadata':{'name':'w'},'spec':{'replicas':2,'paused':true}}", "c", "", kNoon + 120);
  CHECK(entries(third) == entries(second));
}

TEST_CASE("a removed field leaves every entry, and an empty entry goes") {
  const auto first = written(nullptr, "{'metadata':{'name':'w'},'spec':{'replicas':1}}", "a");
  const auto second = written(&first, "{'metadata':{'name':'w'},'spec':{'replicas':1,'paused':true}}", "b");
  CHECK(entries(second).size() == 2);
  CHECK(entries(written(&second, "{'metadata':{'name':'w'},'spec':{'replicas':1}}", "c")) == Lines{"a Update 12:00:00Z {'f:spec':{'f:replicas':{}}}"});
}

TEST_CASE("a subresource has entries of its own") {
  const auto first = written(nullptr, "{'metadata':{'name':'w'},'spec':{'replicas':1}}", "m");
  const auto second = written(&first, "{'metadata':{'name':'w'},'spec':{'replicas':1},'status':{'ready':1,'conditions':[{'type':'A','status':'True'}]}}", "m", "status");
  CHECK(entries(second) == Lines{"m Update 12:00:00Z {'f:spec':{'f:replicas':{}}}",
                                 "m Update/status 12:00:00Z {'f:status':{'f:conditions':{'.':{},'k:{\\'type\\':\\'A\\'}':{'.':{},'f:status':{},'f:type':{}}},'f:ready':{}}}"});
}

TEST_CASE("an empty managedFields list forgets everything") {
  const auto first = written(nullptr, "{'metadata':{'name':'w'},'spec':{'replicas':1}}", "m");
  CHECK(entries(written(&first, "{'metadata':{'name':'w','managedFields':[]},'spec':{'replicas':2}}", "m")).empty());
  CHECK(entries(written(&first, "{'metadata':{'name':'w','managedFields':[{}]},'spec':{'replicas':2}}", "m")).empty());
  CHECK(entries(written(&first, "{'metadata':{'name':'w','managedFields':[]},'spec':{'replicas':1}}", "m", "status")).size() == 1);
}

TEST_CASE("unusable managedFields of a request do not replace those that are stored") {
  const auto first = written(nullptr, "{'metadata':{'name':'w'},'spec':{'replicas':1}}", "m");
  CHECK(entries(written(&first, "{'metadata':{'name':'w','managedFields':[{'manager':'x','operation':'Steal'}]},'spec':{'replicas':1}}", "m")) == entries(first));
}

TEST_CASE("at most ten update entries are kept, the oldest merge into ancient-changes") {
  auto object = written(nullptr, "{'metadata':{'name':'w','labels':{'l0':'x'}}}", "m0");
  std::string labels = "'l0':'x'";
  for (int i = 1; i < 13; ++i) {
    labels += ",'l" + std::to_string(i) + "':'x'";
    object = written(&object, "{'metadata':{'name':'w','labels':{" + labels + "}}}", "m" + std::to_string(i), "", kNoon + i);
  }
  const auto lines = entries(object);
  REQUIRE(lines.size() == 10);
  CHECK(lines[0] == "ancient-changes Update 12:00:03Z {'f:metadata':{'f:labels':{'.':{},'f:l0':{},'f:l1':{},'f:l2':{},'f:l3':{}}}}");
  CHECK(lines[9].starts_with("m12 Update 12:00:12Z"));
}

TEST_CASE("a write that changes only managedFields' times changes nothing") {
  const auto a = js("{'metadata':{'name':'w','resourceVersion':'1','managedFields':[{'manager':'m','time':'t1'}]},'spec':{'x':1}}");
  CHECK(keelson::kinds::equal_for_commit(a, js("{'metadata':{'name':'w','resourceVersion':'1','managedFields':[{'manager':'m','time':'t2'}]},'spec':{'x':1}}")));
  CHECK_FALSE(keelson::kinds::equal_for_commit(a, js("{'metadata':{'name':'w','managedFields':[{'manager':'n','time':'t1'}]},'spec':{'x':1}}")));
  CHECK_FALSE(keelson::kinds::equal_for_commit(a, js("{'metadata':{'name':'w','managedFields':[{'manager':'m','time':'t1'}]},'spec':{'x':2}}")));
  CHECK_FALSE(keelson::kinds::equal_for_commit(a, js("{'metadata':{'name':'w','managedFields':[{'manager':'m','time':'t1'}]},'spec':{'x':1},'status':{}}")));
}

TEST_CASE("what is not printed is not owned, and structs come with their element") {
  static const Kind deployments = *keelson::kinds::make_registry()->current()->find("apps", "v1", "deployments");
  const auto object = written(nullptr, "{'metadata':{'name':'w'},'spec':{'paused':false,'template':{'spec':{'containers':[{'name':'c','args':[]}]}}}}", "m", "", kNoon, deployments);
  CHECK(entries(object) == Lines{"m Update 12:00:00Z {'f:spec':{'f:template':{'f:spec':{'f:containers':{'k:{\\'name\\':\\'c\\'}':{'.':{},'f:name':{},'f:resources':{}}}}}}}"});
}

TEST_CASE("a write in another version of a kind is recorded in that version, and takes from entries of the other") {
  const auto current = keelson::kinds::make_registry()->current();
  const auto first = current->find("autoscaling", "v1", "horizontalpodautoscalers"), second = current->find("autoscaling", "v2", "horizontalpodautoscalers");
  const auto scaler = [](int most) { return js("{'apiVersion':'autoscaling/v2','kind':'HorizontalPodAutoscaler','metadata':{'name':'a','namespace':'n'},'spec':{'maxReplicas':" + std::to_string(most) +
                                               ",'metrics':[{'type':'Resource','resource':{'name':'cpu','target':{'type':'Utilization','averageUtilization':50}}}],'scaleTargetRef':{'kind':'D','name':'d'}}}"); };
  auto object = scaler(3);
  record_update(*second, *first, nullptr, object, ManagerInfo{"m", "", kNoon});
  REQUIRE(entries(object).size() == 1);
  CHECK(object.at("metadata").at("managedFields").at(0).at("apiVersion") == "autoscaling/v1");
  CHECK(entries(object).front().find("'f:targetCPUUtilizationPercentage':{}") != std::string::npos);
  auto later = scaler(4);
  record_update(*second, *second, &object, later, ManagerInfo{"n", "", kNoon});
  REQUIRE(entries(later).size() == 2);
  CHECK(entries(later)[0].find("f:maxReplicas") == std::string::npos);
  CHECK(entries(later)[1] == "n Update 12:00:00Z {'f:spec':{'f:maxReplicas':{}}}");
}

TEST_CASE("what a built-in kind keeps as it is has one owner as a whole") {
  static const Kind revisions = *keelson::kinds::make_registry()->current()->find("apps", "v1", "controllerrevisions");
  CHECK(entries(written(nullptr, "{'metadata':{'name':'w'},'data':{'a':{'b':1}},'revision':1}", "m", "", kNoon, revisions)) == Lines{"m Update 12:00:00Z {'f:data':{},'f:revision':{}}"});
}

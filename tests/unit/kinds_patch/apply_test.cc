#include "support.hpp"

using namespace kinds_test;
using keelson::kinds::ManagerInfo;

namespace {

constexpr std::int64_t kNoon = 1'767'268'800;

/// Applies in sequence onto one object, as a server would.
class Live {
 public:
  explicit Live(const Kind& kind = widget()) : kind_(kind) {}

  std::string apply(const std::string& manager, std::string_view config, bool force = false, std::int64_t now = kNoon) {
    const auto result = keelson::kinds::apply(kind_, object_.is_null() ? nullptr : &object_, js(std::string(kHead) + std::string(config)), ManagerInfo{manager, "", now}, force, {});
    if (!result) {
      error_ = result.error();
      return std::to_string(error_.code) + ' ' + error_.message;
    }
    object_ = *result;
    return "ok";
  }
  void update(const std::string& manager, std::string_view object, std::int64_t now = kNoon) {
    json::value next = js(std::string(kHead) + std::string(object));
    record_update(kind_, object_.is_null() ? nullptr : &object_, next, ManagerInfo{manager, "", now});
    object_ = next;
  }
  std::string spec() const { return object_.as_object().contains("spec") ? show(object_.at("spec")) : "none"; }
  std::string owners() const {
    std::string text;
    for (const json::value& entry : object_.at("metadata").at("managedFields").as_array())
      text += std::string(entry.at("manager").as_string()) + '/' + std::string(entry.at("operation").as_string()) + ' ' + show(entry.at("fieldsV1")) + '\n';
    return text;
  }
  const json::value& object() const { return object_; }
  const keelson::base::Error& error() const { return error_; }

 private:
  static constexpr std::string_view kHead = "{'apiVersion':'apps/v1','kind':'Widget','metadata':{'name':'w'}";
  const Kind& kind_;
  json::value object_;
  keelson::base::Error error_;
};

}  // namespace

TEST_CASE("an apply that creates owns what it names") {
  Live live;
  CHECK(live.apply("a", ",'spec':{'replicas':1,'containers':[{'name':'c','image':'i'}]}}") == "ok");
  CHECK(live.spec() == "{'replicas':1,'containers':[{'name':'c','image':'i'}]}");
  CHECK(live.owners() == "a/Apply {'f:spec':{'f:containers':{'k:{\\'name\\':\\'c\\'}':{'.':{},'f:image':{},'f:name':{}}},'f:replicas':{}}}\n");
}

TEST_CASE("a field that is no longer applied is removed, unless another applies it too") {
  Live live;
  live.apply("a", ",'spec':{'replicas':1,'paused':true}}");
  CHECK(live.apply("b", ",'spec':{'paused':true}}") == "ok");
  CHECK(live.apply("a", ",'spec':{}}") == "ok");
  CHECK(live.spec() == "{'paused':true}");
  CHECK(live.owners() == "a/Apply {'f:spec':{}}\nb/Apply {'f:spec':{'f:paused':{}}}\n");
}

TEST_CASE("a conflict names the managers and the fields") {
  Live live;
  live.apply("a", ",'spec':{'replicas':1}}");
  CHECK(live.apply("b", ",'spec':{'replicas':2}}") == "409 Apply failed with 1 conflict: conflict with \"a\": .spec.replicas");
  REQUIRE(live.error().causes.size() == 1);
  CHECK(live.error().reason == "Conflict");
  CHECK(live.error().causes[0].reason == "FieldManagerConflict");
  CHECK(live.error().causes[0].message == "conflict with \"a\"");
  CHECK(live.error().causes[0].field == ".spec.replicas");
}

TEST_CASE("conflicts with an updater tell its version") {
  Live live;
  live.update("kubectl-edit", ",'spec':{'replicas':1,'containers':[{'name':'c','image':'i'}]}}");
  CHECK(live.apply("b", ",'spec':{'replicas':2,'containers':[{'name':'c','image':'j'}]}}") ==
        "409 Apply failed with 2 conflicts: conflicts with \"kubectl-edit\" using apps/v1:\n- .spec.containers[name=\"c\"].image\n- .spec.replicas");
}

TEST_CASE("equal values are shared, force takes over") {
  Live live;
  live.apply("a", ",'spec':{'replicas':1,'paused':true}}");
  CHECK(live.apply("b", ",'spec':{'replicas':1}}") == "ok");
  CHECK(live.apply("c", ",'spec':{'replicas':3}}", true) == "ok");
  CHECK(live.spec() == "{'replicas':3,'paused':true}");
  CHECK(live.owners() == "a/Apply {'f:spec':{'f:paused':{}}}\nc/Apply {'f:spec':{'f:replicas':{}}}\n");
}

TEST_CASE("a list element that is no longer applied goes, those of others stay in place") {
  Live live;
  live.update("other", ",'spec':{'containers':[{'name':'x'},{'name':'y'}]}}");
  live.apply("a", ",'spec':{'containers':[{'name':'n1'},{'name':'y'}]}}");
  CHECK(live.spec() == "{'containers':[{'name':'x'},{'name':'n1'},{'name':'y'}]}");
  live.apply("a", ",'spec':{'containers':[{'name':'y'}]}}");
  CHECK(live.spec() == "{'containers':[{'name':'x'},{'name':'y'}]}");
}

TEST_CASE("atomic lists and maps are replaced as a whole") {
  Live live;
  live.apply("a", ",'spec':{'args':['x','y'],'selector':{'a':'1'}}}");
  CHECK(live.apply("b", ",'spec':{'selector':{'a':'1','b':'2'}}}") == "409 Apply failed with 1 conflict: conflict with \"a\": .spec.selector");
  live.apply("a", ",'spec':{'args':['z'],'selector':{'b':'1'}}}");
  CHECK(live.spec() == "{'args':['z'],'selector':{'b':'1'}}");
}

TEST_CASE("what was never tracked belongs to before-first-apply") {
  Live live;
  live.update("m", ",'spec':{'replicas':1}}");
  live.update("m", ",'metadata':{'name':'w','managedFields':[]},'spec':{'replicas':1}}");
  CHECK(live.apply("a", ",'spec':{'paused':true}}") == "ok");
  CHECK(live.owners() == "a/Apply {'f:spec':{'f:paused':{}}}\nbefore-first-apply/Update {'f:spec':{'f:replicas':{}}}\n");
}

TEST_CASE("applying the same again changes nothing, not even the time") {
  Live live;
  live.apply("a", ",'spec':{'replicas':1}}");
  const json::value before = live.object();
  CHECK(live.apply("a", ",'spec':{'replicas':1}}", false, kNoon + 60) == "ok");
  CHECK(live.object() == before);
}

TEST_CASE("kubectl takes over from client-side apply without force") {
  Live live;
  live.update("kubectl-client-side-apply",
              ",'metadata':{'name':'w','annotations':{'kubectl.kubernetes.io/last-applied-configuration':'{\\'apiVersion\\':\\'apps/v1\\',\\'kind\\':\\'Widget\\',\\'spec\\':{\\'replicas\\':1}}'}},'spec':{'replicas':1}}");
  CHECK(live.apply("kubectl", ",'spec':{'replicas':2}}") == "ok");
  CHECK(live.spec() == "{'replicas':2}");
  CHECK(std::string(live.object().at("metadata").at("annotations").at("kubectl.kubernetes.io/last-applied-configuration").as_string()).find("\"replicas\":2") != std::string::npos);
}

TEST_CASE("a configuration with managedFields, another version or doubled elements is refused") {
  Live live;
  CHECK(live.apply("a", ",'metadata':{'name':'w','managedFields':[]}}") == "400 metadata.managedFields must be nil");
  CHECK(live.apply("a", ",'apiVersion':'v2'}").starts_with("400 Incorrect version specified in apply patch."));
  CHECK(live.apply("a", ",'spec':{'containers':[{'name':'c'},{'name':'c'}]}}").starts_with("500 failed to create typed patch object (/w; apps/v1, Kind=Widget): .spec"));
}

TEST_CASE("status is not applied through the main resource when it has an endpoint of its own") {
  static const Kind with_status = [] {
    Kind kind = widget();
    kind.strategy.has_status = true;
    return kind;
  }();
  Live live(with_status);
  live.apply("a", ",'spec':{'replicas':1},'status':{'ready':1}}");
  CHECK(live.owners() == "a/Apply {'f:spec':{'f:replicas':{}}}\n");
}

TEST_CASE("a struct that loses its last field to pruning stays owned by who applied it empty") {
  Live live;
  live.apply("a", ",'spec':{'paused':true,'strategy':{}}}");
  CHECK(live.apply("b", ",'spec':{'strategy':{'type':'Recreate'}}}") == "ok");
  CHECK(live.apply("b", ",'spec':{'replicas':1}}") == "ok");
  CHECK(live.spec() == "{'paused':true,'replicas':1}");
  CHECK(live.owners() == "a/Apply {'f:spec':{'f:paused':{},'f:strategy':{}}}\nb/Apply {'f:spec':{'f:replicas':{}}}\n");
}

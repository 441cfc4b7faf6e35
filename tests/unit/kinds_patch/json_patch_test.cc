#include "support.hpp"

using namespace kinds_test;

namespace {
std::string jp(std::string_view original, std::string_view patch) { return patched(PatchType::json, original, patch); }
constexpr auto kRejected = "422 the server rejected our request due to an error in our request | ";
}  // namespace

TEST_CASE("a JSON patch adds, removes, replaces, moves and copies") {
  CHECK(jp("{'a':1}", "[{'op':'add','path':'/b','value':[1]}]") == "{'a':1,'b':[1]}");
  CHECK(jp("{'a':[1,3]}", "[{'op':'add','path':'/a/1','value':2},{'op':'add','path':'/a/-','value':4}]") == "{'a':[1,2,3,4]}");
  CHECK(jp("{'a':[1,2]}", "[{'op':'remove','path':'/a/0'}]") == "{'a':[2]}");
  CHECK(jp("{'a':[1,2]}", "[{'op':'remove','path':'/a/-1'}]") == "{'a':[1]}");
  CHECK(jp("{'a':{'b':1}}", "[{'op':'replace','path':'/a/b','value':2}]") == "{'a':{'b':2}}");
  CHECK(jp("{'a':{'b':1}}", "[{'op':'move','from':'/a/b','path':'/c'}]") == "{'a':{},'c':1}");
  CHECK(jp("{'a':{'b':1}}", "[{'op':'copy','from':'/a','path':'/c'}]") == "{'a':{'b':1},'c':{'b':1}}");
  CHECK(jp("{}", "[{'op':'copy','from':'/none','path':'/c'}]") == "{'c':null}");
  CHECK(jp("{'a':1}", "[{'op':'replace','path':'','value':{'z':1}}]") == "{'z':1}");
}

TEST_CASE("a JSON patch understands escaped slashes and tildes in paths") {
  CHECK(jp("{'a/b':{'c~d':1}}", "[{'op':'replace','path':'/a~1b/c~0d','value':2}]") == "{'a/b':{'c~d':2}}");
}

TEST_CASE("kubectl rollout undo's replace of an absent annotations map sets it") {
  CHECK(jp("{'metadata':{}}", "[{'op':'replace','path':'/metadata/annotations','value':{'r':'1'}}]") == "{'metadata':{'annotations':{'r':'1'}}}");
}

TEST_CASE("a JSON patch whose test fails or whose path is missing is refused as unprocessable") {
  CHECK(jp("{'a':1}", "[{'op':'test','path':'/a','value':1}]") == "{'a':1}");
  CHECK(jp("{'a':1}", "[{'op':'test','path':'/b','value':null}]") == "{'a':1}");
  CHECK(jp("{'a':1}", "[{'op':'test','path':'/a','value':2}]") == std::string(kRejected) + "testing value /a failed: test failed");
  CHECK(jp("{'a':1}", "[{'op':'remove','path':'/x/y'}]") == std::string(kRejected) + "remove operation does not apply: doc is missing path: '/x/y': missing value");
  CHECK(jp("{'a':[]}", "[{'op':'replace','path':'/a/0','value':1}]") == std::string(kRejected) + "replace operation does not apply: doc is missing key: /a/0: missing value");
  CHECK(jp("{'a':[]}", "[{'op':'add','path':'/a/5','value':1}]") == std::string(kRejected) + "error in add for path: '/a/5': invalid index referenced");
  CHECK(jp("{}", "[{'op':'hop','path':'/a'}]") == std::string(kRejected) + "Unexpected kind: hop");
  CHECK(jp("{}", "[{'op':'add','path':'','value':1}]").starts_with("422"));
}

TEST_CASE("a JSON patch that is no list of operations is a bad request") {
  CHECK(jp("{}", "{}") == "400 error decoding patch: json: cannot unmarshal object into Go value of type []handlers.jsonPatchOp");
  CHECK(jp("{}", "[1]").starts_with("400 error decoding patch"));
}

TEST_CASE("more than 10000 JSON patch operations are too large") {
  std::string patch = "[";
  for (int i = 0; i < 10'001; ++i) patch += "{'op':'test','path':'/a','value':1},";
  patch.back() = ']';
  CHECK(jp("{'a':1}", patch) == "413 Request entity too large: The allowed maximum operations in a JSON patch is 10000, got 10001");
  CHECK(jp("{'a':1}", "[" + patch.substr(patch.find("},") + 2)) == "{'a':1}");
}

TEST_CASE("a JSON patch that doubles by copying is refused before it grows beyond 3 MiB") {
  std::string patch = "[{'op':'add','path':'/a','value':['" + std::string(1000, 'x') + "']}";
  for (int i = 0; i < 40; ++i) patch += ",{'op':'copy','from':'/a','path':'/a/-'}";
  CHECK(jp("{}", patch + "]").find("the accumulated size increase of copy is") != std::string::npos);
}

TEST_CASE("a JSON patch cannot nest deeper than a body may") {
  // Twenty levels at a time, each where the last one ended.
  const auto added = [](const std::string& operation, int times) {
    std::string path = "/a", value = "1", list;
    for (int i = 0; i < 20; ++i) value = "{'a':" + value + "}";
    for (int i = 0; i < times; ++i) {
      list += (list.empty() ? "[" : ",") + std::string("{'op':'") + operation + "','path':'" + path + "','value':" + value + "}";
      for (int level = 0; level < 20; ++level) path += "/a";
    }
    return list + "]";
  };
  const std::string too_deep = std::string(kRejected) + "exceeded max depth";
  CHECK(jp("{}", added("add", 30)) == too_deep);
  CHECK(jp("{}", added("replace", 30)) == too_deep);
  CHECK(jp("{}", added("add", 20)).size() > 2000);
  std::string moves = "[{'op':'add','path':'/s','value':{}}", copies = moves;
  for (int i = 0; i < 600; ++i) {
    moves += ",{'op':'add','path':'/t','value':{}},{'op':'move','from':'/s','path':'/t/s'},{'op':'move','from':'/t','path':'/s'}";
    copies += ",{'op':'copy','from':'/s','path':'/s/a'}";
  }
  CHECK(jp("{}", moves + "]") == too_deep);
  CHECK(jp("{}", copies + "]") == too_deep);
}

TEST_CASE("a merge patch sets, replaces and deletes by null") {
  const auto mp = [](std::string_view a, std::string_view b) { return patched(PatchType::merge, a, b, custom()); };
  CHECK(mp("{'a':'b'}", "{'a':'c'}") == "{'a':'c'}");
  CHECK(mp("{'a':'b','b':'c'}", "{'a':null}") == "{'b':'c'}");
  CHECK(mp("{'a':['b']}", "{'a':'c'}") == "{'a':'c'}");
  CHECK(mp("{'a':{'b':'c'}}", "{'a':{'b':'d','c':null}}") == "{'a':{'b':'d'}}");
  CHECK(mp("{'a':[1,2]}", "{'a':[3]}") == "{'a':[3]}");
  CHECK(mp("{}", "{'a':{'bb':{'ccc':null}}}") == "{'a':{'bb':{}}}");
  CHECK(mp("{'a':'foo'}", "{'a':{'b':1}}") == "{'a':{'b':1}}");
  CHECK(mp("{}", "['x']").starts_with("400 error decoding patch"));
}

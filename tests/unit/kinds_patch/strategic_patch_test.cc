#include "support.hpp"

using namespace kinds_test;

namespace {
std::string sp(std::string_view original, std::string_view patch) { return patched(PatchType::strategic, original, patch); }
}  // namespace

TEST_CASE("a strategic patch merges list elements by their merge key") {
  CHECK(sp("{'spec':{'containers':[{'name':'a','image':'x','tty':true},{'name':'b','image':'y'}]}}",
           "{'spec':{'containers':[{'name':'b','image':'z'}]}}") ==
        "{'spec':{'containers':[{'name':'a','image':'x','tty':true},{'name':'b','image':'z'}]}}");
}

TEST_CASE("new elements of a merged list come after those that stand before them on the server") {
  CHECK(sp("{'spec':{'containers':[{'name':'a'},{'name':'b'}]}}", "{'spec':{'containers':[{'name':'c'}]}}") == "{'spec':{'containers':[{'name':'c'},{'name':'a'},{'name':'b'}]}}");
  CHECK(sp("{'spec':{'containers':[{'name':'a'},{'name':'b'},{'name':'c'}]}}", "{'spec':{'containers':[{'name':'c','image':'1'},{'name':'a','image':'2'}]}}") ==
        "{'spec':{'containers':[{'name':'b'},{'name':'c','image':'1'},{'name':'a','image':'2'}]}}");
}

TEST_CASE("kubectl apply's element order decides the order of the result") {
  CHECK(sp("{'spec':{'containers':[{'name':'a'},{'name':'b'}]}}",
           "{'spec':{'$setElementOrder/containers':[{'name':'b'},{'name':'a'}],'containers':[{'name':'a','image':'1'}]}}") ==
        "{'spec':{'containers':[{'name':'b'},{'name':'a','image':'1'}]}}");
  CHECK(sp("{'metadata':{'finalizers':['a','s','b']}}", "{'metadata':{'$setElementOrder/finalizers':['b','a','c'],'finalizers':['c']}}") ==
        "{'metadata':{'finalizers':['s','b','a','c']}}");
}

TEST_CASE("an element order that contradicts the patch is refused") {
  CHECK(sp("{'spec':{'containers':[{'name':'a'}]}}", "{'spec':{'$setElementOrder/containers':[{'name':'b'}],'containers':[{'name':'a','image':'1'}]}}").starts_with("400 The order in patch list"));
  CHECK(sp("{}", "{'spec':{'$setElementOrder/containers':{}}}") == "{'spec':{}}");
  CHECK(sp("{'spec':{'containers':[]}}", "{'spec':{'$setElementOrder/containers':{}}}") == "400 invalid patch format of setElementOrder list");
}

TEST_CASE("$patch deletes and replaces elements, maps and whole lists") {
  CHECK(sp("{'spec':{'containers':[{'name':'a'},{'name':'b'}]}}", "{'spec':{'containers':[{'$patch':'delete','name':'a'}]}}") == "{'spec':{'containers':[{'name':'b'}]}}");
  CHECK(sp("{'spec':{'containers':[{'name':'a'},{'name':'b'}]}}", "{'spec':{'containers':[{'$patch':'replace'},{'name':'c'}]}}") == "{'spec':{'containers':[{'name':'c'}]}}");
  CHECK(sp("{'spec':{'replicas':1,'paused':true}}", "{'spec':{'$patch':'replace','replicas':2}}") == "{'spec':{'replicas':2}}");
  CHECK(sp("{'spec':{'replicas':1}}", "{'spec':{'$patch':'delete'}}") == "{'spec':{}}");
  CHECK(sp("{'spec':{'replicas':1}}", "{'spec':{'$patch':'merge','paused':true}}") == "{'spec':{'replicas':1,'paused':true}}");
  CHECK(sp("{'spec':{}}", "{'spec':{'containers':[{'$patch':'delete','name':'a'},{'name':'b'}]}}") == "{'spec':{'containers':[{'name':'b'}]}}");
}

TEST_CASE("an unknown $patch is a bad request") {
  CHECK(sp("{'spec':{}}", "{'spec':{'$patch':'explode'}}") == "400 unknown patch type: explode in map: map[$patch:explode]");
  CHECK(sp("{'spec':{'containers':[{'name':'a'}]}}", "{'spec':{'containers':[{'$patch':'bad','name':'a'}]}}").starts_with("400 unknown patch type: bad"));
}

TEST_CASE("$retainKeys drops what it does not name") {
  CHECK(sp("{'spec':{'strategy':{'type':'RollingUpdate','rollingUpdate':{'maxSurge':'1'}}}}", "{'spec':{'strategy':{'$retainKeys':['type'],'type':'Recreate'}}}") ==
        "{'spec':{'strategy':{'type':'Recreate'}}}");
  CHECK(sp("{'spec':{'volumes':[{'name':'v','emptyDir':{}}]}}", "{'spec':{'volumes':[{'$retainKeys':['name','hostPath'],'name':'v','hostPath':{'path':'/x'}}]}}") ==
        "{'spec':{'volumes':[{'name':'v','hostPath':{'path':'/x'}}]}}");
  CHECK(sp("{'spec':{'strategy':{}}}", "{'spec':{'strategy':{'$retainKeys':['type'],'rollingUpdate':{}}}}") == "400 invalid patch format of retainKeys");
  CHECK(sp("{'spec':{'strategy':{}}}", "{'spec':{'strategy':{'$retainKeys':'type'}}}") == "400 invalid patch format of retainKeys");
}

TEST_CASE("lists of scalars are united and deleted from") {
  CHECK(sp("{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'finalizers':['b','c']}}") == "{'metadata':{'finalizers':['a','b','c']}}");
  CHECK(sp("{'metadata':{'finalizers':['a','b']}}", "{'metadata':{'$deleteFromPrimitiveList/finalizers':['a']}}") == "{'metadata':{'finalizers':['b']}}");
  CHECK(sp("{'metadata':{'finalizers':['a']}}", "{'metadata':{'finalizers':null}}") == "{'metadata':{}}");
}

TEST_CASE("lists without a merge strategy are replaced") {
  CHECK(sp("{'spec':{'args':['a','b']}}", "{'spec':{'args':['c']}}") == "{'spec':{'args':['c']}}");
}

TEST_CASE("nulls delete and never reach the result") {
  CHECK(sp("{'metadata':{'labels':{'a':'1','b':'2'}}}", "{'metadata':{'labels':{'a':null,'c':null}}}") == "{'metadata':{'labels':{'b':'2'}}}");
  CHECK(sp("{}", "{'spec':{'strategy':{'type':null}}}") == "{'spec':{'strategy':{}}}");
}

TEST_CASE("a list element without its merge key is refused with the element and the key") {
  CHECK(sp("{'spec':{'containers':[{'name':'a'}]}}", "{'spec':{'containers':[{'image':'x'}]}}") == "400 map: map[image:x] does not contain declared merge key: name");
}

TEST_CASE("lists of lists are unprocessable in a strategic patch") {
  CHECK(sp("{'metadata':{'finalizers':['a']}}", "{'metadata':{'finalizers':[['b']]}}").starts_with("422 the server rejected our request"));
}

TEST_CASE("a custom resource takes no strategic patch") {
  CHECK(patched(PatchType::strategic, "{}", "{}", custom()).starts_with("415 "));
}

TEST_CASE("a long keyed list merges in linear time") {
  std::string original = "{'spec':{'containers':[", patch = original;
  for (int i = 0; i < 20'000; ++i) original += "{'name':'c" + std::to_string(i) + "'},", patch += "{'name':'d" + std::to_string(i) + "'},";
  original.back() = patch.back() = ']';
  CHECK(sp(original + "}}", patch + "}}").size() > 40'000 * 10);
}

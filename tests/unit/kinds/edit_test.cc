#include <catch2/catch.hpp>

#include "core/kinds/edit.hpp"

using namespace keelson::kinds;

TEST_CASE("members of a printed object come one after another, whatever their texts hold") {
  const std::string_view text = R"({"a":"}\\\"{","b":{"c":["]",{"d":"\\"}]},"e":12,"f":"7"     ,"g":null})";
  std::vector<std::string> seen;
  for (PrintedMembers members(text); members.next();) seen.push_back(std::string(members.name()) + "=" + std::string(members.value()));
  CHECK(seen == std::vector<std::string>{R"(a="}\\\"{")", R"(b={"c":["]",{"d":"\\"}]})", "e=12", "f=\"7\"", "g=null"});
  CHECK(printed_member(text, "e") == "12");
  CHECK(printed_member(text, "none").empty());
  CHECK(printed_member("{}", "a").empty());
  for (std::size_t length = 0; length < text.size(); ++length)   // cut anywhere: it ends
    for (PrintedMembers members(text.substr(0, length)); members.next();) CHECK(members.name().size() == 1);
}

TEST_CASE("edits replace members, put new ones where the type has them, and take out what has no value") {
  const auto& spec = *builtin_type("core/v1.PodSpec");
  const std::string_view text = R"({"containers":[],"restartPolicy":"Always","schedulerName":"default-scheduler"})";
  const Edit edits[] = {{"schedulerName", R"("other")"}, {"nodeName", R"("n1")"}, {"restartPolicy", ""}, {"hostname", ""}};
  const auto out = edited(spec, text, edits);
  CHECK(out == R"({"containers":[],"nodeName":"n1","schedulerName":"other"})");
  const Edit first[] = {{"nodeName", R"("n1")"}};
  CHECK(edited(spec, "{}", first) == R"({"nodeName":"n1"})");
  const Edit all[] = {{"containers", ""}, {"restartPolicy", ""}, {"schedulerName", ""}};
  CHECK(edited(spec, text, all) == "{}");
}

#include <catch2/catch.hpp>
#include <functional>
#include <vector>

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

TEST_CASE("a value replaces a member or is put in where the type has it") {
  const auto& spec = *builtin_type("core/v1.PodSpec");
  const auto with = [&](std::string_view text, std::string_view object, std::string_view name, std::string_view value) {
    MemberSlot slot(spec, name);
    PrintedMembers members(object);
    while (members.next()) slot.pass(members);
    slot.end(members);
    return spliced(text, std::vector<std::pair<MemberSlot, std::string_view>>{{slot, value}});
  };
  const auto alone = [&](std::string_view text, std::string_view name) { return with(text, text, name, R"("n1")"); };
  const std::string_view text = R"({"containers":[],"restartPolicy":"Always","schedulerName":"default-scheduler"})";
  CHECK(alone(text, "schedulerName") == R"({"containers":[],"restartPolicy":"Always","schedulerName":"n1"})");
  CHECK(alone(text, "nodeName") == R"({"containers":[],"restartPolicy":"Always","nodeName":"n1","schedulerName":"default-scheduler"})");
  CHECK(alone(text, "volumes") == R"({"volumes":"n1","containers":[],"restartPolicy":"Always","schedulerName":"default-scheduler"})");
  CHECK(alone(text, "hostAliases") == R"({"containers":[],"restartPolicy":"Always","schedulerName":"default-scheduler","hostAliases":"n1"})");
  CHECK(alone("{}", "nodeName") == R"({"nodeName":"n1"})");
  const std::string_view within = R"({"spec":{},"status":{"phase":"Pending"}})";
  CHECK(with(within, within.substr(8), "nodeName", "1") == R"({"spec":{"nodeName":1},"status":{"phase":"Pending"}})");
}

TEST_CASE("where a nested value ends is found at any length, whatever its strings hold") {
  std::uint64_t state = 1;
  const auto random = [&](std::uint64_t below) { return ((state = state * 6364136223846793005u + 1442695040888963407u) >> 33) % below; };
  const std::function<std::string(int)> value = [&](int depth) -> std::string {
    constexpr std::string_view kPieces[] = {"{", "}", "[", "]", "\\\"", "\\\\", ":", ",", "a", "\\u0041", " "};
    std::string out;
    if (depth == 0 || random(3) == 0) {
      out = "\"";
      for (auto pieces = random(40); pieces > 0; --pieces) out += kPieces[random(std::size(kPieces))];
      return out + "\"";
    }
    const bool list = random(2) == 0;
    for (auto members = random(6); members > 0; --members) out += (out.empty() ? "" : ",") + (list ? "" : value(0) + ":") + value(depth - 1);
    return list ? "[" + out + "]" : "{" + out + "}";
  };
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::string> values;
    std::string text;
    for (auto count = random(8); count > 0; --count) {
      values.push_back(value(4));
      text += (text.empty() ? "" : ",") + values.back();
    }
    const auto list = "[" + text + "]";
    std::vector<std::string> seen;
    for (PrintedElements elements(list); elements.next();) seen.emplace_back(elements.value());
    CHECK(seen == values);
    for (PrintedElements cut(std::string_view(list).substr(0, random(list.size()))); cut.next();) {}   // it ends
  }
}

#include <catch2/catch.hpp>
#include <functional>

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

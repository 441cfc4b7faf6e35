#include <keelson/node_points.hpp>

namespace keelson {
namespace {

constexpr std::string_view kAdmit = "runtime.admit", kAttach = "network.attach", kDetach = "network.detach";

}  // namespace

void NodePoints::declare(Setup& setup) {
  for (const auto point : {kAdmit, kAttach, kDetach}) setup.point(point);
}

Outcome<std::vector<HookAnswer>> NodePoints::ask(std::string_view point, const ObjectHandle& pod, std::string_view sandbox, const std::vector<std::string>& addresses) {
  std::string lines;
  for (const auto& address : addresses) lines += address + "\n";
  auto answers = keelson::ask(ctx_, point, {node_, sandbox, lines}, {pod}, [](const HookAnswer& answer) { return answer.failure || answer.decision == KEELSON_DENY; });
  if (!answers || answers->empty()) return answers;
  const auto& last = answers->back();
  if (last.failure) return *last.failure;
  if (last.decision == KEELSON_DENY) return Error(403, "Forbidden", "plugin " + last.plugin + ": " + last.text);
  return answers;
}

Outcome<void> NodePoints::admit(const ObjectHandle& pod) {
  const auto answers = ask(kAdmit, pod, {}, {});
  if (!answers) return answers.error();
  return {};
}

Outcome<std::vector<std::string>> NodePoints::attach(const ObjectHandle& pod, std::string_view sandbox, const std::vector<std::string>& addresses) {
  const auto answers = ask(kAttach, pod, sandbox, addresses);
  if (!answers) return answers.error();
  std::vector<std::string> given;
  for (const auto& answer : *answers) {
    for (std::string_view rest = answer.body; !rest.empty();) {
      const auto line = rest.substr(0, rest.find('\n'));
      rest.remove_prefix(std::min(line.size() + 1, rest.size()));
      if (!line.empty()) given.emplace_back(line);
    }
  }
  return given;
}

Outcome<void> NodePoints::detach(const ObjectHandle& pod, std::string_view sandbox, const std::vector<std::string>& addresses) {
  const auto answers = ask(kDetach, pod, sandbox, addresses);
  if (!answers) return answers.error();
  return {};
}

}  // namespace keelson

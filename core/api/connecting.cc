#include "core/api/connecting.hpp"

#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>

#include "core/audit/notes.hpp"
#include "core/base/json_value.hpp"

namespace keelson::api {
namespace {

namespace json = boost::json;

std::string options_kind(const Call& call) {
  const auto& sub = call.info.subresource;
  if (sub == "exec") return "PodExecOptions";
  if (sub == "attach") return "PodAttachOptions";
  if (sub == "portforward") return "PodPortForwardOptions";
  return call.kind->kind + "ProxyOptions";
}

json::value options_of(const Call& call, const std::string& path) {
  json::object out{{"kind", options_kind(call)}, {"apiVersion", "v1"}};
  for (const char* flag : {"stdin", "stdout", "stderr", "tty"})
    if (call.query.has(flag) && truthy(call.query, flag)) out[flag] = true;
  if (const auto container = call.query.get("container"); !container.empty()) out["container"] = container;
  if (!path.empty()) out["path"] = path;
  json::array command, ports;
  for (const auto& word : call.query.all("command")) command.emplace_back(word);
  for (const auto& port : call.query.all("ports")) ports.emplace_back(std::atoi(port.c_str()));
  if (!command.empty()) out["command"] = std::move(command);
  if (!ports.empty()) out["ports"] = std::move(ports);
  return out;
}

/// One question on its way through both phases.
struct Asked {
  CallRef call;
  json::value object;
  std::vector<std::string> warnings;
  std::vector<std::pair<std::string, std::string>> annotations;
  auth::AdmissionRequest request;
  std::function<void()> go_on;
};

void decided(const std::shared_ptr<Asked>& asked, const base::Outcome<void>& outcome) {
  asked->call->responder->post([asked, outcome] {
    const auto& call = asked->call;
    if (call->record) call->record->notes->annotate(asked->annotations);
    call->warnings.insert(call->warnings.end(), asked->warnings.begin(), asked->warnings.end());
    if (call->answered()) return;
    if (outcome) asked->go_on();
    else call->fail(outcome.error());
  });
}

/// In the order in which a pod starts them.
std::vector<std::string> containers_of(const json::object& spec) {
  std::vector<std::string> names;
  for (const std::string_view list : {"initContainers", "containers", "ephemeralContainers"}) {
    const auto* found = spec.if_contains(list);
    if (!found || !found->is_array()) continue;
    for (const auto& one : found->get_array()) names.emplace_back(one.at("name").as_string());
  }
  return names;
}

base::Outcome<void> check_container(const Call& call, const json::object& spec) {
  const auto names = containers_of(spec);
  const std::string asked(call.query.get("container"));
  if (!asked.empty() && std::find(names.begin(), names.end(), asked) == names.end()) return base::bad_request("container " + asked + " is not valid for pod " + call.info.name);
  const auto* own = spec.if_contains("containers");
  if (!asked.empty() || (own && own->is_array() && own->get_array().size() == 1)) return {};
  std::string list;
  for (const auto& name : names) list += (list.empty() ? "" : " ") + name;
  return base::bad_request("a container name must be specified for pod " + call.info.name + ", choose one of: [" + list + "]");
}

}  // namespace

base::Outcome<void> connectable(const Call& call) {
  const auto found = call.core.parts.store.snapshot().get({call.kind->storage_key, call.info.ns, call.info.name});
  if (!found) return base::not_found(call.kind->group, call.kind->resource, call.info.name);
  const auto pod = base::json_of(found->body());
  const auto* spec = pod.as_object().if_contains("spec");
  if (!spec || !spec->is_object()) return base::internal("a stored pod without a spec");
  if (call.info.subresource != "portforward")
    if (auto chosen = check_container(call, spec->get_object()); !chosen) return chosen;
  const auto* node = spec->get_object().if_contains("nodeName");
  if (!node || !node->is_string() || node->get_string().empty()) return base::bad_request("pod " + call.info.name + " does not have a host assigned");
  return {};
}

void admit_connect(const CallRef& call, std::function<void()> go_on, const std::string& path) {
  const auto asked = std::shared_ptr<Asked>(new Asked{call, options_of(*call, path), {}, {}, {.kind = call->kind, .snapshot = call->core.parts.store.snapshot()}, std::move(go_on)});
  auto& request = asked->request;
  request.operation = auth::AdmissionRequest::Operation::connect;
  request.subresource = call->info.subresource;
  request.ns = call->info.ns;
  request.name = call->info.name;
  request.object = &asked->object;
  request.user = &call->context.user;
  request.warnings = &asked->warnings;
  request.annotations = &asked->annotations;
  request.deadline = call->context.deadline;
  const auto& chains = call->core.parts.chains;
  chains.admit_mutate(request, [asked, &chains](base::Outcome<void> outcome) {
    if (!outcome) return decided(asked, outcome);
    chains.admit_validate(asked->request, [asked](const base::Outcome<void>& last) { decided(asked, last); });
  });
}

}  // namespace keelson::api

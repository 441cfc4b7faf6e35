#include "sdk_cluster.hpp"

#include <boost/json.hpp>
#include <keelson/node_points.hpp>

namespace keelson::node {

std::vector<std::shared_ptr<const core_v1::Service>> SdkCluster::services(const std::string& ns) {
  std::vector<std::shared_ptr<const core_v1::Service>> all;
  for (const auto& service : ctx_.list<core_v1::Service>({.ns = ns}))
    all.push_back(std::make_shared<const core_v1::Service>(decode<core_v1::Service>(service.body())));
  return all;
}

std::vector<std::shared_ptr<const Pod>> SdkCluster::pods_on(const std::string& node) {
  std::vector<std::shared_ptr<const Pod>> all;
  for (const auto& pod : ctx_.list<Pod>({.fields = "spec.nodeName=" + node})) all.push_back(std::make_shared<const Pod>(decode<Pod>(pod.body())));
  return all;
}

Outcome<void> SdkCluster::write_status(const Pod& from, const PodStatus& status) {
  Pod to = from;
  to.status = status;
  const auto wrote = ctx_.modify_status(from, to);
  if (!wrote) return wrote.error();
  return {};
}

Outcome<void> SdkCluster::remove_pod(const Key& key, const std::string& uid) {
  RemoveOptions options;
  options.uid = uid;
  options.grace_period_s = 0;
  return ctx_.remove<Pod>(key, options);
}

Outcome<std::string> SdkCluster::request_token(const Key& service_account, const std::string& request_json) {
  return ctx_.post(core_v1::ServiceAccount::gvk, service_account, "token", request_json);
}

Outcome<void> SdkCluster::admit(const Key& key, const std::string& node) {
  const auto pod = ctx_.find_raw(Pod::gvk, key);
  return pod ? NodePoints(ctx_, node).admit(pod) : Outcome<void>();
}

Outcome<std::vector<std::string>> SdkCluster::attach(const Key& key, const std::string& node, const std::string& sandbox, const std::vector<std::string>& addresses) {
  const auto pod = ctx_.find_raw(Pod::gvk, key);
  if (!pod) return addresses;
  auto given = NodePoints(ctx_, node).attach(pod, sandbox, addresses);
  return !given || !given->empty() ? given : addresses;
}

Outcome<void> SdkCluster::detach(const Key& key, const std::string& node, const std::string& sandbox, const std::vector<std::string>& addresses) {
  const auto pod = ctx_.find_raw(Pod::gvk, key);
  return pod ? NodePoints(ctx_, node).detach(pod, sandbox, addresses) : Outcome<void>();
}

void SdkCluster::event(const EventTarget& about, bool warning, std::string_view reason, const std::string& note) {
  boost::json::object reference{{"kind", "Pod"},
                                {"apiVersion", "v1"},
                                {"namespace", about.pod.meta.namespace_},
                                {"name", about.pod.meta.name},
                                {"uid", about.pod.meta.uid},
                                {"resourceVersion", about.pod.meta.resourceVersion}};
  if (!about.field_path.empty()) reference["fieldPath"] = about.field_path;
  ctx_.record_event(boost::json::serialize(reference), warning ? Warning : Normal, reason, note);
}

}  // namespace keelson::node

// Cluster: what the agent needs of the Kubernetes API during one call. sdk_cluster.hpp gives it over keelson::Context; tests
// give an in-memory one.
//
// Threads: belongs to the call that got it. Ownership: objects are shared and immutable.
#pragma once
#include <keelson/kinds.hpp>
#include <keelson/result.hpp>
#include <memory>
#include <string>
#include <vector>

namespace keelson::node {

using core_v1::Container;
using core_v1::ContainerStatus;
using core_v1::Pod;
using core_v1::PodCondition;
using core_v1::PodSpec;
using core_v1::PodStatus;

/// The part of an object reference that an event about a pod's container adds: "spec.containers{web}".
struct EventTarget {
  const Pod& pod;
  std::string field_path;
};

class Cluster {
 public:
  virtual ~Cluster() = default;
  /// Null when absent.
  virtual std::shared_ptr<const Pod> pod(const Key& key) = 0;
  virtual std::shared_ptr<const core_v1::ConfigMap> config_map(const Key& key) = 0;
  virtual std::shared_ptr<const core_v1::Secret> secret(const Key& key) = 0;
  virtual std::vector<std::shared_ptr<const core_v1::Service>> services(const std::string& ns) = 0;
  /// All pods bound to this node.
  virtual std::vector<std::shared_ptr<const Pod>> pods_on(const std::string& node) = 0;
  /// The status subresource, refused with 409 when `from` is not the newest state.
  virtual Outcome<void> write_status(const Pod& from, const PodStatus& status) = 0;
  /// Removes with grace 0 if the pod still has this uid.
  virtual Outcome<void> remove_pod(const Key& key, const std::string& uid) = 0;
  /// A TokenRequest's answer as JSON.
  virtual Outcome<std::string> request_token(const Key& service_account, const std::string& request_json) = 0;
  /// What other plugins say at runtime.admit, network.attach and network.detach; code 403: refused for good.
  virtual Outcome<void> admit(const Key&, const std::string& node) { (void)node; return {}; }
  virtual Outcome<std::vector<std::string>> attach(const Key&, const std::string& node, const std::string& sandbox, const std::vector<std::string>& addresses) {
    (void)node, (void)sandbox;
    return addresses;
  }
  virtual Outcome<void> detach(const Key&, const std::string& node, const std::string& sandbox, const std::vector<std::string>& addresses) {
    (void)node, (void)sandbox, (void)addresses;
    return {};
  }
  virtual void event(const EventTarget& about, bool warning, std::string_view reason, const std::string& note) = 0;
  virtual std::int64_t unix_ns() const = 0;
  virtual void log(std::string_view level, const std::string& message) = 0;
};

}  // namespace keelson::node

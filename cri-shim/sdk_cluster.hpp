// SdkCluster: Cluster over a Context of the SDK.
#pragma once
#include <keelson/sdk.hpp>

#include "cluster.hpp"

namespace keelson::node {

class SdkCluster final : public node::Cluster {
 public:
  explicit SdkCluster(Context& ctx) : ctx_(ctx) {}
  std::shared_ptr<const Pod> pod(const Key& key) override { return find<Pod>(key); }
  std::shared_ptr<const core_v1::ConfigMap> config_map(const Key& key) override { return find<core_v1::ConfigMap>(key); }
  std::shared_ptr<const core_v1::Secret> secret(const Key& key) override { return find<core_v1::Secret>(key); }
  std::vector<std::shared_ptr<const core_v1::Service>> services(const std::string& ns) override;
  std::vector<std::shared_ptr<const Pod>> pods_on(const std::string& node) override;
  Outcome<void> write_status(const Pod& from, const PodStatus& status) override;
  Outcome<void> remove_pod(const Key& key, const std::string& uid) override;
  Outcome<std::string> request_token(const Key& service_account, const std::string& request_json) override;
  Outcome<void> admit(const Key& key, const std::string& node) override;
  Outcome<std::vector<std::string>> attach(const Key& key, const std::string& node, const std::string& sandbox, const std::vector<std::string>& addresses) override;
  Outcome<void> detach(const Key& key, const std::string& node, const std::string& sandbox, const std::vector<std::string>& addresses) override;
  void event(const EventTarget& about, bool warning, std::string_view reason, const std::string& note) override;
  std::int64_t unix_ns() const override { return ctx_.unix_ns(); }
  void log(std::string_view level, const std::string& message) override { ctx_.log(level, message); }

 private:
  template <class T>
  std::shared_ptr<const T> find(const Key& key) {
    const auto found = ctx_.find<T>(key);
    return found ? std::make_shared<const T>(decode<T>(found.body())) : nullptr;
  }
  Context& ctx_;
};

}  // namespace keelson::node

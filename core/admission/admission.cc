#include "core/admission/admission.hpp"

#include "core/admission/owner_references.hpp"
#include "core/admission/pods_on_nodes.hpp"
#include "core/admission/policies.hpp"
#include "core/admission/policy_keeper.hpp"
#include "core/admission/quota.hpp"
#include "core/admission/service_addresses.hpp"
#include "core/admission/webhook_states.hpp"
#include "core/admission/webhooks.hpp"

namespace keelson::admission {
namespace {

class Running final : public Admission {
 public:
  explicit Running(const AdmissionParts& parts) : client_(parts.client), quotas_{parts.store, parts.registry, parts.runtime, std::make_shared<QuotaTurns>()} {
    const WebhookParts webhooks{parts.chains, parts.registry, parts.runtime, parts.metrics, parts.client};
    const PolicyParts policies{parts.chains, parts.registry, parts.runtime, parts.metrics};
    parts.chains.add(kOrderOwnerReferences, owner_references(parts.chains, parts.registry));
    parts.chains.add(kOrderPodTopologyLabels, pod_topology_labels());
    parts.chains.add(kOrderNodeDeclaredFeatures, node_declared_features());
    parts.chains.add(kOrderPodResizeValidator, pod_resize_validator());
    parts.chains.add(kOrderMutatingPolicies, mutating_policies(policies));
    parts.chains.add(kOrderValidatingPolicies, validating_policies(policies));
    parts.chains.add(kOrderMutatingWebhooks, mutating_webhooks(webhooks));
    parts.chains.add(kOrderValidatingWebhooks, validating_webhooks(webhooks));
    parts.chains.add(kOrderResourceQuota, resource_quota(quotas_));
    parts.chains.add(kOrderServiceAddresses, service_addresses({parts.store, parts.registry, parts.runtime}));
  }
  ~Running() override { stop(); }
  void start(verbs::Verbs& verbs) override {
    quota_keeper_ = make_quota_keeper(quotas_, verbs);
    policy_keeper_ = make_policy_keeper(quotas_.store, quotas_.registry, quotas_.runtime, verbs);
    webhook_states_ = make_webhook_states(quotas_.store, quotas_.registry, quotas_.runtime, verbs);
    if (client_) client_->on_circuit([states = webhook_states_](const webhook::CircuitChange& change) { states->changed(change); });
  }
  std::string paused_webhooks() const override { return webhook_states_ ? webhook_states_->text() : std::string(); }
  void stop() override {
    if (quota_keeper_) quota_keeper_->stop();
    if (policy_keeper_) policy_keeper_->stop();
    if (webhook_states_) webhook_states_->stop();
  }

 private:
  webhook::Client* const client_;
  const QuotaParts quotas_;
  std::unique_ptr<QuotaKeeper> quota_keeper_;
  std::unique_ptr<PolicyKeeper> policy_keeper_;
  std::shared_ptr<WebhookStates> webhook_states_;
};

}  // namespace

std::unique_ptr<Admission> make_admission(const AdmissionParts& parts) { return std::make_unique<Running>(parts); }

}  // namespace keelson::admission

// Webhooks: MutatingAdmissionWebhook and ValidatingAdmissionWebhook: what the stored configurations ask of others.
//
// Invariants: a configuration counts from the commit that stored it. Mutating webhooks are asked one after another by the names of
//   their configurations, validating ones at once. One that does not answer ends in what its failure policy says, at the latest
//   at its timeout and the request's deadline. Configurations themselves are exempt.
// Threads: asked on any, answered on the client's. Ownership: what `WebhookParts` refers to outlives the units and their requests.
#pragma once
#include "core/admission/expressions.hpp"
#include "core/base/metrics.hpp"
#include "core/webhook/client.hpp"

namespace keelson::admission {

inline constexpr std::int64_t kWebhookTimeoutDefault_s = 10;

struct WebhookParts {
  auth::Chains& chains;
  kinds::Registry& registry;
  base::Runtime& runtime;
  base::Metrics& metrics;
  webhook::Client* client = nullptr;   ///< null: no webhook can be called
};

std::shared_ptr<auth::AdmissionUnit> mutating_webhooks(const WebhookParts& parts);
std::shared_ptr<auth::AdmissionUnit> validating_webhooks(const WebhookParts& parts);

}  // namespace keelson::admission

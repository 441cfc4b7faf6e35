// WebhookStates: what the circuit breaker does with the endpoints of webhooks, told where a user looks: as Events about the
// configurations that name them, and as the text of a health check.
//
// A configuration has no status in Kubernetes, and what is written elsewhere into it would be the user's to keep: so the condition is
// that of the server, a health check that does not count for its readiness, because a dead webhook must not take the cluster down.
// Invariants: one Event for a configuration and what happened, whose count grows; at most kTellingsKnownMax are remembered.
// Threads: changed() on the client's thread, text() any. Ownership: the parts outlive it and its pending writes; after stop() nothing is
//   begun. Errors: an Event that cannot be written is logged; the next change is another try.
#pragma once
#include <memory>
#include <string>

#include "core/verbs/verbs.hpp"
#include "core/webhook/client.hpp"

namespace keelson::admission {

inline constexpr std::size_t kTellingsKnownMax = 256;
/// Reasons of the Events.
inline constexpr std::string_view kCircuitOpened = "WebhookPaused", kCircuitClosed = "WebhookResumed";

class WebhookStates {
 public:
  virtual ~WebhookStates() = default;
  virtual void changed(const webhook::CircuitChange& change) = 0;
  /// Empty: all are asked.
  virtual std::string text() const = 0;
  virtual void stop() = 0;
};
std::shared_ptr<WebhookStates> make_webhook_states(store::Store& store, kinds::Registry& registry, base::Runtime& runtime, verbs::Verbs& verbs);

}  // namespace keelson::admission

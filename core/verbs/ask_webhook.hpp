// AskWebhook: how verbs reach the webhooks that convert between the versions of a definition.
//
// Threads: called from any; `done` on any, once, at the latest at the deadline; it must not wait. Errors: the message goes on to
//   the client.
#pragma once
#include "core/verbs/verbs.hpp"
#include "core/webhook/client.hpp"

namespace keelson::verbs {

struct ConversionReview {
  const boost::json::value& client_config;
  std::string body;
  base::Monotonic deadline = 0;
  webhook::CallerRef definition{};   ///< whose objects it is about; null: one that is stored nowhere
};
/// Posts a review to where its clientConfig leads: the body of the answer, which was 200.
using AskWebhook = std::function<void(ConversionReview review, std::function<void(base::Outcome<std::string>)> done)>;

/// Verbs that serve what a webhook converts; without one such versions answer an error.
std::unique_ptr<Verbs> make_verbs(Parts parts, AskWebhook ask);

}  // namespace keelson::verbs

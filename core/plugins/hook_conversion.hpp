// Conversion by plugins: where the clientConfig of a definition's conversion names a plugin, that is asked in place of a webhook.
//
//   spec.conversion: {strategy: Webhook, webhook: {conversionReviewVersions: [v1], clientConfig: {url: https://NAME.plugins.keelson.dev}}}
//
// The point "conversion" has one text, the ConversionReview as a webhook is sent it; the answer's body is the one with the response.
//
// Invariants: what a plugin answers is judged like a webhook's answer. A plugin that is between two files, or starts again, is waited
//   for. One that is not there, is paused, or has not come by then has failed, and nothing is read or written in that version meanwhile.
// Threads: any. Ownership: the function holds the hooks; it may outlive the plugins. The runtime outlives it.
#pragma once
#include <memory>
#include <string>

#include "core/base/runtime.hpp"
#include "core/verbs/ask_webhook.hpp"

namespace keelson::plugins {

/// Who asks a plugin that is being swapped waits for so long at most, and looks so often.
inline constexpr std::int64_t kSwapWait_ms = 5'000;
inline constexpr std::int64_t kSwapLook_ms = 5;

class Hooks;

/// The name of the plugin that a clientConfig leads to; "": it leads elsewhere.
std::string converting_plugin(const boost::json::value& client_config);
/// Asks plugins for what they convert and `otherwise` for the rest; without one that fails.
verbs::AskWebhook ask_plugins(std::shared_ptr<Hooks> hooks, base::Runtime& runtime, verbs::AskWebhook otherwise = {});

}  // namespace keelson::plugins

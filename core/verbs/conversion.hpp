// Conversion: objects between the versions of a definition whose spec.conversion.strategy is Webhook, as that webhook tells it. The
//   definition is a stored one, or that of a kind which a plugin declares.
// Everything else is the business of versions.hpp, which this asks first: one way to an object in the form of any version.
//
// Invariants: one review holds all objects that need it. What comes back is in the version that was asked for, of the same kind,
//   and keeps all of its metadata but labels and annotations; anything else is an error in upstream's words.
// Threads: any; `done` runs once, on the caller's thread when no webhook is needed, else on the webhook client's.
#pragma once
#include <mutex>
#include <unordered_map>

#include "core/verbs/ask_webhook.hpp"
#include "core/verbs/core.hpp"

namespace keelson::verbs {

/// A webhook that has not answered by then has failed (upstream's limit).
inline constexpr std::int64_t kConversion_ms = 30'000;

using Objects = std::vector<store::ObjectRef>;
using OnConverted = std::function<void(base::Outcome<Objects>)>;

class Conversions {
 public:
  Conversions(const Parts& parts, AskWebhook ask) : parts_(parts), ask_webhook_(std::move(ask)) {}
  /// Whether another version of `kind` is made by a webhook. Cheap: asked for every write.
  bool by_webhook(const kinds::Kind& kind) const { return definition_of(kind) != nullptr; }
  /// `objects`, all of the resource of `to`, in its form.
  void in_form_of(const Core& core, kinds::KindRef to, Objects objects, base::Monotonic deadline, OnConverted done) const;

 private:
  struct Definition {
    store::Revision revision = 0;   ///< of the stored definition; of a plugin's kind 0
    std::string text;               ///< of a plugin's kind: what it was read from
    json::value webhook;   ///< spec.conversion.webhook; null: there is none
    webhook::CallerRef self{};   ///< null: a plugin's
  };
  using DefinitionRef = std::shared_ptr<const Definition>;
  DefinitionRef definition_of(const kinds::Kind& kind) const;
  DefinitionRef declared_by_plugin(const kinds::Kind& kind) const;
  /// Why a review failed, as upstream's metrics call it.
  struct Verdict;
  void count(base::Monotonic began, std::string_view failure) const;
  static Verdict judge(const json::array& sent, const std::string& to, const std::string& version, const std::string& uid, base::Outcome<std::string> answer);
  void ask(const Definition& definition, std::string to, json::array objects, base::Monotonic deadline, std::function<void(base::Outcome<json::array>)> done) const;

  const Parts& parts_;
  const AskWebhook ask_webhook_;
  mutable std::mutex mutex_;
  mutable std::unordered_map<std::string, DefinitionRef> definitions_;   // under mutex_: as read at their revision
};

}  // namespace keelson::verbs

// WebhookCall: one webhook of a configuration, and one question to it.
//
// Threads: Webhook is immutable; ask() from any, its answer comes on the client's thread or before it returns.
#pragma once
#include "core/admission/review.hpp"
#include "core/admission/webhooks.hpp"

namespace keelson::admission {

struct Webhook {
  std::string name, configuration;
  webhook::CallerRef caller;     ///< the configuration, for those who tell of it
  json::value client_config;
  Matcher matcher;
  std::vector<Expression> conditions;
  std::vector<std::string> versions;
  std::int64_t timeout_s = kWebhookTimeoutDefault_s;
  bool ignores_failure = false;
  bool dry_run = false;          ///< has no side effects on a dry run
  bool reinvoked = false;
  std::string id() const { return configuration + "/" + name; }
};
using WebhookRef = std::shared_ptr<const Webhook>;

/// The webhooks of all stored configurations of one resource, compiled once for each state of them.
class WebhookSource {
 public:
  explicit WebhookSource(std::string_view resource) : resource_(resource) {}
  using List = std::shared_ptr<const std::vector<WebhookRef>>;
  /// Null: there are none.
  List of(const store::Snapshot& snapshot);

 private:
  struct Compiled {
    std::vector<store::ObjectRef> sources;
    List webhooks;
  };
  static std::vector<WebhookRef> compile(const store::Object& configuration);
  const base::Atom resource_;
  std::shared_ptr<const Compiled> compiled_;
};

/// What asking one webhook came to.
struct WebhookOutcome {
  enum class Kind {
    allowed, rejected,
    failed,     ///< it gave no answer that counts
    refused     ///< by ourselves: no failure of the webhook
  } kind = Kind::allowed;
  ReviewAnswer answer;
  base::Error error;      ///< failed: message "failed calling webhook ..."
  int code = 200;
  bool asked = true;      ///< false: its endpoint is given a pause, which was told when it began
};

class WebhookCaller {
 public:
  WebhookCaller(const WebhookParts& parts, std::string type) : parts_(parts), type_(std::move(type)) {}
  /// The kind as which the webhook is to see the request; null: it is not asked.
  base::Outcome<kinds::KindRef> wanted(const Webhook& webhook, AdmissionRequest& request) const;
  /// `done` gets what counts after the failure policy was applied: an Error ends the request.
  void ask(const WebhookRef& webhook, AdmissionRequest& request, const kinds::Kind& as, std::function<void(base::Outcome<ReviewAnswer>)> done) const;
  /// An error of our own about a webhook's answer.
  void observe_internal_error(const Webhook& webhook, const AdmissionRequest& request) const;
  const WebhookParts& parts() const { return parts_; }

 private:
  struct Question;
  void conclude(const Question& question, WebhookOutcome outcome) const;
  base::Outcome<webhook::Call> prepared(Question& question, const AdmissionRequest& request, const kinds::Kind& as) const;
  WebhookOutcome read(const Question& question, base::Outcome<webhook::Answer> answer) const;
  void count(const Question& question, const WebhookOutcome& outcome, bool ignored) const;
  void count_rejection(const std::string& name, std::string_view operation, const std::string& error_type, int code) const;

  const WebhookParts parts_;
  const std::string type_;        ///< "admit" or "validating"
};

}  // namespace keelson::admission

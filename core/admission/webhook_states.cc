#include "core/admission/webhook_states.hpp"

#include <boost/json/serialize.hpp>
#include <map>
#include <mutex>

#include "core/admission/matching.hpp"
#include "core/base/log.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::admission {
namespace {

constexpr std::string_view kNamespace = "default", kComponent = "admission-webhooks";   // where Events about cluster-wide objects are

std::string shown(const webhook::Caller& caller, const webhook::CircuitChange& change) {
  const std::string meanwhile = caller.kind == "CustomResourceDefinition" ? "what it converts cannot be read or written meanwhile" : "its failure policy counts meanwhile";
  if (!change.open) return "webhook endpoint " + change.authority + " is asked again";
  return "webhook endpoint " + change.authority + " failed " + std::to_string(change.failures) + " times in a row and is given a pause, " + meanwhile + ": " + change.why;
}

class States final : public WebhookStates, public std::enable_shared_from_this<States> {
 public:
  States(store::Store& store, kinds::Registry& registry, base::Runtime& runtime, verbs::Verbs& verbs) : store_(store), registry_(registry), runtime_(runtime), verbs_(verbs) {}

  void changed(const webhook::CircuitChange& change) override {
    {
      const std::lock_guard lock(mutex_);
      if (stopped_) return;
      if (change.open) open_[change.authority] = change.why;
      else open_.erase(change.authority);
    }
    for (const auto& caller : change.callers) tell(*caller, change);
  }

  std::string text() const override {
    const std::lock_guard lock(mutex_);
    std::string out;
    for (const auto& [authority, why] : open_) out += (out.empty() ? "" : "; ") + authority + " is given a pause: " + why;
    return out;
  }

  void stop() override {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }

 private:
  struct Telling {
    std::string name;
    std::int64_t count = 0;
  };

  void tell(const webhook::Caller& caller, const webhook::CircuitChange& change) {
    const auto catalog = registry_.current();
    const auto slash = caller.api_version.find('/');
    const auto about = slash == std::string::npos ? nullptr : catalog->by_kind(caller.api_version.substr(0, slash), caller.api_version.substr(slash + 1), caller.kind);
    const auto held = about ? store_.snapshot().get({about->storage_key, "", caller.name}) : nullptr;
    const auto events = catalog->find("", "v1", "events");
    if (!held || held->columns().uid != caller.uid || !events) return;
    const std::string reason(change.open ? kCircuitOpened : kCircuitClosed);
    const auto key = caller.uid + "/" + reason + "/" + change.authority;
    Telling telling;
    {
      const std::lock_guard lock(mutex_);
      if (tellings_.size() == kTellingsKnownMax && !tellings_.contains(key)) tellings_.clear();
      auto& known = tellings_[key];
      if (known.count++ == 0) known.name = caller.name + "." + base::name_suffix(runtime_, kSuffixLength);
      telling = known;
    }
    const auto now = base::rfc3339(runtime_.unix_s());
    const auto done = [weak = weak_from_this(), key](const base::Outcome<verbs::Written>& written) {
      if (const auto self = weak.lock(); self && !written) self->missed(key, written.error());
    };
    if (telling.count > 1) {
      const json::object patch{{"count", telling.count}, {"lastTimestamp", now}, {"message", shown(caller, change)}};
      return verbs_.patch(context(), {events, std::string(kNamespace), telling.name, {}}, kinds::PatchType::merge, {kinds::Media::json, json::serialize(patch)}, {}, done);
    }
    const json::object event{{"metadata", {{"name", telling.name}, {"namespace", kNamespace}}},
                             {"involvedObject", {{"apiVersion", caller.api_version}, {"kind", caller.kind}, {"name", caller.name}, {"uid", caller.uid}}},
                             {"type", change.open ? "Warning" : "Normal"}, {"reason", reason}, {"message", shown(caller, change)}, {"count", telling.count},
                             {"firstTimestamp", now}, {"lastTimestamp", now}, {"source", {{"component", kComponent}}}, {"reportingComponent", kComponent}};
    verbs_.create(context(), {events, std::string(kNamespace), {}, {}}, {kinds::Media::json, json::serialize(event)}, {}, done);
  }

  /// The next one is a new Event: this one had lived its time, or was never made.
  void missed(const std::string& key, const base::Error& why) {
    const std::lock_guard lock(mutex_);
    tellings_.erase(key);
    if (why.code != 404 && !stopped_) base::log_warn("admission", "an event about a webhook was not recorded", {{"what", why.message}});
  }

  static verbs::Context context() { return verbs::own_context("webhook-states", "system:apiserver", std::string(kComponent)); }

  static constexpr int kSuffixLength = 10;
  store::Store& store_;
  kinds::Registry& registry_;
  base::Runtime& runtime_;
  verbs::Verbs& verbs_;
  mutable std::mutex mutex_;
  std::map<std::string, std::string> open_;      // under mutex_, like all below: authority -> why
  std::map<std::string, Telling> tellings_;      // by uid, reason and authority
  bool stopped_ = false;
};

}  // namespace

std::shared_ptr<WebhookStates> make_webhook_states(store::Store& store, kinds::Registry& registry, base::Runtime& runtime, verbs::Verbs& verbs) {
  return std::make_shared<States>(store, registry, runtime, verbs);
}

}  // namespace keelson::admission

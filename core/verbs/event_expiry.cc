#include "core/verbs/event_expiry.hpp"

#include <algorithm>

#include "core/auth/json_access.hpp"
#include "core/base/instant.hpp"
#include "core/base/json_value.hpp"
#include "core/base/timed_turns.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::verbs {
namespace {

constexpr std::string_view kResource = "events";

/// When the Event was last seen, in Unix seconds; what lies in the future does not count.
std::int64_t last_seen(const store::Object& event, std::int64_t now_s) {
  std::int64_t latest = event.columns().creation_unix_s;
  boost::system::error_code broken;
  const auto body = base::json_of(event.body(), broken);
  if (broken) return latest;
  for (const auto& text : {auth::text_at(body, {"lastTimestamp"}), auth::text_at(body, {"eventTime"}), auth::text_at(body, {"series", "lastObservedTime"})}) {
    const auto time = base::parse_time(text);
    if (time && time->seconds <= now_s) latest = std::max(latest, time->seconds);
  }
  return latest;
}

class Expiry final : public EventExpiry {
 public:
  Expiry(store::Store& store, Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime)
      : store_(store), verbs_(verbs), registry_(registry), runtime_(runtime), turns_(runtime, [this] { turns_.in_ms(remove_what_is_due() * 1000); }) {
    turns_.in_ms(kEventTurnLeast_s * 1000);
  }
  void stop() override { turns_.stop(); }

 private:
  /// Seconds until the next turn.
  std::int64_t remove_what_is_due() {
    const auto kind = registry_.current()->by_storage_key(store::Atom(kResource));
    if (!kind) return kEventLifetime_s;
    const auto now_s = runtime_.unix_s();
    std::int64_t next_s = now_s + kEventLifetime_s;
    std::vector<store::ObjectRef> due;
    store_.snapshot().scan(kind->storage_key, "", nullptr, [&](const store::ObjectRef& event) {
      auto end_s = event->columns().creation_unix_s + kEventLifetime_s;
      if (end_s <= now_s) end_s = last_seen(*event, now_s) + kEventLifetime_s;   // read only when its age asks for it
      if (end_s <= now_s && due.size() < kEventDeletesMax) due.push_back(event);
      else next_s = std::min(next_s, end_s);
      return true;
    });
    for (const auto& event : due) remove(kind, *event);
    return std::max(next_s - now_s, kEventTurnLeast_s);
  }

  void remove(const kinds::KindRef& kind, const store::Object& event) {
    DeleteOptions options;
    options.uid = event.columns().uid;
    options.resource_version = std::to_string(event.revision());
    verbs_.remove(caused_by(event.revision(), own_context("event-expiry")), {kind, event.key().ns, event.key().name, {}}, std::move(options), [](const base::Outcome<Written>&) {});
  }

  store::Store& store_;
  Verbs& verbs_;
  kinds::Registry& registry_;
  base::Runtime& runtime_;
  base::TimedTurns turns_;
};

}  // namespace

std::unique_ptr<EventExpiry> make_event_expiry(store::Store& store, Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime) {
  return std::make_unique<Expiry>(store, verbs, registry, runtime);
}

}  // namespace keelson::verbs

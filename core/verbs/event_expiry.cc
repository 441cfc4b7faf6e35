#include "core/verbs/event_expiry.hpp"

#include <algorithm>
#include <boost/json/parse.hpp>
#include <mutex>

#include "core/auth/json_access.hpp"
#include "core/base/instant.hpp"
#include "core/verbs/own_context.hpp"

namespace keelson::verbs {
namespace {

constexpr std::string_view kResource = "events";

/// When the Event was last seen, in Unix seconds; what lies in the future does not count.
std::int64_t last_seen(const store::Object& event, std::int64_t now_s) {
  std::int64_t latest = event.columns().creation_unix_s;
  boost::system::error_code broken;
  const auto body = boost::json::parse(boost::json::string_view(event.body().data(), event.body().size()), broken);
  if (broken) return latest;
  for (const auto& text : {auth::text_at(body, {"lastTimestamp"}), auth::text_at(body, {"eventTime"}), auth::text_at(body, {"series", "lastObservedTime"})}) {
    const auto time = base::parse_time(text);
    if (time && time->seconds <= now_s) latest = std::max(latest, time->seconds);
  }
  return latest;
}

class Expiry final : public std::enable_shared_from_this<Expiry> {
 public:
  Expiry(store::Store& store, Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime) : store_(store), verbs_(verbs), registry_(registry), runtime_(runtime), turned_(runtime.waiter()) {}

  void arm(std::int64_t delay_s) {
    const std::lock_guard lock(mutex_);
    if (stopped_) return;
    timer_ = runtime_.schedule_at(runtime_.in_ms(delay_s * 1000), [weak = weak_from_this()] {
      if (const auto self = weak.lock()) self->turn();
    });
  }

  /// Waits for a turn under way.
  void stop() {
    bool turning;
    {
      const std::lock_guard lock(mutex_);
      stopped_ = true;
      turning = turning_;
      runtime_.cancel(timer_);
    }
    if (turning) turned_->wait_until(base::kForever);
  }

 private:
  void turn() {
    if (!begin()) return;
    const auto delay_s = remove_what_is_due();
    end();
    arm(delay_s);
  }

  bool begin() {
    const std::lock_guard lock(mutex_);
    turning_ = !stopped_;
    return turning_;
  }

  void end() {
    const std::lock_guard lock(mutex_);
    turning_ = false;
    if (stopped_) turned_->notify();
  }

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
    verbs_.remove(own_context("event-expiry"), {kind, event.key().ns, event.key().name, {}}, std::move(options), [](const base::Outcome<Written>&) {});
  }

  store::Store& store_;
  Verbs& verbs_;
  kinds::Registry& registry_;
  base::Runtime& runtime_;
  const std::unique_ptr<base::Waiter> turned_;
  std::mutex mutex_;
  bool stopped_ = false, turning_ = false;   // under mutex_
  base::TimerId timer_ = 0;                  // under mutex_
};

class RunningExpiry final : public EventExpiry {
 public:
  RunningExpiry(store::Store& store, Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime) : expiry_(std::make_shared<Expiry>(store, verbs, registry, runtime)) {
    expiry_->arm(kEventTurnLeast_s);
  }
  ~RunningExpiry() override { stop(); }
  void stop() override { expiry_->stop(); }

 private:
  std::shared_ptr<Expiry> expiry_;
};

}  // namespace

std::unique_ptr<EventExpiry> make_event_expiry(store::Store& store, Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime) {
  return std::make_unique<RunningExpiry>(store, verbs, registry, runtime);
}

}  // namespace keelson::verbs

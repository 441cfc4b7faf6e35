#include "core/auth/event_rate.hpp"

#include <algorithm>
#include <mutex>
#include <unordered_map>

#include "core/auth/admission.hpp"
#include "core/base/json_text.hpp"

namespace keelson::auth {
namespace {

class EventRate final : public AdmissionUnit, public AnswersAtOnce {
 public:
  explicit EventRate(base::Runtime& runtime) : runtime_(runtime) {}
  std::string_view name() const override { return "EventRateLimit"; }
  bool reads_objects(const AdmissionRequest&) override { return false; }
  bool handles(AdmissionRequest::Operation operation, const kinds::Kind& kind, std::string_view) const override {
    const bool writes = operation == AdmissionRequest::Operation::create || operation == AdmissionRequest::Operation::update;
    return writes && kind.resource == "events" && (kind.group.empty() || kind.group == "events.k8s.io");
  }
  void validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override {
    if (request.dry_run || !request.user || !request.user->plugin.empty() || take(request.user->name)) return done({});
    done(base::too_many_requests("limit reached on type User for key " + base::quoted(request.user->name), 1));
  }

 private:
  struct Bucket {
    double left = kEventsBurst;
    base::Monotonic since = 0;
  };

  bool take(const std::string& user) {
    const auto now = runtime_.monotonic_ns();
    const std::lock_guard lock(mutex_);
    if (buckets_.size() >= kEventUsersMax && !buckets_.contains(user)) forget(now);
    auto& bucket = buckets_.try_emplace(user, Bucket{kEventsBurst, now}).first->second;
    fill(bucket, now);
    if (bucket.left < 1) return false;
    bucket.left -= 1;
    return true;
  }
  static void fill(Bucket& bucket, base::Monotonic now) {
    bucket.left = std::min(kEventsBurst, bucket.left + static_cast<double>(now - bucket.since) / 1e9 * kEventsPerSecond);
    bucket.since = now;
  }
  void forget(base::Monotonic now) {
    for (auto& [user, bucket] : buckets_) fill(bucket, now);
    std::erase_if(buckets_, [](const auto& entry) { return entry.second.left >= kEventsBurst; });
    if (buckets_.size() >= kEventUsersMax) buckets_.clear();
  }

  base::Runtime& runtime_;
  std::mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_;   // under mutex_
};

}  // namespace

std::shared_ptr<AdmissionUnit> event_rate_limit(base::Runtime& runtime) { return std::make_shared<EventRate>(runtime); }

}  // namespace keelson::auth

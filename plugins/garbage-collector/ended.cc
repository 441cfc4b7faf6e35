#include "ended.hpp"

namespace gc {
namespace {

constexpr keelson::Gvk kPod{"", "v1", "Pod", "pods"};

bool has_ended(const keelson::ObjectHandle& pod) {
  const auto phase = pod.field("status.phase");
  return phase == "Succeeded" || phase == "Failed";
}

class Remover final : public keelson::KeyReconciler {
 public:
  explicit Remover(std::shared_ptr<const Ended> ended) : ended_(std::move(ended)) {}
  keelson::Result reconcile(keelson::Context& ctx, const keelson::Key&) override {
    for (const auto& key : ended_->excess()) {
      const auto pod = ctx.find_raw(kPod, key);
      if (!pod || pod.deleting() || !has_ended(pod)) continue;
      const auto gone = ctx.write_raw("remove", kPod, key, "", "", keelson::str(R"({"gracePeriodSeconds":0,"uid":")", pod.uid(), R"("})"));
      if (!gone && !is_not_found(gone.error())) return gone.error();
    }
    return keelson::done();
  }

 private:
  std::shared_ptr<const Ended> ended_;   // shared: with the observer
};

}  // namespace

bool Ended::note(std::string_view what, const keelson::KindInfo& kind, const keelson::ObjectHandle& now, const keelson::ObjectHandle& before) {
  if (what == "synced" || kind.storage_key != "pods") return false;
  const auto& shown = what == "deleted" ? before : now;
  const bool counts = what != "deleted" && !shown.deleting() && has_ended(shown);
  const std::lock_guard lock(mutex_);
  if (const auto held = pods_.find(shown.key()); held != pods_.end()) {
    by_age_.erase({held->second, held->first});
    pods_.erase(held);
  }
  if (!counts) return false;
  pods_.emplace(shown.key(), shown.creation_unix_s());
  by_age_.emplace(shown.creation_unix_s(), shown.key());
  return pods_.size() > most_;
}

std::vector<keelson::Key> Ended::excess() const {
  std::vector<keelson::Key> out;
  const std::lock_guard lock(mutex_);
  for (auto pod = by_age_.begin(); pod != by_age_.end() && out.size() + most_ < by_age_.size(); ++pod) out.push_back(pod->second);
  return out;
}

std::unique_ptr<keelson::KeyReconciler> make_remover(std::shared_ptr<const Ended> ended) { return std::make_unique<Remover>(std::move(ended)); }

}  // namespace gc

#include "core/store/waits.hpp"

namespace keelson::store {

void RevisionWaits::add(Revision revision, base::Monotonic deadline, Done done) {
  std::unique_lock lock(mutex_);
  const Revision current = released_;
  if (current >= revision) {
    lock.unlock();
    done(current);
    return;
  }
  const std::uint64_t id = ++last_id_;
  base::TimerId timer = 0;
  if (deadline != base::kForever) {
    timer = runtime_.schedule_at(deadline, [weak = weak_from_this(), revision, id] {
      if (const auto self = weak.lock()) self->time_out(revision, id);
    });
  }
  waits_.emplace(revision, Wait{id, std::move(done), timer});
}

void RevisionWaits::release(Revision revision) {
  std::vector<Wait> ready;
  {
    std::lock_guard lock(mutex_);
    released_ = std::max(released_, revision);
    const auto end = waits_.upper_bound(revision);
    for (auto at = waits_.begin(); at != end; at = waits_.erase(at)) ready.push_back(std::move(at->second));
  }
  for (Wait& wait : ready) {
    if (wait.timer != 0) runtime_.cancel(wait.timer);
    wait.done(revision);
  }
}

void RevisionWaits::time_out(Revision revision, std::uint64_t id) {
  Done done;
  Revision current = 0;
  {
    std::lock_guard lock(mutex_);
    current = released_;
    const auto [begin, end] = waits_.equal_range(revision);
    for (auto at = begin; at != end; ++at) {
      if (at->second.id != id) continue;
      done = std::move(at->second.done);
      waits_.erase(at);
      break;
    }
  }
  if (done) done(base::too_large_revision(revision, current));
}

void RevisionWaits::fail_all(const base::Error& error) {
  std::multimap<Revision, Wait> failed;
  {
    std::lock_guard lock(mutex_);
    failed.swap(waits_);
  }
  for (auto& [revision, wait] : failed) {
    if (wait.timer != 0) runtime_.cancel(wait.timer);
    wait.done(error);
  }
}

}  // namespace keelson::store

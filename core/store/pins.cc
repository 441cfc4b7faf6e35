#include "core/store/pins.hpp"

#include <algorithm>

namespace keelson::store {

void Pins::started(Revision revision) {
  std::lock_guard lock(mutex_);
  // Older ones are of an earlier run: expired.
  ages_.assign(1, {runtime_.monotonic_ns() - kExactReadMaxAge_ms * base::kNanosPerMs, revision});
}

void Pins::installed(Revision revision, std::uint64_t bytes) {
  std::vector<Snapshot> dropped;
  std::lock_guard lock(mutex_);
  written_ += bytes;
  const base::Monotonic now = runtime_.monotonic_ns();
  if (now - ages_.back().first >= kRevisionAgeStep_ms * base::kNanosPerMs) ages_.emplace_back(now, revision);
  else ages_.back().second = revision;
  const base::Monotonic horizon = now - kExactReadMaxAge_ms * base::kNanosPerMs;
  while (ages_.size() > 1 && ages_[1].first <= horizon) ages_.pop_front();
  if (!pins_.empty()) sweep(dropped);
}

bool Pins::expired(Revision revision) const {
  std::lock_guard lock(mutex_);
  const base::Monotonic horizon = runtime_.monotonic_ns() - kExactReadMaxAge_ms * base::kNanosPerMs;
  Revision newest_then = 0;
  for (const auto& [since, at] : ages_)
    if (since <= horizon) newest_then = at;
  return revision < newest_then;
}

std::optional<Snapshot> Pins::find(Revision revision, Atom resource) const {
  std::lock_guard lock(mutex_);
  for (const Pin& pin : pins_)
    if (pin.revision == revision && (pin.resource.empty() || pin.resource == resource)) return pin.snapshot;
  return std::nullopt;
}

void Pins::pin(Revision revision, Atom resource, Snapshot snapshot) {
  std::vector<Snapshot> dropped;   // freed after the lock
  std::lock_guard lock(mutex_);
  sweep(dropped);
  if (pins_.size() >= kPinsMax) {
    dropped.push_back(pins_.front().snapshot);
    pins_.erase(pins_.begin());
  }
  pins_.push_back({revision, resource, std::move(snapshot), runtime_.in_ms(kExactReadMaxAge_ms), written_});
}

void Pins::sweep(std::vector<Snapshot>& dropped) {
  const base::Monotonic now = runtime_.monotonic_ns();
  std::erase_if(pins_, [&](const Pin& pin) {
    if (pin.expires > now && written_ - pin.written_before <= kPinnedGarbageBytesMax) return false;
    dropped.push_back(pin.snapshot);
    return true;
  });
}

void Pins::clear() {
  std::vector<Pin> dropped;
  std::lock_guard lock(mutex_);
  dropped.swap(pins_);
}

}  // namespace keelson::store

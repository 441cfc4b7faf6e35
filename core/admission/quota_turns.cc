#include "core/admission/quota_turns.hpp"

#include <algorithm>

namespace keelson::admission {

QuotaTurns::Guard QuotaTurns::guard(const std::string& ns) {
  struct Turn {
    std::shared_ptr<QuotaTurns> turns;
    std::string ns;
    ~Turn() { turns->end(ns); }
  };
  return std::make_shared<Turn>(shared_from_this(), ns);
}

bool QuotaTurns::busy_elsewhere(const void* owner) const {
  return std::any_of(lines_.begin(), lines_.end(), [&](const auto& entry) { return entry.second.owner == owner; });
}

void QuotaTurns::take(const std::string& ns, const void* owner, std::function<void(Guard)> go) {
  std::unique_lock lock(mutex_);
  const auto found = lines_.find(ns);
  const bool free = found == lines_.end() || (!found->second.owner && found->second.waiting.empty());
  if (!free && busy_elsewhere(owner)) {
    lock.unlock();
    return go(nullptr);
  }
  lines_[ns].waiting.push_back({owner, std::move(go)});
  call(ns, lock);
}

void QuotaTurns::end(const std::string& ns) {
  std::unique_lock lock(mutex_);
  lines_[ns].owner = nullptr;
  call(ns, lock);
}

/// Calls those who wait, as long as turns end before the call returns.
void QuotaTurns::call(const std::string& ns, std::unique_lock<std::mutex>& lock) {
  auto& line = lines_[ns];   // stays where it is: nobody else erases while `calling`
  if (line.calling) return;
  line.calling = true;
  while (!line.owner && !line.waiting.empty()) {
    auto next = std::move(line.waiting.front());
    line.waiting.pop_front();
    line.owner = next.owner;
    lock.unlock();
    next.go(guard(ns));
    next = {};
    lock.lock();
  }
  line.calling = false;
  if (!line.owner && line.waiting.empty()) lines_.erase(ns);
}

}  // namespace keelson::admission

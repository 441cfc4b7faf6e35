#include "core/testing/faulty_store.hpp"

#include <algorithm>

namespace keelson::testing {
namespace {

constexpr std::uint64_t kShares = 1'000'000;

store::CommitOutcome lost() { return {std::nullopt, std::nullopt, base::unavailable("the server has crashed")}; }

}  // namespace

void FaultyStore::inject(const Faults& faults) {
  const std::lock_guard lock(mutex_);
  faults_ = faults;
}

bool FaultyStore::made_up_conflict(const store::Commit& commit, store::OnCommit& done) {
  using Kind = store::Expectation::Kind;
  const auto expected = std::find_if(commit.expectations.begin(), commit.expectations.end(), [](const store::Expectation& one) { return one.kind == Kind::at_revision; });
  if (expected == commit.expectations.end()) return false;
  {
    const std::lock_guard lock(mutex_);
    if (static_cast<double>(runtime_.random_u64() % kShares) >= faults_.conflicts * kShares) return false;
  }
  const auto index = static_cast<std::size_t>(expected - commit.expectations.begin());
  done({std::nullopt, store::Mismatch{index, inner_.snapshot().get(expected->key)}, std::nullopt});
  return true;
}

void FaultyStore::commit_late(store::Commit commit, store::OnCommit done, base::Monotonic at) {
  const auto late = std::make_shared<std::pair<store::Commit, store::OnCommit>>(std::move(commit), std::move(done));   // shared: timers copy what they run
  runtime_.schedule_at(at, [&inner = inner_, dead = dead_, late] {
    if (dead->load()) late->second(lost());
    else inner.commit(std::move(late->first), std::move(late->second));
  });
}

void FaultyStore::commit(store::Commit commit, store::OnCommit done) {
  if (dead_->load()) return done(lost());
  if (made_up_conflict(commit, done)) return;
  base::Monotonic at = 0;
  {
    const std::lock_guard lock(mutex_);
    const auto now = runtime_.monotonic_ns();
    if (faults_.write_delay.count() > 0 || last_at_ > now) at = last_at_ = std::max(now + faults_.write_delay.count(), last_at_);
  }
  if (at == 0) inner_.commit(std::move(commit), std::move(done));
  else commit_late(std::move(commit), std::move(done), at);
}

}  // namespace keelson::testing

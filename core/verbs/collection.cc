#include "core/verbs/collection.hpp"

#include <utility>

namespace keelson::verbs {

void CollectionRemoval::run(base::Outcome<Listed> listed) {
  if (!listed) return done_(listed.error());
  listed_ = std::move(*listed);
  pumping_ = true;
  pump();
}

/// Starts what may be started. One thread at a time: a delete that ends while its own start() runs (a dry run) must not
/// start the next one from inside itself, or a long collection would use up the stack.
void CollectionRemoval::pump() {
  std::unique_lock lock(mutex_);
  while (!error_ && next_ < listed_.objects.size() && under_way_ < kCollectionInFlightMax) {
    const auto index = next_++;
    ++under_way_;
    lock.unlock();
    start(index);
    lock.lock();
  }
  pumping_ = false;
  const bool last = under_way_ == 0;
  lock.unlock();
  if (last) conclude();
}

void CollectionRemoval::start(std::size_t index) {
  // The slot of this index is ours until finished() has run: others touch other slots only.
  const auto key = listed_.objects[index]->key();
  Verbs::Step step{.op = Verbs::Step::Op::remove, .target = target_, .delete_options = options_};
  step.target.ns = key.ns;
  step.target.name = key.name;
  std::vector<Verbs::Step> steps;
  steps.push_back(std::move(step));
  const auto done = [self = shared_from_this(), index](base::Outcome<std::vector<Written>> outcome) { self->finished(index, std::move(outcome)); };
  std::make_shared<Transaction>(core_, context_, std::move(steps), std::vector<store::Expectation>(), false, done)->attempt();
}

void CollectionRemoval::finished(std::size_t index, base::Outcome<std::vector<Written>> outcome) {
  {
    std::lock_guard lock(mutex_);
    if (outcome) listed_.objects[index] = std::move(outcome->front().object);
    else if (outcome.error().code != 404 && !error_) error_ = outcome.error();
    --under_way_;
    if (std::exchange(pumping_, true)) return;
  }
  pump();
}

void CollectionRemoval::conclude() {
  if (error_) return done_(std::move(*error_));
  done_(std::move(listed_));
}

}  // namespace keelson::verbs

#include "core/store/reclaimer.hpp"

namespace keelson::store {
namespace {
thread_local int t_inline = 0;
}

InlineReclaim::InlineReclaim() { ++t_inline; }
InlineReclaim::~InlineReclaim() { --t_inline; }

std::shared_ptr<const Snapshot::State> Reclaimer::share(std::unique_ptr<Snapshot::State> state) {
  return {state.release(), [self = shared_from_this()](Snapshot::State* dropped) { self->give(std::unique_ptr<Snapshot::State>(dropped)); }};
}

void Reclaimer::give(std::unique_ptr<Snapshot::State> state) {
  if (t_inline > 0) return;
  std::lock_guard lock(mutex_);
  if (!runtime_) return;   // freed by the unique_ptr, after the lock
  for (auto& [resource, tree] : state->trees) tree.dismantle(nodes_);
  if (!nodes_.empty()) arm();
}

void Reclaimer::arm() {
  if (armed_) return;
  armed_ = true;
  timer_ = runtime_->schedule_at(runtime_->in_ms(kReclaimDelay_ms), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->run_slice();
  });
}

void Reclaimer::run_slice() {
  std::vector<TreeNode*> slice;
  {
    std::lock_guard lock(mutex_);
    slice.swap(nodes_);
  }
  free_some(slice, kReclaimNodesPerSlice);
  std::lock_guard lock(mutex_);
  nodes_.insert(nodes_.end(), slice.begin(), slice.end());
  armed_ = false;
  if (!nodes_.empty() && runtime_) arm();
}

void Reclaimer::close() {
  std::vector<TreeNode*> rest;
  {
    std::lock_guard lock(mutex_);
    if (runtime_ && armed_) runtime_->cancel(timer_);
    runtime_ = nullptr;
    rest.swap(nodes_);
  }
  free_some(rest, static_cast<std::size_t>(-1));
}

}  // namespace keelson::store

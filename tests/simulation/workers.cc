#include "tests/simulation/workers.hpp"

#include "tests/simulation/broken.hpp"

namespace keelson::simulation {
namespace {

constexpr std::uint64_t kWorkMax_us = 3'000;
constexpr std::uint64_t kFailsOneOf = 6;

}  // namespace

Workers::Workers(Server& server, base::SimulatedRuntime& runtime, const std::string& kind, std::uint64_t seed)
    : server_(server), runtime_(runtime), resource_(server.kind(kind)->storage_key), random_(seed),
      queue_(std::make_shared<plugins::WorkQueue>(runtime, plugins::QueueMetrics{}, [this] { wake(); })) {
  for (int i = 0; i < kThreads; ++i) waiters_.push_back(runtime.waiter());
  subscription_ = server.store().subscribe(*this).first;
  server.store().snapshot().scan(resource_, "", nullptr, [&](const store::ObjectRef& object) {
    queue_->add(object->key().name);
    return true;
  });
  for (int i = 0; i < kThreads; ++i) threads_.push_back(runtime.spawn("worker", [this, &waiter = *waiters_[static_cast<std::size_t>(i)]] { work(waiter); }));
}

Workers::~Workers() {
  subscription_.reset();
  stopping_ = true;
  wake();
  threads_.clear();
  queue_->close();
}

void Workers::on_changes(std::span<const store::Change> changes) {
  for (const auto& change : changes)
    if (change.object->key().resource == resource_) queue_->add(change.object->key().name);
}

void Workers::wake() {
  for (const auto& waiter : waiters_) waiter->notify();
}

void Workers::work(base::Waiter& waiter) {
  while (!stopping_) {
    if (const auto taken = queue_->take()) reconcile(taken);
    else waiter.wait_until(base::kForever);
  }
}

void Workers::reconcile(const plugins::WorkQueue::Taken& taken) {
  const std::string key = *taken;
  if (!busy_.insert(key).second) broken_ = key + " is worked on twice at once";
  ++reconciles_;
  const auto object = server_.store().snapshot().get({resource_, "default", key});
  looked_at_[key] = object ? object->revision() : 0;
  runtime_.waiter()->wait_until(runtime_.monotonic_ns() + static_cast<std::int64_t>(random_() % kWorkMax_us) * 1'000);
  busy_.erase(key);
  if (random_() % kFailsOneOf != 0) queue_->forget(key);
  else queue_->retry(key);
  queue_->finish(key);
}

void Workers::check() const {
  if (!broken_.empty()) throw Broken(broken_);
  server_.store().snapshot().scan(resource_, "default", nullptr, [&](const store::ObjectRef& object) {
    const auto found = looked_at_.find(object->key().name);
    if (found == looked_at_.end() || found->second != object->revision()) throw Broken(object->key().name + " was never looked at in its last state");
    return true;
  });
  for (const auto& [key, revision] : looked_at_)
    if (revision != 0 && !server_.store().snapshot().get({resource_, "default", key})) throw Broken("nobody looked whether " + key + " is gone");
}

}  // namespace keelson::simulation

// Workers: threads that work on the keys of one kind out of a WorkQueue, as the controllers of a plugin do.
//
// Invariants, checked: no key is worked on twice at once; once nothing is left to do, each key was last looked at in its last state.
// Threads: the simulation's; the destructor ends them. Ownership: the server outlives them.
#pragma once
#include <map>
#include <random>
#include <set>

#include "core/plugins/queue.hpp"
#include "tests/simulation/server.hpp"

namespace keelson::simulation {

class Workers final : public store::FeedSink {
 public:
  Workers(Server& server, base::SimulatedRuntime& runtime, const std::string& kind, std::uint64_t seed);
  ~Workers() override;
  void on_changes(std::span<const store::Change> changes) override;
  void check() const;
  std::size_t reconciles() const { return reconciles_; }

 private:
  void work(base::Waiter& waiter);
  void reconcile(const plugins::WorkQueue::Taken& taken);
  void wake();

  static constexpr int kThreads = 3;
  Server& server_;
  base::SimulatedRuntime& runtime_;
  const store::Atom resource_;
  std::mt19937_64 random_;
  std::vector<std::unique_ptr<base::Waiter>> waiters_;   // one each
  const std::shared_ptr<plugins::WorkQueue> queue_;
  std::map<std::string, store::Revision> looked_at_;   // 0: it was not there
  std::set<std::string> busy_;
  std::size_t reconciles_ = 0;
  bool stopping_ = false;
  std::string broken_;
  std::unique_ptr<store::Subscription> subscription_;
  std::vector<std::unique_ptr<base::Thread>> threads_;
};

}  // namespace keelson::simulation

// Overdue: a request that has no answer at its deadline is answered 504, whoever it waits for.
//
// Invariants: one timer for all, armed only while somebody waits; a call is in the list from watch() to forget().
// Threads: every method from any thread. Calls are answered on their own network thread.
// Ownership: shared with the calls, which may outlive the API.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <set>
#include <utility>

#include "core/base/runtime.hpp"

namespace keelson::api {

class Call;

class Overdue : public std::enable_shared_from_this<Overdue> {
 public:
  explicit Overdue(base::Runtime& runtime) : runtime_(runtime) {}
  void watch(Call& call);
  void forget(Call& call);

 private:
  void arm();      // under mutex_
  void sweep();

  base::Runtime& runtime_;
  std::mutex mutex_;
  std::set<std::pair<base::Monotonic, Call*>> waiting_;   // under mutex_
  base::Monotonic armed_ = base::kForever;                // under mutex_
};

}  // namespace keelson::api

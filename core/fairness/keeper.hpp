// Keeper: keeps the bootstrap objects as they are meant to be, gives the Fairness what is stored, and writes into the status of
// a FlowSchema whether its level is there.
//
// Invariants: before the first objects are stored, and should all be gone, the bootstrap ones count. Nothing is written when
//   all is well. A change counts kSettle_ms after it was stored. Mandatory objects count as they are meant, whatever is stored.
// Threads: works on the timer's thread. Ownership: all parts must outlive it. Errors: logged; the next change tries again.
#pragma once
#include <memory>

#include "core/fairness/fairness.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::fairness {

inline constexpr std::int64_t kSettle_ms = 100;

class Keeper {
 public:
  virtual ~Keeper() = default;
  virtual void stop() = 0;
};
std::unique_ptr<Keeper> make_keeper(Fairness& fairness, store::Store& store, verbs::Verbs& verbs, kinds::Registry& registry, base::Runtime& runtime);

}  // namespace keelson::fairness

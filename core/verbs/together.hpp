// Together: many writes of different objects in one form, each for itself, as whoever renews leases, tells of pods or binds them sends
// them. What is alike is asked once (which kind, who looks on), what is worked out on the stored text goes to the store together, and
// whatever is not so plain (webhooks, policies, a write that is audited, a patch of more than one member) goes alone, as a transaction.
//
// Invariants: `done` runs once for each. What becomes of an object is what a transaction would make of it.
// Threads: run() on the caller's; answers as Verbs says. Ownership: keeps itself alive until all are answered.
#pragma once
#include "core/verbs/text_write.hpp"
#include "core/verbs/transaction.hpp"

namespace keelson::verbs {

/// So many go to the store together: what each takes of its round's memory is given back with it.
inline constexpr std::size_t kRoundWritesMax = 64;

class Together : public std::enable_shared_from_this<Together> {
 public:
  Together(const Core& core, Context context, Verbs::Step alike, std::vector<Verbs::Each> writes, OnEachWritten done);
  void run();

 private:
  /// What is worked out, of what is stored as one snapshot shows it.
  struct Round;
  bool add(Round& round, std::size_t place);
  store::Key key_of(std::size_t place) const;
  const store::ObjectRef& stored(Round& round, std::size_t place) const;
  bool may(const Verbs::Each& write);
  bool pass(Round& round, const Verbs::Each& write) const;
  void commit(Round& round);
  void committed(std::size_t place, store::CommitOutcome outcome);
  void alone(std::size_t place);

  const Core& core_;
  const Context context_;
  const Verbs::Step alike_;
  const kinds::KindRef kind_;   ///< in whose form they are stored
  const std::vector<Verbs::Each> writes_;
  const OnEachWritten done_;
  const std::unique_ptr<TextWrite> text_;   ///< null: none of them can be worked out on the stored text
  auth::Attributes asked_;
  const store::CauseRef cause_;
};

}  // namespace keelson::verbs

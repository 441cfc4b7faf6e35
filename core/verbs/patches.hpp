// Patches: many patches of different objects of one kind, each for itself, as whoever renews leases or tells of pods sends them. What is
// alike is asked once (which kind, who looks on), what is worked out on the stored text goes to the store together, and whatever is not
// so plain (webhooks, policies, a write that is audited, a patch of more than one member) goes alone, as a transaction.
//
// Invariants: `done` runs once for each. What becomes of an object is what a transaction would make of it.
// Threads: run() on the caller's; answers as Verbs says. Ownership: keeps itself alive until all are answered.
#pragma once
#include "core/kinds/stamps.hpp"
#include "core/verbs/transaction.hpp"

namespace keelson::verbs {

/// So many go to the store together: what each takes of its round's memory is given back with it.
inline constexpr std::size_t kRoundPatchesMax = 64;

class Patches : public std::enable_shared_from_this<Patches> {
 public:
  Patches(const Core& core, Context context, Target alike, kinds::PatchType type, std::vector<Verbs::Patch> patches, WriteOptions options, OnEachWritten done);
  void run();

 private:
  /// What is worked out, of what is stored as one snapshot shows it.
  struct Round;
  bool plain() const;
  bool add(Round& round, std::size_t place);
  store::Key key_of(std::size_t place) const;
  const store::ObjectRef& stored(Round& round, std::size_t place) const;
  bool may(const Verbs::Patch& patch);
  bool pass(Round& round, const std::string& ns) const;
  void commit(Round& round);
  void committed(std::size_t place, store::CommitOutcome outcome);
  void alone(std::size_t place);

  const Core& core_;
  const Context context_;
  const Target alike_;
  const kinds::KindRef kind_;   ///< in whose form they are stored
  const kinds::PatchType type_;
  const WriteOptions options_;
  const std::vector<Verbs::Patch> patches_;
  const OnEachWritten done_;
  const kinds::ManagerInfo manager_;
  auth::Attributes asked_;
  kinds::LastCredited credited_;
};

}  // namespace keelson::verbs

// Transaction: one or more steps as one commit, tried again as a whole when what it rested on has changed.
//
// Invariants: `done` runs once. An attempt decides on one snapshot; its commit holds every expectation that its steps and
//   their admission made. What admission adds becomes further steps of the same attempt, admitted like the others.
// Threads: handed from one to the next by admission and store; never two at a time.
// Ownership: keeps itself alive until it is done.
#pragma once
#include "core/verbs/arena.hpp"
#include "core/verbs/step.hpp"

namespace keelson::verbs {

using OnAllWritten = std::function<void(base::Outcome<std::vector<Written>>)>;

class Transaction : public std::enable_shared_from_this<Transaction> {
 public:
  Transaction(const Core& core, Context context, std::vector<Verbs::Step> steps, std::vector<store::Expectation> expectations, bool authorize, OnAllWritten done)
      : core_(core), context_(std::move(context)), steps_(std::move(steps)), expectations_(std::move(expectations)), authorize_(authorize), done_(std::move(done)) {}

  void attempt();

 private:
  /// Who asked for an expectation of the commit.
  struct Asker {
    enum class Kind { caller, step, admission } kind;
    std::size_t step = 0;
  };

  /// A write that admission added, and who is behind it.
  struct Added {
    Context context;
    Verbs::Step step;
  };

  void begin_next();
  void convert_stored(StepInput input);
  void start(const StepInput& input);
  void store_forms(std::size_t from);
  StepInput next_input();
  base::Outcome<void> take_additions();
  void settle();
  void finish_step();
  void commit();
  void collect(store::Commit& commit);
  void forget_documents();
  base::Outcome<void> collect_extras(store::Commit& commit);
  void committed(store::CommitOutcome outcome);
  base::Error named(base::Error error) const;
  void mismatched(const store::Mismatch& mismatch);
  void again();
  void answer(const std::vector<store::ObjectRef>& stored);
  void note(const store::Committed* committed) const;
  void fail(base::Error error);
  StepRun& run() { return *runs_.back(); }

  const Core& core_;
  const Context context_;
  const std::vector<Verbs::Step> steps_;
  const std::vector<store::Expectation> expectations_;
  const bool authorize_;
  OnAllWritten done_;

  int attempts_ = 0;
  std::optional<Arena> arena_;   // before what lives in it
  std::optional<View> view_;
  std::vector<std::unique_ptr<Added>> added_;      // in place: runs refer to them
  std::vector<std::unique_ptr<StepRun>> runs_;     // of steps_, then of added_
  std::vector<Asker> askers_;
  auth::CommitExtras extras_;      // of the attempt
};

/// An error of the store about a step's write.
base::Error about(const Verbs::Step& step, base::Error error);

/// One step for itself.
void write_one(const Core& core, const Context& context, Verbs::Step step, OnWritten done);

}  // namespace keelson::verbs

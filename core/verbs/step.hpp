// StepRun: one write on its way from request to commit: begin, (admission mutates), settle, (admission validates), finish.
//
// Invariants: nothing is stored by a step itself; what it decided on stands in `expectations`, so that the commit fails
//   when it no longer holds. A step that ends with `unchanged` or `response` writes nothing.
// Threads: one at a time, handed on by the admission chain. Ownership: owned by its Transaction attempt.
#pragma once
#include <set>

#include "core/verbs/metadata.hpp"

namespace keelson::verbs {

/// The snapshot that a transaction decides on, and the keys that its earlier steps write.
class View {
 public:
  explicit View(store::Snapshot snapshot) : snapshot_(std::move(snapshot)) {}
  store::ObjectRef get(const store::Key& key) const { return snapshot_.get(key); }
  const store::Snapshot& snapshot() const { return snapshot_; }
  /// 400 when an earlier step writes `key`: a transaction writes each object once.
  base::Outcome<void> claim(const store::Key& key);

 private:
  store::Snapshot snapshot_;
  std::set<store::Key> claimed_;
};

/// As authorization and the audit log name what a step does.
std::string_view verb_of(Verbs::Step::Op op);

/// What one attempt at a step has at hand.
struct StepInput {
  const Core& core;
  const Context& context;
  const Verbs::Step& step;
  View& view;
  json::storage_ptr memory;
  int attempt = 0;
  bool authorize = true;
  auth::CommitExtras* extras = nullptr;
  /// Of a definition that a webhook converts: the step works in the version that was asked for, on what is stored in its form.
  kinds::KindRef form{};
  store::ObjectRef converted{};
  /// Of a create that is only tried: as whom. Null: as somebody new.
  const Birth* birth = nullptr;

  kinds::KindRef kind() const { return form ? form : core.storage_kind(step.target); }
  store::ObjectRef stored(const store::Key& key) const { return form ? converted : view.get(key); }
};

class StepRun {
 public:
  explicit StepRun(const StepInput& input) : in_(input), request_{.kind = input.step.target.kind, .snapshot = input.view.snapshot()} {}
  virtual ~StepRun() = default;

  enum class Next { admit, passed, finished };
  /// Reads request and state. `passed`: no unit of admission has anything to say. `finished`: no admission, no write.
  virtual base::Outcome<Next> begin() = 0;
  /// After mutating admission: the server's own part and validation.
  virtual base::Outcome<void> settle() { return {}; }
  /// After validating admission: the write, if there is one.
  virtual base::Outcome<void> finish() { return {}; }
  /// An expectation on the step's own object did not hold. Nullopt: try again.
  virtual std::optional<base::Error> mismatch(const store::ObjectRef& found) {
    (void)found;
    return std::nullopt;
  }
  /// The commit is under way: lets go of all that lives in StepInput::memory. Only mismatch() and answer() come afterwards.
  virtual void forget_documents();
  /// What the caller gets; `stored` is null when nothing was written.
  virtual base::Outcome<Written> answer(store::ObjectRef stored);

  auth::AdmissionRequest& request() { return request_; }
  const kinds::KindRef& form() const { return in_.form; }

  std::optional<store::Write> write;
  store::ObjectRef formed;                             ///< the write's object in the form of StepInput::form
  std::vector<store::Expectation> own_expectations;    ///< on the object itself
  std::vector<store::Expectation> read_expectations;   ///< on what admission read
  std::vector<std::string> warnings;
  std::vector<auth::AddedWrite> additions;             ///< what admission adds to the commit
  std::vector<std::pair<std::string, std::string>> annotations;   ///< of admission, for the audit log

 protected:
  const Target& target() const { return whole_ ? *whole_ : in_.step.target; }
  void set_request(auth::AdmissionRequest::Operation operation);
  /// The request's options as an object of meta.k8s.io/v1.
  json::object options() const;

  const StepInput in_;
  std::optional<Target> whole_;   ///< the object, where its status was asked for and it is made
  auth::AdmissionRequest request_;
  store::ObjectRef result_;   ///< the answer when nothing is written (dry run, no change)
  bool created_ = false;
  bool gone_ = false;
};

/// The run that a step asks for.
std::unique_ptr<StepRun> make_step(const StepInput& input);

}  // namespace keelson::verbs

// RemoveRun: delete, graceful for pods, held back by finalizers, with propagation as finalizers; and eviction, which is a
// delete that another subresource asks for: what is admitted of it is that an Eviction is created, as upstream.
//
// What goes at once by what its columns say is not read, where no admission unit wants to see it.
//
// Invariants: an object leaves only when it has no finalizers and no grace left; a second delete may only shorten the
//   grace; preconditions hold at the commit.
#pragma once
#include "core/verbs/metadata.hpp"
#include "core/verbs/step.hpp"

namespace keelson::verbs {

/// Grace of a pod that names none.
inline constexpr std::int64_t kDefaultGrace_s = 30;

class RemoveRun : public StepRun {
 public:
  explicit RemoveRun(const StepInput& input) : StepRun(input), options_(input.step.delete_options) {}
  base::Outcome<Next> begin() override;
  base::Outcome<void> finish() override;
  std::optional<base::Error> mismatch(const store::ObjectRef& found) override;
  void forget_documents() override;

 protected:
  base::Outcome<void> settle_options();
  base::Outcome<void> load();
  /// Whether the object is looked at beyond what a delete needs.
  virtual bool looks_inside() const { return false; }

  DeleteOptions options_;
  store::ObjectRef existing_;
  std::optional<json::value> object_;   ///< none: it goes unread

 private:
  enum class Grace { none, set, pending };

  base::Outcome<void> check_options() const;
  base::Outcome<void> check_preconditions() const;
  /// No finalizer holds it back and no grace, as far as its columns tell.
  bool goes_at_once() const;
  std::vector<std::string> finalizers_after(std::vector<std::string> finalizers) const;
  base::Outcome<void> may_ignore_read_errors() const;
  bool propagate();
  Grace grace();
  Grace shorten();
  std::int64_t wanted_grace() const;
  base::Outcome<void> finish_namespace();
  base::Outcome<void> keep();
  base::Outcome<void> remove_now();
  base::Outcome<void> unchanged();

  kinds::KindRef kind_;
  store::Key key_;
  bool unreadable_ = false;
};

class EvictRun final : public RemoveRun {
 public:
  using RemoveRun::RemoveRun;
  base::Outcome<Next> begin() override;
  base::Outcome<void> settle() override;
  base::Outcome<void> finish() override;
  void forget_documents() override;
  base::Outcome<Written> answer(store::ObjectRef stored) override;

 protected:
  bool looks_inside() const override { return true; }

 private:
  std::optional<json::value> eviction_;
};

}  // namespace keelson::verbs

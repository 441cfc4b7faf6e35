// RemoveRun: delete, graceful for pods, held back by finalizers, with propagation as finalizers; and eviction, which is a
// delete that another subresource asks for.
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
  virtual base::Outcome<void> read_request() { return {}; }
  virtual std::string_view verb() const { return "delete"; }

  DeleteOptions options_;
  store::ObjectRef existing_;
  std::optional<json::value> object_;

 private:
  enum class Grace { none, set, pending };

  base::Outcome<void> check_options() const;
  base::Outcome<void> check_preconditions() const;
  base::Outcome<void> load();
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
  base::Outcome<void> finish() override;
  base::Outcome<Written> answer(store::ObjectRef stored) override;

 protected:
  base::Outcome<void> read_request() override;
  std::string_view verb() const override { return "create"; }
};

}  // namespace keelson::verbs

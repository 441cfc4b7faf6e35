// Scale: the replicas of a workload, read and written as an autoscaling/v1 Scale that stands for the whole object.
//
// Invariants: a Scale carries the revision of its object; writing one changes nothing but the replicas. Admission sees the Scale, as it
//   is and as it was, and not its object.
#pragma once
#include "core/verbs/step_put.hpp"

namespace keelson::verbs {

/// The Scale of `object`; 404 for kinds without one.
base::Outcome<store::ObjectRef> scale_of(const Core& core, const Target& target, const store::Object& object);

class ScaleRun final : public PutRun {
 public:
  using PutRun::PutRun;
  base::Outcome<Next> begin() override;
  base::Outcome<void> settle() override;
  void forget_documents() override;
  base::Outcome<Written> answer(store::ObjectRef stored) override;

 protected:
  base::Outcome<void> produce() override;
  base::Outcome<void> judge_alone() override;
  std::string_view verb() const override { return in_.step.op == Verbs::Step::Op::patch ? "patch" : "update"; }

 private:
  base::Outcome<json::value> wanted_scale();
  base::Outcome<void> produce_applied();
  base::Error negative(std::int64_t replicas) const;

  std::optional<json::value> scale_, old_scale_;   ///< what admission looks at
};

}  // namespace keelson::verbs

// BindRun: POST pods/<name>/binding gives a pod its node, once.
//
// Invariants: as upstream, what is admitted is that a Binding is created, not that its pod is changed, and only the node, the condition
//   and what the binding's metadata brings change: neither the generation nor managedFields, and nothing of the pod is judged again.
//   Where no admission unit looks at the binding, it is read without a document; where it brings no metadata, the pod is not read: two
//   values are put into the stored text.
#pragma once
#include "core/verbs/step_put.hpp"
#include "core/verbs/text_binding.hpp"

namespace keelson::verbs {

class BindRun final : public PutRun {
 public:
  using PutRun::PutRun;
  base::Outcome<Next> begin() override;
  base::Outcome<void> settle() override;
  base::Outcome<void> finish() override;
  std::optional<base::Error> mismatch(const store::ObjectRef&) override { return std::nullopt; }
  base::Outcome<Written> answer(store::ObjectRef stored) override;
  void forget_documents() override;

 protected:
  base::Outcome<void> produce() override;
  std::string_view verb() const override { return "create"; }
  store::Draft draft() const override;

 private:
  bool read_plainly();
  base::Outcome<void> read_whole();
  base::Outcome<void> check_preconditions() const;
  base::Outcome<void> check_free() const;
  void merge(std::string_view field);
  bool reads_as_text();

  std::optional<json::value> binding_;   ///< in the attempt's memory; none where it was read plainly and nobody looks at it
  std::string_view node_, uid_, revision_;   ///< in the body or in it; the last two empty: any
  std::optional<BindingPlaces> places_;   ///< in the stored text, where that is all that is looked at
  bool brings_metadata_ = false;
};

}  // namespace keelson::verbs

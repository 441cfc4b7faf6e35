// PutRun: everything that ends in "this is the object now": create, update, patch and apply, and the subresources that
// edit their object.
//
// Invariants: a result equal to what is stored writes nothing; a write that empties the finalizers of an object being
//   deleted removes it. Whoever demanded a revision gets a conflict, whoever did not is tried again.
#pragma once
#include <functional>

#include "core/kinds/known_specs.hpp"
#include "core/kinds/managed/created_fields.hpp"
#include "core/kinds/narrow.hpp"
#include "core/verbs/known_creates.hpp"
#include "core/verbs/step.hpp"

namespace keelson::verbs {

/// 409, as upstream's storage tells it: `what` (UID, ResourceVersion) of the target's object is not what was asked for.
base::Error precondition_failed(const Target& target, std::string_view what, std::string_view wanted, std::string_view found);

class PutRun : public StepRun {
 public:
  using StepRun::StepRun;
  base::Outcome<Next> begin() override;
  base::Outcome<void> settle() override;
  base::Outcome<void> finish() override;
  std::optional<base::Error> mismatch(const store::ObjectRef& found) override;
  void forget_documents() override;
  base::Outcome<Written> answer(store::ObjectRef stored) override;

 protected:
  /// Makes object_ out of the request (and old_, when there is one).
  virtual base::Outcome<void> produce() = 0;
  base::Outcome<void> produce_from_body();
  base::Outcome<void> check_uid(std::string_view found) const;
  /// From the form of the target's version to the stored one, defaulted.
  base::Outcome<void> to_stored();
  /// The version that was asked for, in whose form clients see the object.
  const kinds::Kind& asked() const;
  virtual std::string_view verb() const = 0;
  /// Whether a missing object is made.
  virtual bool creates_missing() const { return false; }
  /// What is wrong with a request even where there is nothing that it could change.
  virtual base::Outcome<void> judge_alone() { return {}; }
  /// Rules of a subresource beyond the kind's, after admission.
  virtual base::Outcome<void> check_result() { return {}; }

  /// Whether what becomes of a new object is known without producing it: then object_ has its metadata alone, and grounds for admission were given.
  virtual bool recalls() { return false; }
  /// A new object is ready for admission.
  virtual void consider() {}
  void set_new_request();

  /// Works the write out on the stored text (core/kinds/narrow.hpp), into narrowed_; false: where it has to be read and judged whole.
  virtual bool narrows() { return false; }
  bool may_narrow() const;
  /// `make` works it out, where nobody has to see an object whose metadata is kept.
  bool narrows_by(const std::function<std::optional<kinds::Narrowed>(const kinds::NarrowWrite&)>& make);
  /// Kind, key and what is stored under it, read unless the write is narrow.
  base::Outcome<void> load();
  kinds::ManagerInfo manager() const;
  std::string own_name() const;
  base::Outcome<void> validate() const;
  void expect_existing();
  base::Outcome<void> conclude(store::Operation operation);
  /// The object as it is to be stored.
  virtual store::Draft draft() const;
  store::Draft storable();
  void emplace_object(json::value value) { object_.emplace(std::move(value)); }

  kinds::KindRef kind_;               ///< in whose form it is worked on
  store::Key key_;
  store::ObjectRef existing_;
  std::optional<json::value> old_, object_;
  Birth birth_;                       ///< of a new object
  std::optional<kinds::Narrowed> narrowed_;   ///< instead of both
  bool passes_ = false;               ///< admission lets it be, whatever it is
  std::optional<base::Outcome<kinds::Decoded>> decoded_;   ///< the body, where narrows() has read it in vain
  std::optional<store::Revision> demanded_;
  bool creating_ = false;
  bool name_is_generated_ = false;
  kinds::CreatedFields::Text created_fields_;   ///< what the creator manages, where the object does not say so itself; null otherwise
  std::shared_ptr<kinds::KnownSpec> known_spec_;                ///< of a new object whose spec has come before; null otherwise
  std::shared_ptr<const kinds::SettledSpec> settled_spec_;      ///< what became of it, where it becomes of it again; with request_.spec_is_known the object is without it
  std::string grounds_;               ///< what admission of it rests on, where that can be told
  bool managers_recorded_ = false;    ///< apply does it itself
  bool metadata_is_kept_ = false;     ///< produce() started from the stored object

 private:
  base::Outcome<Next> begin_create();
  base::Outcome<void> prepare_create();
  void record_creator();
  bool recalls_spec();
  base::Outcome<Next> begin_update();
  base::Outcome<void> check_revision();
  base::Outcome<Next> begin_missing();
  base::Outcome<void> settle_create();
  base::Outcome<void> settle_object();
  base::Outcome<void> settle_known_spec();
  const json::value* spec() const;
  base::Outcome<void> finish_create();
  base::Outcome<void> finish_update();
  bool goes_away() const;
};

class CreateRun final : public PutRun {
 public:
  using PutRun::PutRun;

 protected:
  base::Outcome<void> produce() override;
  std::string_view verb() const override { return "create"; }
  bool recalls() override;
  void consider() override;
  base::Outcome<void> settle() override;
  base::Outcome<void> finish() override;
  store::Draft draft() const override;
  void forget_documents() override;

 private:
  bool is_plain() const;
  bool may_be_known() const;
  SentCreate sent(const kinds::ManagerInfo& by) const;
  std::optional<Rehearsed> rehearse(std::string body, const Birth& birth) const;

  std::optional<KnownCreate::Met> met_;                 ///< what becomes of it, where that is known
  std::shared_ptr<const CreateGrounds> rests_on_;       ///< of one to be remembered; null otherwise
};

class UpdateRun final : public PutRun {
 public:
  using PutRun::PutRun;

 protected:
  bool narrows() override;
  base::Outcome<void> produce() override;
  std::string_view verb() const override { return "update"; }
  base::Outcome<void> judge_alone() override;
  bool creates_missing() const override { return target().kind->strategy.create_on_update && (target().subresource.empty() || target().subresource == "status"); }
};

class PatchRun final : public PutRun {
 public:
  using PutRun::PutRun;

 protected:
  bool narrows() override;
  base::Outcome<void> produce() override;
  std::string_view verb() const override { return "patch"; }
  bool creates_missing() const override { return in_.step.patch_type == kinds::PatchType::apply && target().subresource.empty(); }

 private:
  base::Outcome<void> produce_applied();
  base::Outcome<void> produce_patched();
};

}  // namespace keelson::verbs

// PutRun: everything that ends in "this is the object now": create, update, patch and apply, and the subresources that
// edit their object.
//
// Invariants: a result equal to what is stored writes nothing; a write that empties the finalizers of an object being
//   deleted removes it. Whoever demanded a revision gets a conflict, whoever did not is tried again.
#pragma once
#include "core/verbs/metadata.hpp"
#include "core/verbs/step.hpp"

namespace keelson::verbs {

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
  /// From the form of the target's version to the stored one, defaulted.
  base::Outcome<void> to_stored();
  /// The version that was asked for, in whose form clients see the object.
  const kinds::Kind& asked() const;
  virtual std::string_view verb() const = 0;
  /// Whether a missing object is made.
  virtual bool creates_missing() const { return false; }
  /// Rules of a subresource beyond the kind's, after admission.
  virtual base::Outcome<void> check_result() { return {}; }

  /// Whether the write can change, and is judged by, no part of the spec. Then that is not even read: it stays the text that it is.
  virtual bool leaves_spec() { return false; }
  /// Kind, key and what is stored under it.
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
  std::string_view spec_;             ///< of the stored text, where both have none because the write leaves it alone
  std::optional<store::Revision> demanded_;
  bool creating_ = false;
  bool name_is_generated_ = false;
  bool managers_recorded_ = false;    ///< apply does it itself
  bool metadata_is_kept_ = false;     ///< produce() started from the stored object

 private:
  base::Outcome<Next> begin_create();
  base::Outcome<Next> begin_update();
  base::Outcome<void> check_revision();
  base::Outcome<json::value> decode_existing();
  base::Outcome<void> validate_status();
  base::Outcome<void> settle_create();
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
};

class UpdateRun final : public PutRun {
 public:
  using PutRun::PutRun;

 protected:
  base::Outcome<void> produce() override;
  std::string_view verb() const override { return "update"; }
  bool creates_missing() const override { return target().kind->strategy.create_on_update && target().subresource.empty(); }
};

class PatchRun final : public PutRun {
 public:
  using PutRun::PutRun;

 protected:
  bool leaves_spec() override;
  base::Outcome<void> produce() override;
  std::string_view verb() const override { return "patch"; }
  bool creates_missing() const override { return in_.step.patch_type == kinds::PatchType::apply && target().subresource.empty(); }

 private:
  base::Outcome<void> produce_applied();
  base::Outcome<void> produce_patched();
};

}  // namespace keelson::verbs

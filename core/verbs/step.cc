#include "core/verbs/step.hpp"

#include "core/verbs/step_binding.hpp"
#include "core/verbs/step_put.hpp"
#include "core/verbs/step_remove.hpp"
#include "core/verbs/step_scale.hpp"
#include "core/verbs/step_token.hpp"

namespace keelson::verbs {

std::string_view verb_of(Verbs::Step::Op op) {
  using Op = Verbs::Step::Op;
  return op == Op::create ? "create" : op == Op::update ? "update" : op == Op::patch ? "patch" : "delete";
}

base::Outcome<void> View::claim(const store::Key& key) {
  if (!claimed_.insert(key).second) return base::bad_request("a transaction writes each object once: " + std::string(key.resource.text()) + " " + key.name);
  return {};
}

void StepRun::set_request(auth::AdmissionRequest::Operation operation) {
  request_.operation = operation;
  request_.subresource = target().subresource;
  request_.ns = target().ns;
  request_.name = target().name;
  request_.user = &in_.context.user;
  request_.dry_run = in_.step.op == Verbs::Step::Op::remove ? in_.step.delete_options.dry_run : in_.step.options.dry_run;
  request_.expectations = &read_expectations;
  request_.warnings = &warnings;
  request_.additions = &additions;
  request_.annotations = &annotations;
  request_.extras = in_.extras;
  request_.deadline = in_.context.deadline;
  request_.options = [this] { return options(); };
}

namespace {

std::string_view options_kind(Verbs::Step::Op op) {
  using Op = Verbs::Step::Op;
  return op == Op::create ? "CreateOptions" : op == Op::update ? "UpdateOptions" : op == Op::patch ? "PatchOptions" : "DeleteOptions";
}

void describe(const DeleteOptions& options, json::object& out) {
  if (options.grace_period_s) out["gracePeriodSeconds"] = *options.grace_period_s;
  if (options.propagation) out["propagationPolicy"] = *options.propagation;
  if (options.orphan_dependents) out["orphanDependents"] = *options.orphan_dependents;
  json::object preconditions;
  if (options.uid) preconditions["uid"] = *options.uid;
  if (options.resource_version) preconditions["resourceVersion"] = *options.resource_version;
  if (!preconditions.empty()) out["preconditions"] = std::move(preconditions);
}

}  // namespace

json::object StepRun::options() const {
  const auto& step = in_.step;
  json::object out{{"kind", options_kind(step.op)}, {"apiVersion", "meta.k8s.io/v1"}};
  if (request_.dry_run) out["dryRun"] = json::array{"All"};
  if (step.op == Verbs::Step::Op::remove) {
    describe(step.delete_options, out);
    return out;
  }
  if (step.options.force) out["force"] = true;
  if (!in_.context.field_manager.empty()) out["fieldManager"] = in_.context.field_manager;
  constexpr std::string_view kValidation[] = {"Ignore", "Warn", "Strict"};
  out["fieldValidation"] = kValidation[static_cast<std::size_t>(step.options.validation)];
  return out;
}

void StepRun::forget_documents() {
  request_.object = nullptr;
  request_.old = nullptr;
  request_.remembered.clear();
}

base::Outcome<Written> StepRun::answer(store::ObjectRef stored) {
  Written out;
  out.object = stored ? std::move(stored) : result_;
  out.warnings = std::move(warnings);
  out.annotations = std::move(annotations);
  out.created = created_;
  out.gone = gone_;
  return out;
}

namespace {

std::unique_ptr<StepRun> make_create(const StepInput& input) {
  const auto& subresource = input.step.target.subresource;
  if (subresource == "binding") return std::make_unique<BindRun>(input);
  if (subresource == "eviction") return std::make_unique<EvictRun>(input);
  if (subresource == "token") return std::make_unique<TokenRun>(input);
  return std::make_unique<CreateRun>(input);
}

}  // namespace

std::unique_ptr<StepRun> make_step(const StepInput& input) {
  const bool scale = input.step.target.subresource == "scale";
  switch (input.step.op) {
    case Verbs::Step::Op::create: return make_create(input);
    case Verbs::Step::Op::update:
      if (scale) return std::make_unique<ScaleRun>(input);
      return std::make_unique<UpdateRun>(input);
    case Verbs::Step::Op::patch:
      if (scale) return std::make_unique<ScaleRun>(input);
      return std::make_unique<PatchRun>(input);
    case Verbs::Step::Op::remove: break;
  }
  return std::make_unique<RemoveRun>(input);
}

}  // namespace keelson::verbs

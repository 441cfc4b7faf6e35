// What a create takes from those before it (known_creates).
#include "core/verbs/step_put.hpp"

namespace keelson::verbs {

bool CreateRun::is_plain() const { return !in_.form && target().kind == kind_ && target().subresource.empty() && in_.step.body.media == kinds::Media::json; }

bool CreateRun::may_be_known() const { return !in_.birth && is_plain() && KnownCreates::may_know(*kind_); }

SentCreate CreateRun::sent(const kinds::ManagerInfo& by) const { return {*kind_, target().ns, by.manager, in_.step.options.validation, in_.step.body.bytes}; }

// Admission is asked as it is of a spec that is known.
bool CreateRun::recalls() {
  if (!may_be_known()) return false;
  auto met = in_.core.known_creates->find(sent(manager()));
  if (!met) return false;
  emplace_object(met->object(birth_, in_.memory));
  set_new_request();
  const auto& known = met->known->grounds();
  const json::value nothing;
  auth::Grounds grounds{known.spec ? known.spec->value() : nothing};
  if (!in_.core.parts.chains.grounds(request_, grounds) || grounds.text != known.text) {
    in_.core.known_creates->forget(*met->known);
    request_.units.reset();
    return false;
  }
  annotations = known.annotations;
  read_expectations = std::move(grounds.expectations);
  request_.spec_is_known = true;
  met_ = std::move(*met);
  return true;
}

// Of a spec that is known this was asked; of what has none it is asked here. Where the server makes the name up each has to be worked out.
void CreateRun::consider() {
  if (!may_be_known() || own_name().empty() || (!request_.spec_is_known && kinds::spec_stands_alone(*kind_)) || !in_.core.known_creates->is_worth_it()) return;
  if (request_.spec_is_known) {
    rests_on_ = std::make_shared<CreateGrounds>(CreateGrounds{known_spec_, grounds_, annotations});
    return;
  }
  const json::value nothing;
  auth::Grounds grounds{nothing};
  if (in_.core.parts.chains.grounds(request_, grounds)) rests_on_ = std::make_shared<CreateGrounds>(CreateGrounds{nullptr, std::move(grounds.text), {}});
}

base::Outcome<void> CreateRun::settle() {
  if (!met_) return PutRun::settle();
  key_ = {kind_->storage_key, kind_->namespaced ? target().ns : std::string(), own_name()};
  return {};
}

store::Draft CreateRun::draft() const { return met_ ? met_->draft(birth_) : PutRun::draft(); }

base::Outcome<void> CreateRun::finish() {
  if (auto finished = PutRun::finish(); !finished) return finished;
  if (!rests_on_ || !write || !warnings.empty() || !additions.empty() || annotations != rests_on_->annotations) return {};
  in_.core.known_creates->remember(sent(manager()), std::move(rests_on_), *write->draft, birth_, [this](std::string body, const Birth& birth) { return rehearse(std::move(body), birth); });
  return {};
}

/// What would be made of that body, if it were sent in place of this one.
std::optional<Rehearsed> CreateRun::rehearse(std::string body, const Birth& birth) const {
  Verbs::Step step{.op = in_.step.op, .target = in_.step.target, .body = {kinds::Media::json, std::move(body)}, .options = in_.step.options};
  View view(in_.view.snapshot());
  StepInput input{.core = in_.core, .context = in_.context, .step = step, .view = view, .memory = in_.memory, .authorize = false, .birth = &birth};
  CreateRun run(input);
  if (const auto begun = run.begin(); !begun || *begun != Next::admit) return std::nullopt;
  if (run.request_.spec_is_known != request_.spec_is_known || run.known_spec_ != known_spec_ || run.grounds_ != grounds_) return std::nullopt;
  json::value metadata(object_at(*run.object_, {"metadata"}), in_.memory);
  if (!run.settle() || !run.finish() || !run.warnings.empty()) return std::nullopt;
  return Rehearsed{std::move(metadata), std::move(run.write->draft)};
}

void CreateRun::forget_documents() {
  met_.reset();
  PutRun::forget_documents();
}

}  // namespace keelson::verbs

#include "core/verbs/transaction.hpp"

#include "core/audit/notes.hpp"
#include "core/store/not_answering.hpp"
#include "core/verbs/conversion.hpp"
#include "core/verbs/narrow_write.hpp"
#include "core/verbs/versions.hpp"

namespace keelson::verbs {
namespace {

/// Who has lost goes first the next time, so whoever loses this often is one of as many that write to one object at a time. A store
/// that answers at once makes each a level of the stack.
constexpr int kLostRacesMax = 8 * kConflictRetriesMax;

std::optional<kinds::PatchType> patch_type(auth::AddedWrite::Op op) {
  using Op = auth::AddedWrite::Op;
  switch (op) {
    case Op::merge_patch: return kinds::PatchType::merge;
    case Op::json_patch: return kinds::PatchType::json;
    case Op::strategic_patch: return kinds::PatchType::strategic;
    case Op::apply: return kinds::PatchType::apply;
    default: return std::nullopt;
  }
}

Verbs::Step step_of(const auth::AddedWrite& added, bool dry_run) {
  using Op = auth::AddedWrite::Op;
  Verbs::Step step;
  const auto patch = patch_type(added.op);
  step.op = patch ? Verbs::Step::Op::patch : added.op == Op::create ? Verbs::Step::Op::create : added.op == Op::update ? Verbs::Step::Op::update : Verbs::Step::Op::remove;
  const bool named_by_body = step.op == Verbs::Step::Op::create && added.subresource.empty();
  step.target = {added.kind, added.ns, named_by_body ? std::string() : added.name, added.subresource};
  step.patch_type = patch.value_or(kinds::PatchType::merge);
  step.body = {kinds::Media::json, added.body};
  step.options = {dry_run, kinds::FieldValidation::ignore, added.op == Op::apply};
  step.delete_options.dry_run = dry_run;
  return step;
}

store::Draft draft_of(const store::Object& object) { return {object, object.body()}; }

}  // namespace

base::Error about(const Verbs::Step& step, base::Error error) {
  const auto verb = step.op == Verbs::Step::Op::patch ? "update" : verb_of(step.op);
  return store::about_operation(std::move(error), verb, step.target.kind->group, step.target.kind->resource);
}

void write_one(const Core& core, const Context& context, Verbs::Step step, OnWritten done) {
  std::vector<Verbs::Step> steps;
  steps.push_back(std::move(step));
  auto first = [done = std::move(done)](base::Outcome<std::vector<Written>> all) {
    if (all) done(std::move(all->front()));
    else done(all.error());
  };
  std::make_shared<Transaction>(core, context, std::move(steps), std::vector<store::Expectation>(), true, std::move(first))->attempt();
}

void Transaction::attempt() {
  askers_.clear();
  runs_.clear();
  added_.clear();
  extras_ = {};
  view_.reset();
  arena_.emplace(core_.arenas);
  view_.emplace(core_.parts.store.snapshot());
  begin_next();
}

void Transaction::begin_next() {
  if (runs_.size() == steps_.size() + added_.size()) return store_forms(0);
  auto input = next_input();
  if (core_.conversions->by_webhook(*input.step.target.kind)) convert_stored(std::move(input));
  else start(input);
}

// A webhook is asked for nobody who may not write.
void Transaction::convert_stored(StepInput input) {
  const auto& target = input.step.target;
  if (auto allowed = core_.admit(input.context, target, verb_of(input.step.op), input.authorize); !allowed) return fail(allowed.error());
  input.form = target.kind;
  auto stored = target.name.empty() ? nullptr : view_->get(key_of(target));
  if (!stored) return start(input);
  core_.conversions->in_form_of(core_, target.kind, {std::move(stored)}, context_.deadline, [self = shared_from_this(), input](base::Outcome<Objects> objects) mutable {
    if (!objects) return self->fail(objects.error());
    input.converted = std::move(objects->front());
    self->start(input);
  });
}

void Transaction::start(const StepInput& input) {
  runs_.push_back(make_step(input));
  auto next = run().begin();
  if (!next) return fail(next.error());
  if (*next == StepRun::Next::finished) return begin_next();
  if (*next == StepRun::Next::passed) {
    if (auto settled = run().settle(); !settled) return fail(settled.error());
    return finish_step();
  }
  core_.parts.chains.admit_mutate(run().request(), [self = shared_from_this()](base::Outcome<void> outcome) {
    if (outcome) self->settle();
    else self->fail(outcome.error());
  });
}

StepInput Transaction::next_input() {
  const auto at = runs_.size();
  if (at < steps_.size()) return {core_, context_, steps_[at], *view_, arena_->memory(), attempts_, authorize_, &extras_};
  const auto& added = *added_[at - steps_.size()];
  return {core_, added.context, added.step, *view_, arena_->memory(), attempts_, true, &extras_};
}

base::Outcome<void> Transaction::take_additions() {
  for (auto& added : run().additions) {
    if (steps_.size() + added_.size() >= static_cast<std::size_t>(kTransactionWritesMax))
      return base::request_too_large("admission adds too many writes: a transaction has at most " + std::to_string(kTransactionWritesMax));
    Context context = context_;
    context.field_manager = added.user.plugin;
    context.user = added.user;
    added_.push_back(std::make_unique<Added>(Added{std::move(context), step_of(added, run().request().dry_run)}));
  }
  return {};
}

void Transaction::settle() {
  if (auto settled = run().settle(); !settled) return fail(settled.error());
  core_.parts.chains.admit_validate(run().request(), [self = shared_from_this()](base::Outcome<void> outcome) {
    if (outcome) self->finish_step();
    else self->fail(outcome.error());
  });
}

void Transaction::finish_step() {
  if (auto finished = run().finish(); !finished) return fail(finished.error());
  if (auto taken = take_additions(); !taken) return fail(taken.error());
  begin_next();
}

// What steps have made in the form of another version is stored in that of its storage version.
void Transaction::store_forms(std::size_t from) {
  for (; from < runs_.size(); ++from)
    if (const auto& step = *runs_[from]; step.form() && step.write && step.write->draft) break;
  if (from == runs_.size()) return commit();
  auto& step = *runs_[from];
  step.formed = std::move(*step.write->draft).freeze(0);
  const auto storage = core_.parts.registry.current()->by_storage_key(step.write->key.resource);
  core_.conversions->in_form_of(core_, storage ? storage : step.form(), {step.formed}, context_.deadline, [self = shared_from_this(), from](base::Outcome<Objects> objects) {
    if (!objects) return self->fail(objects.error());
    self->runs_[from]->write->draft = draft_of(*objects->front());
    self->store_forms(from + 1);
  });
}

void Transaction::collect(store::Commit& commit) {
  std::size_t count = expectations_.size();
  for (const auto& step : runs_) count += step->own_expectations.size() + step->read_expectations.size();
  commit.expectations.reserve(count);
  commit.writes.reserve(runs_.size());
  askers_.reserve(count);
  const auto add = [&](store::Expectation expectation, Asker asker) {
    commit.expectations.push_back(std::move(expectation));
    askers_.push_back(asker);
  };
  for (const auto& expectation : expectations_) add(expectation, {Asker::Kind::caller});
  for (std::size_t i = 0; i < runs_.size(); ++i) {
    auto& step = *runs_[i];
    if (!step.write) continue;
    for (auto& expectation : step.own_expectations) add(std::move(expectation), {Asker::Kind::step, i});
    for (auto& expectation : step.read_expectations) add(std::move(expectation), {Asker::Kind::admission, i});
    commit.writes.push_back(std::move(*step.write));
  }
}

base::Outcome<void> Transaction::collect_extras(store::Commit& commit) {
  using Kind = store::Expectation::Kind;
  for (auto& [key, update] : extras_.updates) {
    if (auto claimed = view_->claim(key); !claimed) return claimed;
    commit.expectations.push_back(update.seen ? store::Expectation{key, Kind::at_revision, update.seen->revision()} : store::Expectation{key, Kind::absent, 0});
    askers_.push_back({Asker::Kind::admission});
    if (update.object.is_null()) {
      commit.writes.push_back({store::Operation::remove, key, std::nullopt, durability_of(*update.kind, key.ns)});
      continue;
    }
    auto encoded = kinds::encode(*update.kind, update.object, store::kRevisionSlotBytes);
    store::Draft draft(columns_of(*update.kind, update.object), encoded.body, encoded.revision_offset);
    commit.writes.push_back({update.seen ? store::Operation::update : store::Operation::create, key, std::move(draft), durability_of(*update.kind, key.ns)});
  }
  return {};
}

// What waits for its commit takes no more memory than its answer needs: dozens wait at a time, and what all of them hold
// decides whether the next request finds its memory in the processor's cache.
void Transaction::forget_documents() {
  for (const auto& step : runs_) step->forget_documents();
  arena_.reset();
}

void Transaction::commit() {
  store::Commit commit;
  collect(commit);
  if (!commit.writes.empty())
    if (auto added = collect_extras(commit); !added) return fail(added.error());
  if (commit.writes.empty() && commit.expectations.empty()) return note(nullptr), answer({});
  commit.cause = cause_of(context_);
  commit.again = attempts_ > 0;
  forget_documents();
  core_.parts.store.commit(std::move(commit), [self = shared_from_this()](store::CommitOutcome outcome) { self->committed(std::move(outcome)); });
}

void Transaction::committed(store::CommitOutcome outcome) {
  if (outcome.error) return fail(named(std::move(*outcome.error)));
  if (outcome.mismatch) return mismatched(*outcome.mismatch);
  note(&*outcome.committed);
  answer(outcome.committed->objects);
}

base::Error Transaction::named(base::Error error) const { return steps_.empty() ? error : about(steps_.front(), std::move(error)); }

void Transaction::mismatched(const store::Mismatch& mismatch) {
  const Asker asker = askers_[mismatch.expectation];
  if (asker.kind == Asker::Kind::caller) {
    const auto& key = expectations_[mismatch.expectation].key;
    return fail(base::object_modified("", key.resource.text(), key.name));
  }
  if (asker.kind == Asker::Kind::step)
    if (auto error = runs_[asker.step]->mismatch(mismatch.found)) return fail(std::move(*error));
  again();
}

void Transaction::again() {
  if (++attempts_ < kLostRacesMax) return attempt();
  const auto& target = steps_.front().target;
  fail(base::object_modified(target.kind->group, target.kind->resource, target.name));
}

void Transaction::answer(const std::vector<store::ObjectRef>& stored) {
  std::vector<Written> out;
  out.reserve(steps_.size());
  std::size_t next = 0;
  for (auto& step : runs_) {
    auto object = step->write ? stored[next++] : nullptr;
    if (object && step->formed) object = draft_of(*step->formed).freeze(object->revision());
    auto written = step->answer(std::move(object));
    if (!written) return fail(written.error());
    if (out.size() == steps_.size()) continue;   // what admission has added is nobody's answer
    const auto& target = steps_[out.size()].target;
    if (answers_object(target) && !steps_[out.size()].delete_options.ignore_read_error) {
      auto shown = in_form_of(core_, *target.kind, std::move(written->object));
      if (!shown) return fail(shown.error());
      written->object = std::move(*shown);
    }
    out.push_back(std::move(*written));
  }
  if (!out.empty()) out.front().made_by = shared_from_this();
  done_(std::move(out));
  extras_ = {};
}

void Transaction::note(const store::Committed* committed) const {
  if (!context_.notes) return;
  for (const auto& step : runs_) context_.notes->annotate(step->annotations);
  if (committed && !committed->objects.empty()) context_.notes->annotate({{audit::kRevision, std::to_string(committed->revision)}});
  if (committed && context_.trigger != 0) context_.notes->annotate({{audit::kTrigger, std::to_string(context_.trigger)}});
}

void Transaction::fail(base::Error error) {
  note(nullptr);
  if (context_.failure_warnings)
    for (const auto& step : runs_) context_.failure_warnings->insert(context_.failure_warnings->end(), step->warnings.begin(), step->warnings.end());
  done_(std::move(error));
  extras_ = {};   // who waits for what is held goes on after the answer
}

}  // namespace keelson::verbs

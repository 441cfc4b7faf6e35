#include "core/verbs/patches.hpp"

#include <algorithm>

#include "core/store/not_answering.hpp"
#include "core/verbs/conversion.hpp"
#include "core/verbs/narrow_write.hpp"

namespace keelson::verbs {

namespace {

/// Of hundreds of thousands of objects none lies in the processor's cache: they are asked for while those before them are worked on.
constexpr std::size_t kAhead = 8;
constexpr std::size_t kLineBytes = 64;

void fetch(const store::Object& object) {
  const auto body = object.body();
  for (std::size_t at = 0; at < body.size(); at += kLineBytes) __builtin_prefetch(body.data() + at);
}

}  // namespace

struct Patches::Round {
  Round(const Core& core, std::size_t place) : snapshot(core.parts.store.snapshot()), arena(core.arenas), first(place) {}
  const store::Snapshot snapshot;
  Arena arena;
  const std::size_t first;                 ///< of those that it looks at
  std::vector<store::ObjectRef> found;     ///< from there on; null: there is none
  std::vector<store::Commit> commits;
  std::vector<std::size_t> places;         ///< of commits, in patches_
  std::optional<std::string> passed;       ///< the namespace that was asked about last, if nobody looks on there
};

Patches::Patches(const Core& core, Context context, Target alike, kinds::PatchType type, std::vector<Verbs::Patch> patches, WriteOptions options, OnEachWritten done)
    : core_(core), context_(std::move(context)), alike_(std::move(alike)), kind_(core.storage_kind(alike_)), type_(type), options_(options), patches_(std::move(patches)), done_(std::move(done)),
      manager_(manager_of(context_, alike_.subresource, core.parts.runtime.unix_s())) {
  asked_.user = &context_.user;
  asked_.verb = "patch";
  asked_.group = alike_.kind->group;
  asked_.version = alike_.kind->version;
  asked_.resource = alike_.kind->resource;
  asked_.subresource = alike_.subresource;
}

/// Whether anything of them can be worked out on the stored text.
bool Patches::plain() const {
  if (context_.notes || options_.dry_run || options_.force || alike_.kind != kind_ || !kind_->writable || core_.conversions->by_webhook(*kind_)) return false;
  const auto* const subresource = kind_->subresource(alike_.subresource);
  const bool offered = alike_.subresource.empty() ? kind_->allows("patch") : subresource && std::find(subresource->verbs.begin(), subresource->verbs.end(), "patch") != subresource->verbs.end();
  return offered && !kinds::judged_alone(*kind_, alike_.subresource).empty();
}

void Patches::run() {
  const bool together = plain();
  std::optional<Round> round;
  for (std::size_t place = 0; place < patches_.size(); ++place) {
    if (together && !round) round.emplace(core_, place);
    if (!together || !add(*round, place)) alone(place);
    if (!round || round->commits.size() < kRoundPatchesMax) continue;
    commit(*round);
    round.reset();
  }
  if (round) commit(*round);
}

bool Patches::may(const Verbs::Patch& patch) {
  asked_.ns = patch.ns;
  asked_.name = patch.name;
  return core_.parts.chains.authorize(asked_).decision == auth::Decision::allow;
}

bool Patches::pass(Round& round, const std::string& ns) const {
  if (round.passed == ns) return true;
  auth::AdmissionRequest request{.operation = auth::AdmissionRequest::Operation::update, .kind = kind_, .subresource = alike_.subresource, .ns = ns, .user = &context_.user, .snapshot = round.snapshot, .keeps_metadata = true};
  round.passed.reset();
  if (core_.parts.chains.passes(request)) round.passed = ns;
  return round.passed.has_value();
}

store::Key Patches::key_of(std::size_t place) const { return {kind_->storage_key, kind_->namespaced ? patches_[place].ns : std::string(), patches_[place].name}; }

const store::ObjectRef& Patches::stored(Round& round, std::size_t place) const {
  for (auto next = round.first + round.found.size(); next < patches_.size() && next <= place + kAhead; ++next) {
    const auto& found = round.found.emplace_back(round.snapshot.get(key_of(next)));
    if (found) fetch(*found);
  }
  return round.found[place - round.first];
}

/// False: it has to go alone.
bool Patches::add(Round& round, std::size_t place) {
  const auto& patch = patches_[place];
  if (!may(patch) || !pass(round, patch.ns)) return false;
  const auto& existing = stored(round, place);
  if (!existing || !narrows_as_stored(*kind_, *existing)) return false;
  auto narrowed = narrow_patch(narrow_write(*kind_, alike_.subresource, *existing, manager_), type_, patch.body, options_.validation, round.arena.memory(), &credited_);
  if (!narrowed) return false;
  if (!narrowed->changes) return done_(place, Written{.object = existing}), true;
  auto& commit = round.commits.emplace_back();
  round.places.push_back(place);
  auto key = key_of(place);
  commit.expectations.push_back({key, store::Expectation::Kind::at_revision, existing->revision()});
  const auto durability = durability_of(*kind_, key.ns);
  commit.writes.push_back({store::Operation::update, std::move(key), narrowed_draft(*existing, std::move(*narrowed)), durability});
  commit.cause = cause_of(context_);
  return true;
}

void Patches::commit(Round& round) {
  if (round.commits.empty()) return;
  core_.parts.store.commit_each(std::exchange(round.commits, {}), [self = shared_from_this(), places = std::exchange(round.places, {})](std::size_t at, store::CommitOutcome outcome) { self->committed(places[at], std::move(outcome)); });
}

void Patches::committed(std::size_t place, store::CommitOutcome outcome) {
  if (outcome.mismatch) return alone(place);   // it has changed since
  if (outcome.error) return done_(place, store::about_operation(std::move(*outcome.error), "update", kind_->group, kind_->resource));
  done_(place, Written{.object = std::move(outcome.committed->objects.front()), .made_by = shared_from_this()});
}

void Patches::alone(std::size_t place) {
  const auto& patch = patches_[place];
  Verbs::Step step{.op = Verbs::Step::Op::patch, .target = alike_, .patch_type = type_, .body = {kinds::Media::json, patch.body}, .options = options_};
  step.target.ns = patch.ns;
  step.target.name = patch.name;
  write_one(core_, context_, std::move(step), [self = shared_from_this(), place](base::Outcome<Written> written) { self->done_(place, std::move(written)); });
}

}  // namespace keelson::verbs

#include "core/verbs/together.hpp"

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

struct Together::Round {
  Round(const Core& core, std::size_t place) : snapshot(core.parts.store.snapshot()), arena(core.arenas), first(place) {}
  const store::Snapshot snapshot;
  Arena arena;
  const std::size_t first;                 ///< of those that it looks at
  std::vector<store::ObjectRef> found;     ///< from there on; null: there is none
  std::vector<store::Commit> commits;
  std::vector<std::size_t> places;         ///< of commits, in writes_
  std::optional<std::pair<std::string, std::string>> passed;   ///< the namespace and node that were asked about last, if nobody looks on there
};

Together::Together(const Core& core, Context context, Verbs::Step alike, std::vector<Verbs::Each> writes, OnEachWritten done)
    : core_(core), context_(std::move(context)), alike_(std::move(alike)), kind_(core.storage_kind(alike_.target)), writes_(std::move(writes)), done_(std::move(done)), text_(text_write(core_, context_, alike_, kind_)), cause_(cause_of(context_)) {
  asked_.user = &context_.user;
  asked_.verb = verb_of(alike_.op);
  asked_.group = alike_.target.kind->group;
  asked_.version = alike_.target.kind->version;
  asked_.resource = alike_.target.kind->resource;
  asked_.subresource = alike_.target.subresource;
}

void Together::run() {
  std::optional<Round> round;
  for (std::size_t place = 0; place < writes_.size(); ++place) {
    if (text_ && !round) round.emplace(core_, place);
    if (!text_ || !add(*round, place)) alone(place);
    if (!round || round->commits.size() < kRoundWritesMax) continue;
    commit(*round);
    round.reset();
  }
  if (round) commit(*round);
}

bool Together::may(const Verbs::Each& write) {
  asked_.ns = write.ns;
  asked_.name = write.name;
  return core_.parts.chains.authorize(asked_).decision == auth::Decision::allow;
}

bool Together::pass(Round& round, const Verbs::Each& write) const {
  const auto node = text_->node();
  if (round.passed && round.passed->first == write.ns && round.passed->second == node) return true;
  const auto& target = alike_.target;
  const auto operation = alike_.op == Verbs::Step::Op::create ? auth::AdmissionRequest::Operation::create : auth::AdmissionRequest::Operation::update;
  auth::AdmissionRequest request{.operation = operation, .kind = kind_, .subresource = target.subresource, .ns = write.ns, .user = &context_.user, .snapshot = round.snapshot, .node = node, .keeps_metadata = true};
  round.passed.reset();
  if (core_.parts.chains.passes(request)) round.passed.emplace(write.ns, node);
  return round.passed.has_value();
}

store::Key Together::key_of(std::size_t place) const { return {kind_->storage_key, kind_->namespaced ? writes_[place].ns : std::string(), writes_[place].name}; }

const store::ObjectRef& Together::stored(Round& round, std::size_t place) const {
  for (auto next = round.first + round.found.size(); next < writes_.size() && next <= place + kAhead; ++next) {
    const auto& found = round.found.emplace_back(round.snapshot.get(key_of(next)));
    if (found) fetch(*found);
  }
  return round.found[place - round.first];
}

/// False: it has to go alone.
bool Together::add(Round& round, std::size_t place) {
  const auto& write = writes_[place];
  if (!text_->take(write) || !may(write) || !pass(round, write)) return false;
  const auto& existing = stored(round, place);
  if (!existing || !narrows_as_stored(*kind_, *existing)) return false;
  auto made = text_->make(*existing, round.arena.memory());
  if (!made) return false;
  if (!made->draft) return done_(place, Written{.object = existing}), true;
  auto& commit = round.commits.emplace_back();
  round.places.push_back(place);
  auto key = key_of(place);
  commit.expectations.push_back({key, store::Expectation::Kind::at_revision, existing->revision()});
  const auto durability = durability_of(*kind_, key.ns);
  commit.writes.push_back({store::Operation::update, std::move(key), std::move(made->draft), durability});
  commit.cause = cause_;
  return true;
}

void Together::commit(Round& round) {
  if (round.commits.empty()) return;
  core_.parts.store.commit_each(std::exchange(round.commits, {}), [self = shared_from_this(), places = std::exchange(round.places, {})](std::size_t at, store::CommitOutcome outcome) { self->committed(places[at], std::move(outcome)); });
}

void Together::committed(std::size_t place, store::CommitOutcome outcome) {
  if (outcome.mismatch) return alone(place);   // it has changed since
  if (outcome.error) return done_(place, about(alike_, std::move(*outcome.error)));
  done_(place, Written{.object = std::move(outcome.committed->objects.front()), .created = alike_.op == Verbs::Step::Op::create, .made_by = shared_from_this()});
}

void Together::alone(std::size_t place) {
  const auto& write = writes_[place];
  Verbs::Step step = alike_;
  step.target.ns = write.ns;
  step.target.name = write.name;
  step.body = {kinds::Media::json, write.body};
  write_one(core_, context_, std::move(step), [self = shared_from_this(), place](base::Outcome<Written> written) { self->done_(place, std::move(written)); });
}

}  // namespace keelson::verbs

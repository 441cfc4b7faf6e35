// How patches of one object that are sent together keep their order: a turn has of each object no more than one, and begins once all of
// the turn before are answered.
#include <algorithm>
#include <atomic>
#include <string_view>
#include <unordered_map>

#include "core/verbs/verbs.hpp"

namespace keelson::verbs {
namespace {

using Places = std::vector<std::size_t>;
using ObjectName = std::pair<std::string_view, std::string_view>;   // namespace, name

struct ObjectNameHash {
  std::size_t operator()(const ObjectName& of) const {
    const std::hash<std::string_view> hash;
    return hash(of.first) * 31 ^ hash(of.second);
  }
};

/// The n-th patch of an object has the n-th turn.
std::vector<Places> turns_of(const kinds::Kind& kind, const std::vector<Verbs::Patch>& patches) {
  std::vector<Places> turns;
  std::unordered_map<ObjectName, std::size_t, ObjectNameHash> before(patches.size());
  for (std::size_t place = 0; place < patches.size(); ++place) {
    const auto ns = kind.namespaced ? std::string_view(patches[place].ns) : std::string_view();
    const auto turn = before[{ns, patches[place].name}]++;
    if (turn == turns.size()) turns.emplace_back();
    turns[turn].push_back(place);
  }
  return turns;
}

/// Threads: whoever gives the last answer of a turn begins the next. Ownership: keeps itself alive until all are answered.
class Turns : public std::enable_shared_from_this<Turns> {
 public:
  Turns(Verbs& verbs, const Context& context, Target alike, kinds::PatchType type, std::vector<Verbs::Patch> patches, std::vector<Places> turns, WriteOptions options, OnEachWritten done)
      : verbs_(verbs), context_(context), alike_(std::move(alike)), type_(type), options_(options), turns_(std::move(turns)), patches_(std::move(patches)), done_(std::move(done)) {}

  // What is answered at once ends its turn here, not in the answer: thousands of turns would lie on the stack.
  void run() {
    do begin(turns_[next_++]);
    while (ends_turn() && next_ < turns_.size());
  }

 private:
  void begin(const Places& places) {
    unanswered_ = places.size() + 1;   // one for whoever begins it
    std::vector<Verbs::Patch> patches;
    patches.reserve(places.size());
    for (const auto place : places) patches.push_back(std::move(patches_[place]));
    verbs_.patch_distinct(context_, alike_, type_, std::move(patches), options_, [self = shared_from_this(), &places](std::size_t at, base::Outcome<Written> written) {
      self->done_(places[at], std::move(written));
      if (self->ends_turn() && self->next_ < self->turns_.size()) self->run();
    });
  }
  bool ends_turn() { return unanswered_.fetch_sub(1) == 1; }

  Verbs& verbs_;
  const Context context_;
  const Target alike_;
  const kinds::PatchType type_;
  const WriteOptions options_;
  const std::vector<Places> turns_;
  std::vector<Verbs::Patch> patches_;
  const OnEachWritten done_;
  std::size_t next_ = 0;                    // of turns_
  std::atomic<std::size_t> unanswered_{0};  // of the turn
};

}  // namespace

void Verbs::patch_each(const Context& context, Target alike, kinds::PatchType type, std::vector<Patch> patches, WriteOptions options, OnEachWritten done) {
  auto turns = turns_of(*alike.kind, patches);
  if (turns.size() > 1) std::make_shared<Turns>(*this, context, std::move(alike), type, std::move(patches), std::move(turns), options, std::move(done))->run();
  else patch_distinct(context, std::move(alike), type, std::move(patches), options, std::move(done));
}

void Verbs::patch_distinct(const Context& context, Target alike, kinds::PatchType type, std::vector<Patch> patches, WriteOptions options, OnEachWritten done) {
  for (std::size_t place = 0; place < patches.size(); ++place) {
    auto& one = patches[place];
    alike.ns = std::move(one.ns);
    alike.name = std::move(one.name);
    patch(context, alike, type, {kinds::Media::json, std::move(one.body)}, options, [done, place](base::Outcome<Written> written) { done(place, std::move(written)); });
  }
}

}  // namespace keelson::verbs

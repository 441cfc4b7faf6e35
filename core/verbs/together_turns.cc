// How writes of one object that are sent together keep their order: a turn has of each object no more than one, and begins once all of
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

/// The n-th write of an object has the n-th turn.
std::vector<Places> turns_of(const kinds::Kind& kind, const std::vector<Verbs::Each>& writes) {
  std::vector<Places> turns;
  std::unordered_map<ObjectName, std::size_t, ObjectNameHash> before(writes.size());
  for (std::size_t place = 0; place < writes.size(); ++place) {
    const auto ns = kind.namespaced ? std::string_view(writes[place].ns) : std::string_view();
    const auto turn = before[{ns, writes[place].name}]++;
    if (turn == turns.size()) turns.emplace_back();
    turns[turn].push_back(place);
  }
  return turns;
}

/// Threads: whoever gives the last answer of a turn begins the next. Ownership: keeps itself alive until all are answered.
class Turns : public std::enable_shared_from_this<Turns> {
 public:
  Turns(Verbs& verbs, const Context& context, Verbs::Step alike, std::vector<Verbs::Each> writes, std::vector<Places> turns, OnEachWritten done)
      : verbs_(verbs), context_(context), alike_(std::move(alike)), turns_(std::move(turns)), writes_(std::move(writes)), done_(std::move(done)) {}

  // What is answered at once ends its turn here, not in the answer: thousands of turns would lie on the stack.
  void run() {
    do begin(turns_[next_++]);
    while (ends_turn() && next_ < turns_.size());
  }

 private:
  void begin(const Places& places) {
    unanswered_ = places.size() + 1;   // one for whoever begins it
    std::vector<Verbs::Each> writes;
    writes.reserve(places.size());
    for (const auto place : places) writes.push_back(std::move(writes_[place]));
    verbs_.write_distinct(context_, alike_, std::move(writes), [self = shared_from_this(), &places](std::size_t at, base::Outcome<Written> written) {
      self->done_(places[at], std::move(written));
      if (self->ends_turn() && self->next_ < self->turns_.size()) self->run();
    });
  }
  bool ends_turn() { return unanswered_.fetch_sub(1) == 1; }

  Verbs& verbs_;
  const Context context_;
  const Verbs::Step alike_;
  const std::vector<Places> turns_;
  std::vector<Verbs::Each> writes_;
  const OnEachWritten done_;
  std::size_t next_ = 0;                    // of turns_
  std::atomic<std::size_t> unanswered_{0};  // of the turn
};

}  // namespace

void Verbs::write_each(const Context& context, Step alike, std::vector<Each> writes, OnEachWritten done) {
  auto turns = turns_of(*alike.target.kind, writes);
  if (turns.size() > 1) std::make_shared<Turns>(*this, context, std::move(alike), std::move(writes), std::move(turns), std::move(done))->run();
  else write_distinct(context, std::move(alike), std::move(writes), std::move(done));
}

void Verbs::write_distinct(const Context& context, Step alike, std::vector<Each> writes, OnEachWritten done) {
  auto& target = alike.target;
  for (std::size_t place = 0; place < writes.size(); ++place) {
    auto& one = writes[place];
    target.ns = std::move(one.ns);
    target.name = std::move(one.name);
    Body body{kinds::Media::json, std::move(one.body)};
    const OnWritten answer = [done, place](base::Outcome<Written> written) { done(place, std::move(written)); };
    if (alike.op == Step::Op::patch) patch(context, target, alike.patch_type, std::move(body), alike.options, answer);
    else create(context, target, std::move(body), alike.options, answer);
  }
}

}  // namespace keelson::verbs

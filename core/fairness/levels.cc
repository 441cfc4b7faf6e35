#include "core/fairness/levels.hpp"

#include <algorithm>
#include <cmath>

namespace keelson::fairness {
namespace {

/// What a request is taken to cost until it has ended.
constexpr double kGuess_s = 0.003;

void resize(Level& level, std::size_t queues) {
  if (level.queues.size() == queues) return;
  auto old = std::exchange(level.queues, std::vector<Queue>(queues));
  for (std::size_t i = 0; i < old.size(); ++i)
    for (auto& request : old[i].waiting) {
      request->queue = static_cast<int>(i % queues);
      level.queues[i % queues].waiting.push_back(std::move(request));
    }
}

}  // namespace

void deal(std::uint64_t hash, int queues, int hand, std::array<int, kHandSizeMax>& out) {
  for (int drawn = 0; drawn < hand; ++drawn) {
    const auto left = static_cast<std::uint64_t>(queues - drawn);
    int card = static_cast<int>(hash % left);
    hash /= left;
    // The card-th of those that are still in the deck; the hand is kept sorted.
    int at = 0;
    while (at < drawn && out[static_cast<std::size_t>(at)] <= card) ++card, ++at;
    for (int i = drawn; i > at; --i) out[static_cast<std::size_t>(i)] = out[static_cast<std::size_t>(i - 1)];
    out[static_cast<std::size_t>(at)] = card;
  }
}

void Levels::set(const std::vector<LevelSpec>& specs) {
  double shares = 0;
  for (const auto& spec : specs) shares += spec.shares;
  std::map<std::string, LevelRef> next;
  for (const auto& spec : specs) {
    const auto known = levels_.find(spec.name);
    auto level = known == levels_.end() ? std::make_shared<Level>() : known->second;
    level->spec = spec;
    level->nominal = shares > 0 ? static_cast<int>(std::ceil(seats_ * spec.shares / shares)) : 0;
    level->lendable = static_cast<int>(std::lround(level->nominal * spec.lendable_percent / 100.0));
    level->most = spec.borrowing_percent ? level->nominal + static_cast<int>(std::lround(level->nominal * *spec.borrowing_percent / 100.0)) : std::numeric_limits<int>::max();
    if (!spec.exempt && spec.queues_requests) resize(*level, static_cast<std::size_t>(spec.queues));
    else if (level->queues.empty()) resize(*level, 1);
    next.emplace(spec.name, std::move(level));
  }
  levels_ = std::move(next);
}

Levels::~Levels() {
  for (const auto& [name, level] : levels_)
    for (auto& queue : level->queues) queue.waiting.clear();
}

LevelRef Levels::find(const std::string& name) const {
  const auto found = levels_.find(name);
  return found == levels_.end() ? nullptr : found->second;
}

bool Levels::seat_free(const Level& level, int seats) const {
  // One that wants more than there is gets it when it is alone.
  if (level.spec.exempt || level.executing == 0) return true;
  const int wanted = level.executing_seats + seats;
  if (wanted > level.most) return false;
  int lent = 0, lendable = 0;
  for (const auto& [name, other] : levels_) {
    if (other->spec.exempt) continue;
    lent += std::max(0, (other.get() == &level ? wanted : other->executing_seats) - other->nominal);
    if (other.get() != &level) lendable += std::min(other->lendable, std::max(0, other->nominal - other->executing_seats));
  }
  // Within its own seats a level waits only while others have not given back what it lent.
  if (wanted <= level.nominal) return lent == 0 || wanted <= level.nominal - level.lendable || lent <= lendable + std::min(level.lendable, level.nominal - wanted);
  return lent <= lendable;
}

void Levels::seat(Request& request, base::Monotonic now) {
  auto& level = *request.level;
  request.state = Request::State::executing;
  request.since = now;
  ++level.executing;
  level.executing_seats += request.seats;
  if (request.queue >= 0) level.queues[static_cast<std::size_t>(request.queue)].served += request.seats * kGuess_s;
}

bool Levels::take_seat(Request& request, base::Monotonic now) {
  if (request.level->waiting > 0 || !seat_free(*request.level, request.seats)) return false;
  seat(request, now);
  return true;
}

Levels::Place Levels::enter(const RequestRef& request, base::Monotonic now, bool may_wait) {
  auto& level = *request->level;
  if (take_seat(*request, now)) return Place::seat;
  if (!level.spec.queues_requests) return Place::none;
  std::array<int, kHandSizeMax> hand{};
  const int queues = static_cast<int>(level.queues.size()), size = std::min(level.spec.hand_size, queues);
  deal(request->flow, queues, size, hand);
  const auto length = [&](int queue) { return level.queues[static_cast<std::size_t>(queue)].waiting.size(); };
  const int shortest = *std::min_element(hand.begin(), hand.begin() + size, [&](int a, int b) { return length(a) < length(b); });
  if (length(shortest) >= static_cast<std::size_t>(level.spec.queue_length)) return Place::none;
  if (!may_wait) return Place::queue;
  auto& queue = level.queues[static_cast<std::size_t>(shortest)];
  // Who was idle has saved nothing up.
  if (queue.waiting.empty()) queue.served = std::max(queue.served, level.served);
  request->state = Request::State::waiting;
  request->since = now;
  request->queue = shortest;
  queue.waiting.push_back(request);
  ++level.waiting;
  return Place::queue;
}

void Levels::leave(Request& request, base::Monotonic now) {
  if (request.state != Request::State::executing) return;
  auto& level = *request.level;
  request.state = Request::State::done;
  --level.executing;
  level.executing_seats -= request.seats;
  if (request.queue < 0 || static_cast<std::size_t>(request.queue) >= level.queues.size()) return;
  level.queues[static_cast<std::size_t>(request.queue)].served += request.seats * (static_cast<double>(now - request.since) / 1e9 - kGuess_s);
}

RequestRef Levels::next_of(Level& level) const {
  Queue* least = nullptr;
  for (auto& queue : level.queues)
    if (!queue.waiting.empty() && (!least || queue.served < least->served)) least = &queue;
  if (!least || !seat_free(level, least->waiting.front()->seats)) return nullptr;
  auto request = std::move(least->waiting.front());
  least->waiting.pop_front();
  level.served = std::max(level.served, least->served);
  --level.waiting;
  return request;
}

void Levels::dispatch(const LevelRef& first, base::Monotonic now, std::vector<RequestRef>& into) {
  const auto drain = [&](Level& level) {
    while (level.waiting > 0) {
      auto request = next_of(level);
      if (!request) return;
      seat(*request, now);
      into.push_back(std::move(request));
    }
  };
  if (first) drain(*first);
  for (const auto& [name, level] : levels_) drain(*level);
}

base::Monotonic Levels::expire(base::Monotonic since, std::vector<RequestRef>& into) {
  auto eldest = base::kForever;
  for (const auto& [name, level] : levels_)
    for (auto& queue : level->queues) {
      while (!queue.waiting.empty() && queue.waiting.front()->since <= since) {
        queue.waiting.front()->state = Request::State::refused;
        into.push_back(std::move(queue.waiting.front()));
        queue.waiting.pop_front();
        --level->waiting;
      }
      if (!queue.waiting.empty()) eldest = std::min(eldest, queue.waiting.front()->since);
    }
  return eldest;
}

}  // namespace keelson::fairness

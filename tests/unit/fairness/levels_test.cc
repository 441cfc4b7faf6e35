#include <catch2/catch.hpp>
#include <set>

#include "core/fairness/bootstrap.hpp"
#include "core/fairness/levels.hpp"

using namespace keelson;
using namespace keelson::fairness;

namespace {

LevelSpec level(std::string name, int shares, int lendable = 0, bool queues = true) {
  LevelSpec spec;
  spec.name = std::move(name);
  spec.shares = shares;
  spec.lendable_percent = lendable;
  spec.queues_requests = queues;
  spec.queues = 8;
  spec.hand_size = 2;
  spec.queue_length = 3;
  return spec;
}

RequestRef request(const LevelRef& level, std::uint64_t flow = 1, int seats = 1) {
  auto made = std::make_shared<Request>();
  made->level = level;
  made->flow = flow;
  made->seats = seats;
  return made;
}

/// Fills a level; answers how many got a seat.
int fill(Levels& levels, const std::string& name, std::vector<RequestRef>& held, int tries = 1000) {
  int seated = 0;
  for (int i = 0; i < tries; ++i) {
    auto one = request(levels.find(name));
    if (levels.enter(one, 0, false) != Levels::Place::seat) break;
    held.push_back(std::move(one));
    ++seated;
  }
  return seated;
}

}  // namespace

TEST_CASE("a hand has different cards of the deck, the same for one hash") {
  std::set<std::vector<int>> hands;
  for (std::uint64_t hash = 0; hash < 5000; ++hash) {
    std::array<int, kHandSizeMax> hand{}, again{};
    deal(hash * 2654435761u, 16, 4, hand);
    deal(hash * 2654435761u, 16, 4, again);
    REQUIRE(hand == again);
    std::set<int> cards(hand.begin(), hand.begin() + 4);
    REQUIRE(cards.size() == 4);
    REQUIRE(*cards.begin() >= 0);
    REQUIRE(*cards.rbegin() < 16);
    hands.insert(std::vector<int>(cards.begin(), cards.end()));
  }
  CHECK(hands.size() > 1500);   // of 1820
  std::array<int, kHandSizeMax> all{};
  deal(77, 6, 6, all);
  CHECK(std::set<int>(all.begin(), all.begin() + 6).size() == 6);
}

TEST_CASE("seats are shared by shares, and each level has its own") {
  Levels levels(100);
  levels.set({level("a", 30), level("b", 70)});
  CHECK(levels.find("a")->nominal == 30);
  CHECK(levels.find("b")->nominal == 70);
  std::vector<RequestRef> held;
  CHECK(fill(levels, "a", held) == 30);
  CHECK(fill(levels, "b", held) == 70);
}

TEST_CASE("a level borrows what another may lend and does not use, and no more") {
  Levels levels(100);
  levels.set({level("a", 50), level("b", 50, 40)});
  CHECK(levels.find("b")->lendable == 20);
  std::vector<RequestRef> a, b;
  CHECK(fill(levels, "a", a) == 70);
  // What b did not lend is free at once, the rest when a gives it back.
  CHECK(fill(levels, "b", b) == 30);
  levels.leave(*a.back(), 0);
  a.pop_back();
  CHECK(fill(levels, "b", b) == 1);
  auto limited = level("a", 50);
  limited.borrowing_percent = 10;
  Levels others(100);
  others.set({limited, level("b", 50, 40)});
  CHECK(fill(others, "a", a) == 55);
}

TEST_CASE("an exempt level has no limit, one that rejects no queue") {
  Levels levels(10);
  auto exempt = level("exempt", 0);
  exempt.exempt = true;
  levels.set({exempt, level("strict", 10, 0, false)});
  std::vector<RequestRef> held;
  CHECK(fill(levels, "exempt", held) == 1000);
  CHECK(fill(levels, "strict", held) == 10);
  CHECK(levels.enter(request(levels.find("strict")), 0, true) == Levels::Place::none);
}

TEST_CASE("who finds no seat waits in the shortest queue of the flow's hand, until those are full") {
  Levels levels(1);
  levels.set({level("a", 1)});
  std::vector<RequestRef> held;
  CHECK(fill(levels, "a", held) == 1);
  int waiting = 0;
  while (levels.enter(request(levels.find("a"), 5), 0, true) == Levels::Place::queue) ++waiting;
  CHECK(waiting == 2 * 3);   // hand size times queue length
  // Another flow shares at most some of those queues.
  int other = 0;
  for (std::uint64_t flow = 6; flow < 30; ++flow)
    if (levels.enter(request(levels.find("a"), flow * 7919), 0, false) == Levels::Place::queue) ++other;
  CHECK(other > 15);
}

TEST_CASE("queues take turns: a flow that floods does not hold up one that asks little") {
  Levels levels(1);
  auto spec = level("a", 1);
  spec.queues = 64;
  spec.queue_length = 100;
  levels.set({spec});
  std::vector<RequestRef> held;
  fill(levels, "a", held);
  for (int i = 0; i < 100; ++i) REQUIRE(levels.enter(request(levels.find("a"), 1), 0, true) == Levels::Place::queue);
  auto modest = request(levels.find("a"), 12345);
  REQUIRE(levels.enter(modest, 0, true) == Levels::Place::queue);
  auto running = held.back();
  int before = 0;
  for (base::Monotonic now = 1'000'000; modest->state == Request::State::waiting && before < 200; now += 1'000'000, ++before) {
    std::vector<RequestRef> seated;
    levels.leave(*running, now);
    levels.dispatch(running->level, now, seated);
    REQUIRE(seated.size() == 1);
    running = seated.front();
  }
  CHECK(before < 10);
}

TEST_CASE("a large request takes several seats, and runs alone when it wants more than there are") {
  Levels levels(10);
  levels.set({level("a", 1)});
  auto large = request(levels.find("a"), 1, 8);
  CHECK(levels.enter(large, 0, true) == Levels::Place::seat);
  std::vector<RequestRef> held;
  CHECK(fill(levels, "a", held) == 2);
  levels.leave(*large, 0);
  for (const auto& one : held) levels.leave(*one, 0);
  CHECK(levels.enter(request(levels.find("a"), 1, 50), 0, true) == Levels::Place::seat);
}

TEST_CASE("who waited too long is taken out, and the eldest of the others is told") {
  Levels levels(1);
  levels.set({level("a", 1)});
  std::vector<RequestRef> held, late;
  fill(levels, "a", held);
  for (base::Monotonic now : {10, 20, 30}) REQUIRE(levels.enter(request(levels.find("a"), 3), now, true) == Levels::Place::queue);
  CHECK(levels.expire(15, late) == 20);
  CHECK(late.size() == 1);
  CHECK(late.front()->state == Request::State::refused);
  CHECK(levels.find("a")->waiting == 2);
  CHECK(levels.expire(100, late) == base::kForever);
}

TEST_CASE("levels that change keep who is in them") {
  Levels levels(4);
  levels.set({level("a", 1)});
  std::vector<RequestRef> held;
  CHECK(fill(levels, "a", held) == 4);
  for (int i = 0; i < 4; ++i) levels.enter(request(levels.find("a"), static_cast<std::uint64_t>(i)), 0, true);
  auto fewer = level("a", 1);
  fewer.queues = 2;
  levels.set({fewer, level("b", 1)});
  CHECK(levels.find("a")->executing == 4);
  CHECK(levels.find("a")->nominal == 2);
  for (const auto& one : held) levels.leave(*one, 0);
  std::vector<RequestRef> seated;
  levels.dispatch(nullptr, 0, seated);
  CHECK(seated.size() == 2);
}

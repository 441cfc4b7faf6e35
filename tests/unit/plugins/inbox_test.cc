#include <catch2/catch.hpp>

#include <algorithm>
#include <iterator>

#include "core/base/simulated_runtime.hpp"
#include "core/plugins/feed.hpp"

using namespace keelson;

namespace {

constexpr std::size_t kMany = plugins::kInboxChangesMax;

/// Changes of one object: what an inbox holds is shared with everybody else.
std::vector<store::Change> changes(std::string_view resource, std::size_t count, store::Revision first = 1) {
  store::Columns columns;
  columns.key = {base::Atom(resource), "default", "a"};
  const std::string body = R"({"metadata":{"resourceVersion":"                    "}})";
  const auto object = store::Draft(columns, body, body.find("  ")).freeze(first);
  std::vector<store::Change> all(count);
  for (auto& change : all) {
    change.revision = first++;
    change.object = object;
  }
  return all;
}

struct Fixture {
  std::unique_ptr<base::SimulatedRuntime> runtime = base::simulated_runtime(7);
  plugins::Inbox inbox{std::shared_ptr<base::Waiter>(runtime->waiter())};
  std::vector<plugins::Changes> together;
  std::vector<store::Change> taken;   // of these, what it wants

  bool offer(const std::vector<store::Change>& changes) {
    plugins::Delivery delivery(changes);
    return inbox.offer(delivery);
  }
  bool take() {
    const bool lost = inbox.take(together);
    taken.clear();
    for (const auto& changes : together) std::copy_if(changes->begin(), changes->end(), std::back_inserter(taken), [&](const auto& change) { return inbox.wants(change); });
    return lost;
  }
};

}  // namespace

TEST_CASE_METHOD(Fixture, "an inbox gets the kinds that it wants, in order") {
  inbox.want(base::Atom("pods"));
  offer(changes("pods", 2, 1));
  offer(changes("nodes", 5, 3));
  offer(changes("pods", 1, 8));
  CHECK_FALSE(take());
  REQUIRE(taken.size() == 3);
  CHECK(taken[0].revision == 1);
  CHECK(taken[1].revision == 2);
  CHECK(taken[2].revision == 8);
  CHECK_FALSE(take());
  CHECK(taken.empty());
}

TEST_CASE_METHOD(Fixture, "an inbox that overflows drops all it holds, says so once, and goes on with what comes after") {
  inbox.want_all();
  offer(changes("pods", kMany, 1));
  CHECK_FALSE(take());
  CHECK(taken.size() == kMany);   // just full
  offer(changes("pods", kMany, 1));
  offer(changes("pods", 1, kMany + 1));
  offer(changes("pods", 3, kMany + 2));   // while nobody has noticed
  CHECK(take());
  CHECK(taken.empty());
  offer(changes("pods", 2, kMany + 5));
  CHECK_FALSE(take());
  REQUIRE(taken.size() == 2);
  CHECK(taken[0].revision == kMany + 5);
}

TEST_CASE_METHOD(Fixture, "a kind that nobody wants does not overflow an inbox") {
  inbox.want(base::Atom("pods"));
  offer(changes("leases", kMany + 1));
  CHECK_FALSE(take());
  CHECK(taken.empty());
}

TEST_CASE_METHOD(Fixture, "what needs no thread is routed as it comes once the inbox is open, and may be taken later") {
  std::vector<store::Revision> routed;
  inbox.want(base::Atom("nodes"));
  inbox.want_at_once(base::Atom("pods"), [&](const store::Change& change) { routed.push_back(change.revision); });
  CHECK(offer(changes("pods", 2, 1)));
  CHECK(routed.empty());
  CHECK(inbox.open() == 2);
  CHECK(offer(changes("pods", 2, 3)));
  CHECK_FALSE(offer(changes("nodes", 1, 5)));   // somebody was woken for it
  offer(changes("leases", 1, 6));
  CHECK(routed == std::vector<store::Revision>{3, 4});
  CHECK_FALSE(take());
  REQUIRE(taken.size() == 5);
  CHECK(taken.back().revision == 5);
}

TEST_CASE_METHOD(Fixture, "what most of is wanted is one thing for all who want it, and who wants little of it holds no more than that") {
  auto published = changes("pods", 2, 1);
  const auto nodes = changes("nodes", 1, 3);
  published.insert(published.end(), nodes.begin(), nodes.end());
  plugins::Inbox everything{std::shared_ptr<base::Waiter>(runtime->waiter())}, other{std::shared_ptr<base::Waiter>(runtime->waiter())};
  inbox.want(base::Atom("pods"));
  everything.want_all();
  other.want(base::Atom("nodes"));
  plugins::Delivery delivery(published);
  for (auto* one : {&inbox, &everything, &other}) one->offer(delivery);
  std::vector<plugins::Changes> of_all, of_other;
  take();
  everything.take(of_all);
  other.take(of_other);
  CHECK(together.at(0) == of_all.at(0));
  CHECK(of_all[0]->size() == 3);
  CHECK(taken.size() == 2);
  REQUIRE(of_other.at(0)->size() == 1);
  CHECK(of_other[0]->front().revision == 3);
}

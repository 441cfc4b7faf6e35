#include <catch2/catch.hpp>

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
  const auto object = store::Draft(columns, body, body.find("  ")).freeze(first, {});
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
  std::deque<store::Change> taken;
};

}  // namespace

TEST_CASE_METHOD(Fixture, "an inbox gets the kinds that it wants, in order") {
  inbox.want(base::Atom("pods"));
  inbox.offer(changes("pods", 2, 1));
  inbox.offer(changes("nodes", 5, 3));
  inbox.offer(changes("pods", 1, 8));
  CHECK_FALSE(inbox.take(taken));
  REQUIRE(taken.size() == 3);
  CHECK(taken[0].revision == 1);
  CHECK(taken[1].revision == 2);
  CHECK(taken[2].revision == 8);
  CHECK_FALSE(inbox.take(taken));
  CHECK(taken.empty());
}

TEST_CASE_METHOD(Fixture, "an inbox that overflows drops all it holds, says so once, and goes on with what comes after") {
  inbox.want_all();
  inbox.offer(changes("pods", kMany, 1));
  CHECK_FALSE(inbox.take(taken));
  CHECK(taken.size() == kMany);   // just full
  inbox.offer(changes("pods", kMany, 1));
  inbox.offer(changes("pods", 1, kMany + 1));
  inbox.offer(changes("pods", 3, kMany + 2));   // while nobody has noticed
  CHECK(inbox.take(taken));
  CHECK(taken.empty());
  inbox.offer(changes("pods", 2, kMany + 5));
  CHECK_FALSE(inbox.take(taken));
  REQUIRE(taken.size() == 2);
  CHECK(taken[0].revision == kMany + 5);
}

TEST_CASE_METHOD(Fixture, "a kind that nobody wants does not overflow an inbox") {
  inbox.want(base::Atom("pods"));
  inbox.offer(changes("leases", kMany + 1));
  CHECK_FALSE(inbox.take(taken));
  CHECK(taken.empty());
}

TEST_CASE_METHOD(Fixture, "what needs no thread is routed as it comes once the inbox is open, and may be taken later") {
  std::vector<store::Revision> routed;
  inbox.want(base::Atom("nodes"));
  inbox.want_at_once(base::Atom("pods"), [&](const store::Change& change) { routed.push_back(change.revision); });
  CHECK(inbox.offer(changes("pods", 2, 1)));
  CHECK(routed.empty());
  CHECK(inbox.open() == 2);
  CHECK(inbox.offer(changes("pods", 2, 3)));
  CHECK_FALSE(inbox.offer(changes("nodes", 1, 5)));   // somebody was woken for it
  inbox.offer(changes("leases", 1, 6));
  CHECK(routed == std::vector<store::Revision>{3, 4});
  CHECK_FALSE(inbox.take(taken));
  REQUIRE(taken.size() == 5);
  CHECK(taken.back().revision == 5);
}

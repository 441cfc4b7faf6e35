#include "core/base/runtime.hpp"

#include <atomic>
#include <catch2/catch.hpp>
#include <set>
#include <vector>

#include "core/base/atom.hpp"
#include "core/base/simulated_runtime.hpp"

using namespace keelson::base;

TEST_CASE("times are printed as metav1 prints them") {
  CHECK(rfc3339(0) == "1970-01-01T00:00:00Z");
  CHECK(rfc3339(951'782'399) == "2000-02-28T23:59:59Z");
  CHECK(rfc3339(951'782'400) == "2000-02-29T00:00:00Z");
  CHECK(rfc3339(1'767'225'599) == "2025-12-31T23:59:59Z");
  CHECK(rfc3339(-1) == "1969-12-31T23:59:59Z");
  CHECK(rfc3339_micro(1'500'000) == "1970-01-01T00:00:01.500000Z");
  CHECK(rfc3339_micro(-1) == "1969-12-31T23:59:59.999999Z");
}

TEST_CASE("uuids are version 4, suffixes are of the name alphabet") {
  const auto runtime = real_runtime();
  std::set<std::string> seen;
  for (int i = 0; i < 200; ++i) {
    const std::string uuid = uuid_v4(*runtime);
    REQUIRE(uuid.size() == 36);
    CHECK(uuid[14] == '4');
    CHECK(std::string("89ab").find(uuid[19]) != std::string::npos);
    seen.insert(uuid);
    const std::string suffix = name_suffix(*runtime);
    CHECK(suffix.find_first_not_of("bcdfghjklmnpqrstvwxz2456789") == std::string::npos);
    CHECK(suffix.size() == 5);
  }
  CHECK(seen.size() == 200);
}

TEST_CASE("timers run in order of their deadlines and not once cancelled") {
  const auto runtime = real_runtime();
  const auto done = runtime->waiter();
  std::string order;
  const Monotonic now = runtime->monotonic_ns();
  runtime->schedule_at(now + 30 * kNanosPerMs, [&] {
    order += 'c';
    done->notify();
  });
  runtime->schedule_at(now + 10 * kNanosPerMs, [&] { order += 'a'; });
  const TimerId cancelled = runtime->schedule_at(now + 1000 * kNanosPerSecond, [&] { order += 'b'; });
  CHECK(runtime->cancel(cancelled));
  CHECK_FALSE(runtime->cancel(cancelled));
  REQUIRE(done->wait_until(runtime->in_ms(30'000)));
  CHECK(order == "ac");
}

TEST_CASE("a notification is kept until a wait takes it, and a wait ends at its deadline") {
  const auto runtime = real_runtime();
  const auto waiter = runtime->waiter();
  waiter->notify();
  waiter->notify();
  CHECK(waiter->wait_until(0));
  CHECK_FALSE(waiter->wait_until(runtime->in_ms(5)));
  const auto thread = runtime->spawn("notifier", [&] { waiter->notify(); });
  CHECK(waiter->wait_until(kForever));
}

namespace {

// Three threads and some timers that pass notifications around; what they did, in order.
std::string trace(std::uint64_t seed) {
  const auto runtime = simulated_runtime(seed);
  std::string out;
  std::vector<std::unique_ptr<Waiter>> waiters;
  for (int i = 0; i < 3; ++i) waiters.push_back(runtime->waiter());
  std::vector<std::unique_ptr<Thread>> threads;
  for (int i = 0; i < 3; ++i)
    threads.push_back(runtime->spawn("t", [&, i] {
      for (int step = 0; step < 20; ++step) {
        out += static_cast<char>('a' + i);
        waiters[static_cast<std::size_t>(runtime->random_u64() % 3)]->notify();
        waiters[static_cast<std::size_t>(i)]->wait_until(runtime->in_ms(1 + static_cast<std::int64_t>(runtime->random_u64() % 3)));
      }
    }));
  for (int i = 0; i < 5; ++i) runtime->schedule_at(runtime->in_ms(3 * i), [&] { out += 'T'; });
  CHECK(runtime->advance(kNanosPerSecond));
  return out + std::to_string(runtime->monotonic_ns());
}

}  // namespace

TEST_CASE("a simulated run is the same for the same seed and another for another") {
  const std::string first = trace(7);
  CHECK(first.size() > 65);
  for (int i = 0; i < 5; ++i) CHECK(trace(7) == first);
  std::set<std::string> runs;
  for (std::uint64_t seed = 0; seed < 10; ++seed) runs.insert(trace(seed));
  CHECK(runs.size() > 5);
}

TEST_CASE("simulated time passes only when nobody can run, straight to the next deadline") {
  const auto runtime = simulated_runtime(1);
  const Monotonic start = runtime->monotonic_ns();
  const auto waiter = runtime->waiter();
  std::vector<Monotonic> woken;
  const auto thread = runtime->spawn("t", [&] {
    for (int i = 0; i < 3; ++i) {
      waiter->wait_until(start + (i + 1) * 1000 * kNanosPerSecond);
      woken.push_back(runtime->monotonic_ns() - start);
    }
  });
  CHECK(runtime->settle());
  CHECK(woken.empty());
  CHECK(runtime->advance(2500 * kNanosPerSecond));
  CHECK(woken == std::vector<Monotonic>{1000 * kNanosPerSecond, 2000 * kNanosPerSecond});
  CHECK(runtime->monotonic_ns() == start + 2500 * kNanosPerSecond);
}

TEST_CASE("the owner of a simulation may wait itself: the others run meanwhile") {
  const auto runtime = simulated_runtime(1);
  const auto ping = runtime->waiter(), pong = runtime->waiter();
  const auto thread = runtime->spawn("t", [&] {
    ping->wait_until(kForever);
    pong->notify();
  });
  ping->notify();
  CHECK(pong->wait_until(runtime->in_ms(1000)));
  CHECK_FALSE(pong->wait_until(runtime->in_ms(1000)));
}

TEST_CASE("a simulation has one processor, whatever the machine has: it replays on another") {
  CHECK(simulated_runtime(1)->processors() == 1);
  CHECK(real_runtime()->processors() >= 1);
}

TEST_CASE("settle gives up on threads that never rest") {
  const auto runtime = simulated_runtime(1);
  const auto waiter = runtime->waiter();
  bool stop = false;
  const auto thread = runtime->spawn("busy", [&] {
    while (!stop) {
      waiter->notify();
      waiter->wait_until(kForever);
    }
  });
  CHECK_FALSE(runtime->settle(1000));
  stop = true;
}

TEST_CASE("equal texts are one atom, on every thread, and atoms are ordered by text") {
  const auto runtime = real_runtime();
  std::vector<Atom> seen(4);
  {
    std::vector<std::unique_ptr<Thread>> threads;
    for (std::size_t i = 0; i < seen.size(); ++i)
      threads.push_back(runtime->spawn("intern", [&, i] {
        for (int n = 0; n < 500; ++n) seen[i] = Atom("name-" + std::to_string(n));
      }));
  }
  for (const Atom atom : seen) CHECK(atom == Atom("name-499"));
  CHECK(Atom("a") < Atom("b"));
  CHECK(Atom() == Atom(""));
  CHECK(Atom().empty());
}

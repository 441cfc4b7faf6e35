#include "core/plugins/child/meeting.hpp"

#include <catch2/catch.hpp>
#include <sched.h>

#include <memory>
#include <thread>

#include "core/base/processor.hpp"

using namespace keelson;
using namespace keelson::plugins;

namespace {

int processors_allowed() {
  cpu_set_t allowed;
  CPU_ZERO(&allowed);
  ::sched_getaffinity(0, sizeof allowed, &allowed);
  return CPU_COUNT(&allowed);
}

/// Every case has a thread of its own: binding is the thread's.
template <class Body>
void on_a_thread(Body body) {
  std::thread(body).join();
}

struct Calls {
  /// One call of which `waited_ns` were neither the plugin's code nor this side's; where the child's thread was to run.
  int call(bool alone = true, std::int64_t waited_ns = 10'000, std::int64_t ran_ns = 5'000) {
    const int place = meeting.begin(alone, now);
    now += ran_ns + waited_ns;
    meeting.end(now, ran_ns);
    return place;
  }
  /// Of so many calls those with a common place.
  int together(int calls, bool alone = true, std::int64_t waited_ns = 10'000, std::int64_t ran_ns = 5'000) {
    int count = 0;
    for (int i = 0; i < calls; ++i) count += call(alone, waited_ns, ran_ns) != base::kAnyProcessor;
    return count;
  }
  Meeting meeting;
  base::Monotonic now = 1'000'000;
};

}  // namespace

TEST_CASE("a thread that is bound runs on that processor alone, and everywhere again when it is let go") {
  on_a_thread([] {
    const int before = processors_allowed();
    const int here = base::processor_here();
    REQUIRE(here != base::kAnyProcessor);
    CHECK(base::stay_on(here));
    CHECK(processors_allowed() == 1);
    CHECK(base::processor_here() == here);
    CHECK_FALSE(base::stay_on(CPU_SETSIZE - 1));   // there is no such processor: it stays
    CHECK_FALSE(base::stay_on(-7));
    CHECK(base::processor_here() == here);
    CHECK(base::stay_on(base::kAnyProcessor));
    CHECK(processors_allowed() == before);
  });
}

TEST_CASE("who calls alone meets the child on the processor where it runs, and both are let go now and then") {
  on_a_thread([] {
    Calls calls;
    const int place = calls.call();
    CHECK(place == base::processor_here());
    CHECK(processors_allowed() == 1);
    constexpr int kRounds = 10;
    CHECK(calls.together(kMeetingCalls * kRounds) == kMeetingCalls * kRounds - kRounds);
  });
}

TEST_CASE("with others under way, or code that runs for long, nobody is bound") {
  on_a_thread([] {
    const int before = processors_allowed();
    Calls calls;
    calls.call();
    CHECK(calls.call(false) == base::kAnyProcessor);
    CHECK(processors_allowed() == before);
    CHECK(calls.together(kMeetingPause - 1) == 0);
    CHECK(calls.together(1) == 1);
    calls.call(true, 0, kMeetingRun_ns + 1);
    CHECK(calls.together(kMeetingPause) == 0);
    CHECK(calls.together(1) == 1);
  });
}

TEST_CASE("where another thread wants that processor too, meeting there is left out more and more, and comes back") {
  on_a_thread([] {
    Calls calls;
    constexpr int kCalls = 100'000;
    CHECK(calls.together(kCalls, true, kMeetingWait_ns + 1) < kCalls / 100);
    CHECK(calls.together(kCalls) > kCalls * 9 / 10);
  });
}

TEST_CASE("a child that had to come to the processor first has not waited in vain") {
  on_a_thread([] {
    Calls calls;
    calls.call(true, kMeetingWait_ns + 1);
    CHECK(calls.together(kMeetingCalls / 2) == kMeetingCalls / 2);
  });
}

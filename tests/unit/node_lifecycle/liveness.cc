#include <catch2/catch.hpp>

#include "plugins/node-lifecycle/liveness.hpp"

using namespace node_lifecycle;
using Names_ = std::vector<std::string>;

TEST_CASE("a node falls silent once its grace is over, is told of once, and again after it was heard") {
  Liveness liveness;
  CHECK(liveness.heard("a", "1", 100) == 100);
  CHECK(liveness.heard("b", "1", 110) == 110);
  CHECK(liveness.heard("a", "1", 120) == 100);   // nothing new
  CHECK(liveness.watch());
  CHECK_FALSE(liveness.watch());   // somebody looks already
  CHECK(liveness.fallen_silent(100 + kGrace_s - 1).empty());
  CHECK(liveness.next_s(100 + kGrace_s - 1) == 1);
  CHECK(liveness.fallen_silent(100 + kGrace_s) == Names_{"a"});
  CHECK(liveness.fallen_silent(100 + kGrace_s).empty());
  CHECK(liveness.next_s(100 + kGrace_s) == 10);
  CHECK(liveness.fallen_silent(110 + kGrace_s) == Names_{"b"});
  CHECK(liveness.next_s(110 + kGrace_s) == 0);
  CHECK(liveness.heard("a", "2", 200) == 200);
  CHECK(liveness.watch());
  CHECK(liveness.fallen_silent(200 + kGrace_s) == Names_{"a"});
}

TEST_CASE("renewed leases keep nodes alive from when they are taken in, all together") {
  Liveness liveness;
  for (const char* name : {"a", "b", "c"}) (void)liveness.heard(name, "", 100);
  CHECK(liveness.renewed("a"));
  CHECK_FALSE(liveness.renewed("c"));   // it was asked for already
  CHECK_FALSE(liveness.renewed("stranger"));
  liveness.take_renewals(130);
  CHECK(liveness.renewed("c"));
  CHECK(liveness.fallen_silent(100 + kGrace_s) == Names_{"b"});   // the same moment takes in what came since
  CHECK(liveness.heard("c", "", 100 + kGrace_s) == 100 + kGrace_s);
  CHECK(liveness.fallen_silent(130 + kGrace_s) == Names_{"a"});
  liveness.forget("c");
  CHECK(liveness.next_s(500) == 0);
}

TEST_CASE("a renewal after a node fell silent lets it be watched again") {
  Liveness liveness;
  (void)liveness.heard("a", "", 100);
  CHECK(liveness.fallen_silent(100 + kGrace_s) == Names_{"a"});
  CHECK(liveness.next_s(100 + kGrace_s) == 0);
  CHECK(liveness.renewed("a"));
  liveness.take_renewals(200);
  CHECK(liveness.watch());
  CHECK(liveness.fallen_silent(200 + kGrace_s) == Names_{"a"});
}

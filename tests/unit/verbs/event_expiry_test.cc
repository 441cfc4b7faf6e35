#include "core/verbs/event_expiry.hpp"

#include "core/base/instant.hpp"
#include "fixture.hpp"

namespace {

using namespace keelson;
using namespace keelson::verbs_test;

struct WithExpiry : Cluster {
  ~WithExpiry() { expiry->stop(); }
  std::string now(std::int64_t later_s = 0) const { return base::rfc3339(runtime->unix_s() + later_s); }
  void event(const std::string& name, const std::string& more = "") {
    must(create("v1/events", "default", R"({"metadata":{"name":")" + name + R"(","namespace":"default"},"involvedObject":{"kind":"Pod","namespace":"default","name":"p"},"reason":"R","type":"Normal")" + more + "}"));
  }
  bool there(const std::string& name) { return stored("v1/events", "default", name) != nullptr; }
  std::unique_ptr<verbs::EventExpiry> expiry = verbs::make_event_expiry(*store, *verbs, *registry, *runtime);
};

/// Sees what a watcher would.
struct Deleted final : store::FeedSink {
  std::vector<store::Change> changes;
  void on_changes(std::span<const store::Change> all) override {
    for (const auto& change : all)
      if (change.type == store::ChangeType::deleted) changes.push_back(change);
  }
};

}  // namespace

TEST_CASE("an event lives an hour, then watchers see it deleted") {
  WithExpiry c;
  Deleted seen;
  auto subscription = c.store->subscribe(seen).first;
  c.event("e");
  c.sleep_s(3590);
  CHECK(c.there("e"));
  c.sleep_s(40);
  CHECK_FALSE(c.there("e"));
  REQUIRE(seen.changes.size() == 1);
  CHECK(seen.changes[0].object->key().name == "e");
  CHECK(seen.changes[0].revision > seen.changes[0].previous->revision());
}

TEST_CASE("an event that is seen again lives an hour from then") {
  WithExpiry c;
  c.event("core");
  c.event("series");
  c.event("future", R"(,"lastTimestamp":")" + c.now(1'000'000) + "\"");
  c.sleep_s(3000);
  REQUIRE(c.patch("v1/events", "default", "core", R"({"count":2,"lastTimestamp":")" + c.now() + "\"}").has_value());
  REQUIRE(c.patch("v1/events", "default", "series", R"({"series":{"count":2,"lastObservedTime":")" + c.now() + "\"}}").has_value());
  c.sleep_s(700);
  CHECK(c.there("core"));
  CHECK(c.there("series"));
  CHECK_FALSE(c.there("future"));
  c.sleep_s(3000);
  CHECK_FALSE(c.there("core"));
  CHECK_FALSE(c.there("series"));
}

TEST_CASE("more events than one turn deletes go in the next ones, other kinds stay") {
  WithExpiry c;
  for (std::size_t i = 0; i < verbs::kEventDeletesMax + 20; ++i) c.event("e" + std::to_string(i));
  c.sleep_s(3700);
  CHECK(c.store->snapshot().count(store::Atom("events")) == 0);
  CHECK(c.stored("v1/serviceaccounts", "default", "default") != nullptr);
}

TEST_CASE("what was recorded before a start ends at its own hour") {
  WithExpiry c;
  c.event("e");
  c.expiry->stop();
  c.sleep_s(3700);
  CHECK(c.there("e"));
  c.expiry = verbs::make_event_expiry(*c.store, *c.verbs, *c.registry, *c.runtime);
  c.sleep_s(30);
  CHECK_FALSE(c.there("e"));
}

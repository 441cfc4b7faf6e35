#include <algorithm>
#include <catch2/catch.hpp>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <set>
#include <thread>

#include "core/watch/hub.hpp"
#include "tests/unit/watch/fixture.hpp"

using namespace keelson;
using namespace keelson::watch;
using namespace keelson::watch_test;

TEST_CASE("a watch from now sees what is written after it, in order") {
  Bench bench;
  const auto first = bench.put("a", {{"app", "web"}});
  Client client(bench, bench.from(first));
  bench.put("b", {{"app", "web"}});
  bench.put("a", {{"app", "db"}});
  bench.remove("b");
  CHECK(client.until(3) == std::vector<std::string>{"ADDED b app=web", "MODIFIED a app=db", "DELETED b app=web"});
}

TEST_CASE("a watch of the current state begins with an ADDED for each object") {
  Bench bench;
  bench.put("b", {});
  bench.put("a", {});
  WatchRequest request = bench.everything();
  request.start = WatchRequest::Start::current_state;
  Client client(bench, std::move(request));
  CHECK(client.until(2) == std::vector<std::string>{"ADDED a", "ADDED b"});
  bench.put("c", {});
  CHECK(client.until(3).back() == "ADDED c");
}

TEST_CASE("initial events end with a bookmark that says so") {
  Bench bench;
  const auto revision = bench.put("a", {});
  WatchRequest request = bench.everything();
  request.start = WatchRequest::Start::initial_events;
  request.after = revision;
  Client client(bench, std::move(request));
  CHECK(client.until(2) == std::vector<std::string>{"ADDED a", "BOOKMARK end"});
  CHECK(client.revisions().back() == revision);
}

TEST_CASE("initial events of a state that never comes end with a timeout") {
  Bench bench(base::simulated_runtime(3));
  WatchRequest request = bench.everything();
  request.start = WatchRequest::Start::initial_events;
  request.after = 1'000'000;
  Client client(bench, std::move(request));
  bench.simulated().advance(10 * base::kNanosPerSecond);
  client.drain();
  REQUIRE(client.error());
  CHECK(client.error()->code == 504);
}

TEST_CASE("an object that leaves a selector is DELETED with its previous state under the new revision") {
  Bench bench;
  const auto start = bench.put("a", {{"app", "web"}});
  Client client(bench, bench.from(start, "app=web"));
  const auto left = bench.put("a", {{"app", "db"}});
  CHECK(client.until(1) == std::vector<std::string>{"DELETED a app=web"});
  CHECK(client.revisions().back() == left);
  CHECK(client.body_revisions().back() == left);
  bench.put("a", {{"app", "db"}, {"x", "1"}});
  bench.put("a", {{"app", "web"}});
  CHECK(client.until(2).back() == "ADDED a app=web");
}

TEST_CASE("a resumed watch reads the log and joins the live feed without gap or repeat") {
  Bench bench;
  const auto start = bench.put("x", {});
  for (int i = 0; i < 1500; ++i) bench.put("o" + std::to_string(i % 7), {{"n", std::to_string(i)}});
  Client client(bench, bench.from(start));
  for (int i = 1500; i < 1600; ++i) bench.put("o" + std::to_string(i % 7), {{"n", std::to_string(i)}});
  const auto events = client.until(1600);
  REQUIRE(events.size() == 1600);
  for (int i = 0; i < 1600; ++i) CHECK(events[i].find(" n=" + std::to_string(i)) != std::string::npos);
}

TEST_CASE("a watch that is asked while it catches up joins the live feed once") {
  struct Deaf final : WatchSink {
    void wake() override {}
  } sink;   // before the watches, which wake it
  Bench bench;
  const auto start = bench.put("x", {});
  for (int i = 0; i < 3; ++i) bench.put("x", {{"n", std::to_string(i)}});
  std::vector<std::unique_ptr<Watch>> watches;
  std::vector<std::vector<Bytes>> seen(2000);
  const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  bool taken = true;
  const auto take = [&](std::size_t which) { taken = watches[which]->take(seen[which], 1u << 20).has_value() && taken; };
  const auto take_until = [&](std::size_t which, const char* mark) {
    while ((seen[which].empty() || seen[which].back()->find(mark) == std::string::npos) && std::chrono::steady_clock::now() < until) take(which);
  };
  for (std::size_t i = 0; i < seen.size(); ++i) {
    watches.push_back(bench.hub().watch(bench.from(start), sink));
    take_until(i, "n=2");
    for (int more = 0; more < 1000; ++more) take(i);   // while it goes from the log to the feed
  }
  bench.put("x", {{"n", "once"}});
  bench.put("x", {{"n", "end"}});
  for (std::size_t i = 0; i < seen.size(); ++i) take_until(i, "n=end");
  REQUIRE(taken);
  const auto doubled = std::count_if(seen.begin(), seen.end(), [](const auto& events) { return events.size() != 5; });
  CHECK(doubled == 0);
}

TEST_CASE("a watch from a compacted revision ends with 410 in upstream's words") {
  store::StoreOptions options;
  options.history_max_age_ms = 0;
  options.history_max_bytes = 1;
  Bench bench(base::simulated_runtime(5), options);
  const auto start = bench.put("a", {});
  for (int i = 0; i < 5000; ++i) bench.put("a", {{"n", std::to_string(i)}});
  bench.simulated().advance(600 * base::kNanosPerSecond);
  bench.put("a", {});
  REQUIRE(bench.store().compacted(store::Atom("pods")) > start);
  Client client(bench, bench.from(start));
  bench.simulated().settle();
  client.drain();
  REQUIRE(client.error());
  CHECK(client.error()->code == 410);
  CHECK(client.error()->reason == "Expired");
  CHECK(client.error()->message.find("too old resource version: " + std::to_string(start) + " (") == 0);
}

namespace {

/// A store whose log can no longer be read.
class Damaged final : public store::Store {
 public:
  explicit Damaged(store::Store& whole) : whole_(whole) {}
  void commit(store::Commit commit, store::OnCommit done) override { whole_.commit(std::move(commit), std::move(done)); }
  store::Snapshot snapshot() const override { return whole_.snapshot(); }
  void fresh(std::function<void(base::Outcome<store::Revision>)> done) override { whole_.fresh(std::move(done)); }
  void wait_for(store::Revision revision, base::Monotonic deadline, std::function<void(base::Outcome<store::Revision>)> done) override { whole_.wait_for(revision, deadline, std::move(done)); }
  std::pair<std::unique_ptr<store::Subscription>, store::Revision> subscribe(store::FeedSink& sink) override { return whole_.subscribe(sink); }
  base::Outcome<store::HistoryPage> history(store::Atom, store::Revision, std::size_t) const override { return base::internal("a log record is cut or damaged"); }
  base::Outcome<store::ObjectRef> get_at(const store::Key& key, store::Revision revision) const override { return whole_.get_at(key, revision); }
  base::Outcome<store::Snapshot> snapshot_at(store::Revision revision, store::Atom resource) const override { return whole_.snapshot_at(revision, resource); }
  store::Revision compacted(store::Atom resource) const override { return whole_.compacted(resource); }
  void stop() override {}

 private:
  store::Store& whole_;
};

}  // namespace

TEST_CASE("a resumed watch whose log cannot be read ends with StorageReadError, one from now goes on") {
  Bench bench(base::simulated_runtime(7));
  const auto start = bench.put("a", {});
  bench.put("a", {{"n", "1"}});
  Damaged damaged(bench.store());
  const auto metrics = base::make_metrics();
  const auto hub = watch::make_hub(damaged, bench.simulated(), *metrics, {});
  Client resumed(bench, *hub, bench.from(start)), live(bench, *hub, bench.everything());
  resumed.drain();
  REQUIRE(resumed.error());
  CHECK(resumed.error()->code == 500);
  CHECK(resumed.error()->reason == "StorageReadError");
  bench.put("b", {});
  CHECK(live.until(2) == std::vector<std::string>{"ADDED a n=1", "ADDED b"});
  hub->stop();
  bench.simulated().settle();
}

TEST_CASE("watchers with equal requests share one encoding") {
  Bench bench;
  const auto start = bench.put("x", {});
  std::vector<std::unique_ptr<Client>> clients;
  for (int i = 0; i < 20; ++i) clients.push_back(std::make_unique<Client>(bench, bench.from(start, "app=web")));
  Client other(bench, bench.from(start, "app=db"));
  bench.put("a", {{"app", "web"}});
  bench.put("b", {{"app", "db"}});
  for (auto& client : clients) CHECK(client->until(1) == std::vector<std::string>{"ADDED a app=web"});
  CHECK(other.until(1) == std::vector<std::string>{"ADDED b app=db"});
  CHECK(bench.encoded() == 2);
  CHECK(clients.front()->bytes().front() == clients.back()->bytes().front());
}

TEST_CASE("a watcher that does not read is ended with 410 and slows nobody") {
  Bench bench;
  const auto start = bench.put("x", {});
  Client slow(bench, bench.from(start)), quick(bench, bench.from(start));
  const std::string big(1 << 20, 'x');
  const int writes = static_cast<int>(kWatchBacklogBytesMax >> 20) + 4;
  for (int i = 0; i < writes; ++i) {
    bench.put("a", {}, big);
    quick.until(static_cast<std::size_t>(i) + 1);
  }
  CHECK(quick.until(static_cast<std::size_t>(writes)).size() == static_cast<std::size_t>(writes));
  slow.drain();
  REQUIRE(slow.error());
  CHECK(slow.error()->code == 410);
}

TEST_CASE("bookmarks come every minute and never before an event that is waiting") {
  Bench bench(base::simulated_runtime(9));
  const auto start = bench.put("x", {});
  auto request = bench.from(start);
  request.bookmarks = true;
  Client client(bench, std::move(request));
  Client without(bench, bench.from(start));
  const auto last = bench.put("a", {});
  bench.simulated().advance(kBookmarkInterval_ms * base::kNanosPerMs + base::kNanosPerSecond);
  client.drain();
  without.drain();
  CHECK(client.texts() == std::vector<std::string>{"ADDED a", "BOOKMARK"});
  CHECK(client.revisions().back() == last);
  CHECK(without.texts() == std::vector<std::string>{"ADDED a"});
  bench.simulated().advance(kBookmarkInterval_ms * base::kNanosPerMs + base::kNanosPerSecond);
  client.drain();
  CHECK(client.texts().size() == 3);
}

TEST_CASE("who asks for a bookmark gets one behind all that is waiting") {
  Bench bench(base::simulated_runtime(9));
  auto request = bench.from(bench.put("x", {}));
  request.bookmarks = true;
  Client client(bench, std::move(request));
  Client without(bench, bench.from(bench.store().snapshot().revision()));
  const auto last = bench.put("a", {});
  client.ask_bookmark();
  without.ask_bookmark();
  client.drain();
  without.drain();
  CHECK(client.texts() == std::vector<std::string>{"ADDED a", "BOOKMARK"});
  CHECK(client.revisions().back() == last);
  CHECK(without.texts() == std::vector<std::string>{"ADDED a"});
}

TEST_CASE("a destroyed watch is never woken again, also while writes go on") {
  Bench bench;
  const auto start = bench.put("x", {});
  std::thread writer([&] {
    for (int i = 0; i < 300; ++i) bench.put("a", {{"n", std::to_string(i)}});
  });
  for (int i = 0; i < 200; ++i) Client(bench, bench.from(start)).until(static_cast<std::size_t>(i % 3));
  writer.join();
}

TEST_CASE("stopping the hub ends every watch with 503") {
  Bench bench;
  Client client(bench, bench.from(bench.put("x", {})));
  bench.hub().stop();
  client.drain();
  REQUIRE(client.error());
  CHECK(client.error()->code == 503);
}

TEST_CASE("a watch of one name or one node hears of nothing else") {
  Bench bench;
  const auto start = bench.put("x", {});
  auto by_name = bench.from(start);
  by_name.selector.fields.push_back({FieldRequirement::Target::name, 0, false, "a"});
  auto by_node = bench.from(start);
  by_node.selector.fields.push_back({FieldRequirement::Target::column, 0, false, "n1"});
  auto elsewhere = bench.from(start);
  elsewhere.ns = "other";
  Client named(bench, std::move(by_name)), bound(bench, std::move(by_node)), other(bench, std::move(elsewhere));
  bench.put("a", {});
  bench.put("b", {{"node", "n1"}});
  bench.put("b", {{"node", "n2"}});
  bench.put("a", {}, "", "other");
  CHECK(bound.until(2) == std::vector<std::string>{"ADDED b node=n1", "DELETED b node=n1"});
  CHECK(other.until(1) == std::vector<std::string>{"ADDED a"});
  CHECK(named.until(2) == std::vector<std::string>{"ADDED a", "ADDED a"});
}

TEST_CASE("the first change after a pause goes out at once, those that follow closely go out together") {
  constexpr std::int64_t gather = 2 * base::kNanosPerMs;
  Bench bench(base::simulated_runtime(11), {}, {.gather_ns = gather});
  Client client(bench, bench.from(bench.put("x", {})));
  client.drain();
  bench.put("a", {});
  client.drain();
  REQUIRE(client.texts() == std::vector<std::string>{"ADDED a"});
  bench.put("b", {});
  bench.put("c", {});
  client.drain();
  CHECK(client.texts().size() == 1);
  bench.simulated().advance(gather);
  client.drain();
  CHECK(client.texts() == std::vector<std::string>{"ADDED a", "ADDED b", "ADDED c"});
  bench.simulated().advance(gather);
  bench.put("d", {});
  client.drain();
  CHECK(client.texts().size() == 4);
}

TEST_CASE("what was written while nobody watched is read from the log") {
  Bench bench(base::simulated_runtime(12));
  const auto start = bench.put("x", {});
  bench.put("a", {});
  bench.put("b", {});
  Client client(bench, bench.from(start));
  client.drain();
  bench.put("c", {});
  client.drain();
  CHECK(client.texts() == std::vector<std::string>{"ADDED a", "ADDED b", "ADDED c"});
}

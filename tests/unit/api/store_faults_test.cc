// A store that does not answer, or whose bytes cannot be read any more, as a client sees it.
#include <condition_variable>
#include <filesystem>

#include "core/store/hooks.hpp"
#include "tests/unit/api/fixture.hpp"
#include "tests/unit/store/faulty_fs.hpp"

namespace {

using namespace keelson;
using namespace keelson::tests;

constexpr std::string_view kMaps = "/api/v1/namespaces/a/configmaps";
constexpr std::int64_t kPatience_ms = 1'000;   // more than a busy machine stands still

/// Stands where values go to the disk and come from it.
class Gate final : public store::ValueTransform {
 public:
  store::SealedValue seal(std::string_view, std::string_view plain) const override {
    std::unique_lock lock(mutex_);
    ++arrived_;
    changed_.notify_all();
    changed_.wait(lock, [&] { return !shut_; });
    return {"gate", std::string(plain)};
  }
  base::Outcome<std::string> open(std::string_view, std::string_view, std::string_view sealed) const override {
    if (broken) return base::internal("no key opens it");
    return std::string(sealed);
  }
  void shut(bool value) {
    const std::lock_guard lock(mutex_);
    shut_ = value;
    changed_.notify_all();
  }
  int arrived() const {
    const std::lock_guard lock(mutex_);
    return arrived_;
  }
  /// Until something more than `before` stands at the gate.
  void await(int before) const {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, std::chrono::seconds(30), [&] { return arrived_ > before; }));
  }
  std::atomic<bool> broken = false;

 private:
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  mutable int arrived_ = 0;
  bool shut_ = false;
};

/// What the store stands on; outlives it.
struct Ground {
  std::filesystem::path directory;
  std::shared_ptr<Gate> gate = std::make_shared<Gate>();
  store::testing::FaultyDisk disk;
  std::atomic<int> ended = 0;

  Ground() {
    const auto runtime = base::real_runtime();
    directory = std::filesystem::temp_directory_path() / ("keelson-api-store-" + base::uuid_v4(*runtime));
  }
  ~Ground() { std::filesystem::remove_all(directory); }
  std::unique_ptr<store::Store> open(base::Runtime& runtime, base::Metrics& metrics) {
    store::StoreHooks hooks;
    hooks.fatal = [this](const std::string&) { ++ended; };
    hooks.transform_of = [gate = gate](store::Atom resource) { return resource.text() == "configmaps" ? gate : nullptr; };
    hooks.env = disk.env.get();
    hooks.patience_ms = kPatience_ms;
    store::StoreOptions options;
    options.directory = directory;
    options.space_low_bytes = 0;
    options.hooks = std::make_shared<store::StoreHooks>(std::move(hooks));
    return store::open_rocksdb_store(options, runtime, metrics, nullptr).value();
  }
};

struct OnDisk : Ground, Fixture {
  OnDisk() : Fixture([this](base::Runtime& of, base::Metrics& counted) { return open(of, counted); }) {}
};

void check_not_answering(const tests::Answer& answer, const std::string& operation, const std::string& resource, const std::string& group = {}) {
  INFO(answer.body);
  CHECK(answer.status == 500);
  CHECK(reason(answer) == "ServerTimeout");
  CHECK(message(answer) == "The " + operation + " operation against " + resource + (group.empty() ? "" : "." + group) + " could not be completed at this time, please try again.");
  const auto status = parsed(answer);
  const auto& details = status.at("details").as_object();
  CHECK(details.at("kind").as_string() == resource);
  CHECK(details.at("name").as_string() == operation);
  CHECK(details.at("retryAfterSeconds").as_int64() == 2);
  CHECK((details.contains("group") ? details.at("group").as_string() == group : group.empty()));
  CHECK(answer.headers.at("retry-after") == "2");
}

std::string revision_of(const tests::Answer& answer) { return std::string(parsed(answer).at("metadata").at("resourceVersion").as_string()); }

}  // namespace

TEST_CASE_METHOD(OnDisk, "while the disk hangs, writes that wait are told to come again, and reads go on") {
  config_map("one", "1");
  const int before = gate->arrived();
  gate->shut(true);
  tests::Client first(server->port(), tests::test_keys().admin);
  tests::Answer late;
  std::thread hangs([&] { late = first.request("POST", kMaps, R"({"metadata":{"name":"two"}})"); });
  gate->await(before);
  check_not_answering(post(kMaps, R"({"metadata":{"name":"three"}})"), "create", "configmaps");
  check_not_answering(admin->request("PUT", std::string(kMaps) + "/one", R"({"metadata":{"name":"one"}})"), "update", "configmaps");
  check_not_answering(admin->request("PATCH", std::string(kMaps) + "/one", R"({"data":{"k":"2"}})", "Content-Type: application/merge-patch+json\r\n"), "update", "configmaps");
  check_not_answering(admin->request("DELETE", std::string(kMaps) + "/one"), "delete", "configmaps");
  check_not_answering(post("/apis/apps/v1/namespaces/a/controllerrevisions", R"({"metadata":{"name":"r"},"data":{"a":1},"revision":1})"), "create", "controllerrevisions", "apps");
  CHECK(parsed(get(kMaps)).at("items").as_array().size() == 1);
  gate->shut(false);
  hangs.join();
  CHECK(late.status == 201);
  CHECK(post(kMaps, R"({"metadata":{"name":"three"}})").status == 201);
}

TEST_CASE_METHOD(OnDisk, "after a failed sync nobody is told that a write was done: its own outcome is unknown, later ones may come again") {
  config_map("one", "1");
  disk.fs->fail_syncs = true;
  const auto unknown = post(kMaps, R"({"metadata":{"name":"two"}})");
  CHECK(unknown.status == 500);
  CHECK(reason(unknown) == "InternalError");
  CHECK(message(unknown).find("the outcome of the write is unknown") != std::string::npos);
  check_not_answering(post(kMaps, R"({"metadata":{"name":"three"}})"), "create", "configmaps");
  CHECK(parsed(get(kMaps)).at("items").as_array().size() == 1);
  for (const auto deadline = runtime->in_ms(30'000); ended == 0 && runtime->monotonic_ns() < deadline;) std::this_thread::yield();   // it ends when all have their answers
  CHECK(ended == 1);
}

TEST_CASE_METHOD(OnDisk, "bytes that cannot be decoded any more: 500 InternalError for a list, an ERROR event StorageReadError for a watch") {
  config_map("one", "1");
  const auto then = revision_of(get(kMaps));
  for (const char* value : {"2", "3"})
    REQUIRE(admin->request("PATCH", std::string(kMaps) + "/one", R"({"data":{"k":")" + std::string(value) + "\"}}", "Content-Type: application/merge-patch+json\r\n").status == 200);
  gate->broken = true;
  const auto listed = get(std::string(kMaps) + "?resourceVersionMatch=Exact&resourceVersion=" + then);
  INFO(listed.body);
  CHECK(listed.status == 500);
  CHECK(reason(listed) == "InternalError");
  CHECK(message(listed).find("Internal error occurred: ") == 0);
  const auto watched = get(std::string(kMaps) + "?watch=1&timeoutSeconds=20&resourceVersion=" + then);
  CHECK(watched.status == 200);
  const auto event = json::parse(watched.body);
  CHECK(event.at("type").as_string() == "ERROR");
  CHECK(event.at("object").at("kind").as_string() == "Status");
  CHECK(event.at("object").at("code").as_int64() == 500);
  CHECK(event.at("object").at("reason").as_string() == "StorageReadError");
  CHECK(get(kMaps).status == 200);
  gate->broken = false;
  CHECK(get(std::string(kMaps) + "?resourceVersionMatch=Exact&resourceVersion=" + then).status == 200);
}

TEST_CASE_METHOD(Fixture, "an object whose text is damaged: 500 InternalError wherever it has to be read, others are served") {
  config_map("whole", "1");
  store::Columns columns = copy_of(store->snapshot().get({base::Atom("configmaps"), "a", "whole"})->columns());
  columns.key.name = "torn";
  columns.schema_epoch ^= 1;
  std::string body = R"({"metadata":{"resourceVersion":")";
  const auto slot = body.size();
  body.append(store::kRevisionSlotBytes, ' ');
  body += R"(,"name":"torn"},"data":{)";
  store::Commit commit;
  commit.writes.push_back({store::Operation::create, columns.key, store::Draft(columns, body, slot), store::Durability::synced});
  const auto stored = runtime->waiter();
  store->commit(std::move(commit), [&](const store::CommitOutcome&) { stored->notify(); });
  REQUIRE(stored->wait_until(runtime->in_ms(30'000)));
  const auto path = std::string(kMaps) + "/torn";
  for (const auto& answer : {get(path), get(kMaps), admin->request("DELETE", path), admin->request("PUT", path, R"({"metadata":{"name":"torn"}})")}) {
    INFO(answer.body);
    CHECK(answer.status == 500);
    CHECK(reason(answer) == "InternalError");
    CHECK(message(answer).find("configmaps a/torn cannot be read") != std::string::npos);
  }
  CHECK(get(std::string(kMaps) + "/whole").status == 200);
}

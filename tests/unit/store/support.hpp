// What the store's tests share: drafts, commits that wait for their answer, a store over each storage.
#pragma once
#include <catch2/catch.hpp>
#include <filesystem>
#include <optional>

#include "core/base/metrics.hpp"
#include "core/base/runtime.hpp"
#include "core/store/hooks.hpp"
#include "core/store/store.hpp"

namespace keelson::store::testing {

inline Key key_of(std::string name, std::string ns = "default", std::string_view resource = "pods") {
  return {Atom(resource), std::move(ns), std::move(name)};
}

inline Draft draft_of(const Key& key, std::string_view text) {
  std::string body = R"({"metadata":{"resourceVersion":")";
  const std::size_t offset = body.size();
  body.append(kRevisionSlotBytes, ' ');
  body += R"(},"text":")";
  body += text;
  body += "\"}";
  Columns columns;
  columns.key = key;
  columns.uid = "uid-" + key.name;
  columns.creation_unix_s = 1'700'000'000;
  columns.generation = 3;
  columns.labels = {{Atom("app"), "hello"}, {Atom("text"), std::string(text)}};
  columns.owners = {{"apps/v1", "ReplicaSet", "owner", "uid-owner", true, false}};
  columns.finalizers = {"demo.io/cdn"};
  columns.fields = {"node-1", ""};
  columns.schema_epoch = 2;
  return Draft(columns, body, offset);
}

inline std::string text_of(const ObjectRef& object) {
  if (!object) return "(none)";
  const std::string body(object->body());
  const std::size_t begin = body.find(R"("text":")") + 8;
  return body.substr(begin, body.find('"', begin) - begin);
}

inline Write write_of(Operation operation, const Key& key, std::string_view text = "", Durability durability = Durability::synced) {
  Write write;
  write.operation = operation;
  write.key = key;
  if (operation != Operation::remove) write.draft = draft_of(key, text);
  write.durability = durability;
  return write;
}

template <class... Writes>
Commit commit_of(Writes... writes) {
  Commit commit;
  (commit.writes.push_back(std::move(writes)), ...);
  commit.cause = std::make_shared<const Cause>(Cause{"tester", "request-1", 0});
  return commit;
}

/// Commits and waits for the answer.
inline CommitOutcome run(base::Runtime& runtime, Store& store, Commit commit) {
  auto waiter = runtime.waiter();
  std::optional<CommitOutcome> answer;
  store.commit(std::move(commit), [&](CommitOutcome outcome) {
    answer = std::move(outcome);
    waiter->notify();
  });
  REQUIRE(waiter->wait_until(runtime.in_ms(30'000)));
  return std::move(*answer);
}

/// A store and where it lives; reopen() is a restart.
struct Opened {
  explicit Opened(std::string kind_, std::unique_ptr<base::Runtime> runtime_ = base::real_runtime()) : kind(std::move(kind_)), runtime(std::move(runtime_)), metrics(base::make_metrics()) {
    if (durable()) {
      directory = std::filesystem::temp_directory_path() / ("keelson-store-" + base::uuid_v4(*real));
      options.directory = directory;
    }
    options.space_low_bytes = 0;
  }
  ~Opened() {
    store.reset();
    if (!directory.empty()) std::filesystem::remove_all(directory);
  }
  bool durable() const { return kind == "rocksdb"; }
  void set_hooks(StoreHooks hooks) { options.hooks = std::make_shared<StoreHooks>(std::move(hooks)); }
  Opened& open() {
    store.reset();
    if (!durable()) {
      store = make_memory_store(*runtime, *metrics, options);
      return *this;
    }
    auto opened = open_rocksdb_store(options, *runtime, *metrics, [](const Key&, std::string_view) -> base::Outcome<Columns> { return base::internal("columns are in the record"); });
    if (!opened) FAIL(opened.error().message);
    store = std::move(*opened);
    return *this;
  }
  CommitOutcome commit(Commit commit) { return run(*runtime, *store, std::move(commit)); }
  Revision create(const Key& key, std::string_view text = "a", Durability durability = Durability::synced) { return write(Operation::create, key, text, durability); }
  Revision update(const Key& key, std::string_view text, Durability durability = Durability::synced) { return write(Operation::update, key, text, durability); }
  Revision remove(const Key& key, Durability durability = Durability::synced) { return write(Operation::remove, key, "", durability); }
  Revision write(Operation operation, const Key& key, std::string_view text, Durability durability) {
    const CommitOutcome outcome = commit(commit_of(write_of(operation, key, text, durability)));
    if (outcome.error) FAIL(outcome.error->message);
    REQUIRE(outcome.committed);
    return outcome.committed->revision;
  }
  std::string text(const Key& key) const { return text_of(store->snapshot().get(key)); }

  const std::string kind;
  std::unique_ptr<base::Runtime> real = base::real_runtime();
  std::unique_ptr<base::Runtime> runtime;
  std::unique_ptr<base::Metrics> metrics;
  std::filesystem::path directory;
  StoreOptions options;
  std::unique_ptr<Store> store;
};

}  // namespace keelson::store::testing

#include "core/remote/mirror.hpp"

#include <boost/json/parse.hpp>

#include <catch2/catch.hpp>

#include "core/kinds/catalog.hpp"

using namespace keelson;

namespace {

struct Fixture {
  std::unique_ptr<base::Runtime> runtime = base::real_runtime();
  std::unique_ptr<base::Metrics> metrics = base::make_metrics();
  std::unique_ptr<kinds::Registry> registry = kinds::make_registry();
  kinds::KindRef kind = registry->current()->find("", "v1", "configmaps");
  remote::Mirror mirror{*runtime, *metrics};

  store::ObjectRef map(const std::string& name, int revision, const std::string& uid = "u") const {
    return *remote::object_from(*kind, boost::json::parse(R"({"metadata":{"name":")" + name + R"(","namespace":"default","uid":")" + uid +
                                                          R"(","resourceVersion":")" + std::to_string(revision) + R"("},"data":{"at":")" + std::to_string(revision) + R"("}})"));
  }
  store::ObjectRef shown(const std::string& name) { return mirror.store().snapshot().get({kind->storage_key, "default", name}); }
  store::Revision revision(const std::string& name) {
    const auto object = shown(name);
    return object ? object->revision() : 0;
  }
};

struct Sink final : store::FeedSink {
  void on_changes(std::span<const store::Change> changes) override {
    for (const auto& change : changes) seen.push_back(change);
  }
  std::vector<store::Change> seen;
};

}  // namespace

TEST_CASE("an object keeps the server's resourceVersion, and what lists leave out is filled in") {
  Fixture f;
  const auto object = f.map("a", 42);
  CHECK(object->revision() == 42);
  const auto body = boost::json::parse(object->body());
  CHECK(body.at("metadata").at("resourceVersion") == "42");
  CHECK(body.at("apiVersion") == "v1");
  CHECK(body.at("kind") == "ConfigMap");
}

TEST_CASE("a write of our own is read at once, and nothing older that the watch shows replaces it") {
  Fixture f;
  f.mirror.replace(f.kind->storage_key, {f.map("a", 5)}, 5);
  f.mirror.wrote(f.map("a", 9));
  CHECK(f.revision("a") == 9);
  f.mirror.show(f.map("a", 7));   // somebody else's, before ours
  CHECK(f.revision("a") == 9);
  f.mirror.show(f.map("a", 9));
  f.mirror.show(f.map("a", 11));
  CHECK(f.revision("a") == 11);
}

TEST_CASE("an answer that comes after the watch went on brings nothing back") {
  Fixture f;
  f.mirror.replace(f.kind->storage_key, {}, 5);
  f.mirror.show(f.map("a", 6));
  f.mirror.show_deleted(f.map("a", 8));
  f.mirror.wrote(f.map("a", 7));
  CHECK(f.shown("a") == nullptr);
}

TEST_CASE("what we deleted stays away until the watch shows its successor") {
  Fixture f;
  f.mirror.replace(f.kind->storage_key, {f.map("a", 5, "first")}, 5);
  f.mirror.removed({f.kind->storage_key, "default", "a"}, "first");
  CHECK(f.shown("a") == nullptr);
  f.mirror.show(f.map("a", 6, "first"));
  CHECK(f.shown("a") == nullptr);
  f.mirror.show(f.map("a", 8, "second"));
  CHECK(f.revision("a") == 8);
}

TEST_CASE("a new list drops what is gone, but not what we wrote after it was made") {
  Fixture f;
  f.mirror.replace(f.kind->storage_key, {f.map("gone", 1), f.map("kept", 2)}, 5);
  f.mirror.wrote(f.map("ours", 12));
  f.mirror.replace(f.kind->storage_key, {f.map("kept", 2)}, 10);
  CHECK(f.shown("gone") == nullptr);
  CHECK(f.revision("kept") == 2);
  CHECK(f.revision("ours") == 12);
  f.mirror.replace(f.kind->storage_key, {f.map("kept", 2)}, 20);
  CHECK(f.shown("ours") == nullptr);
}

TEST_CASE("changes have growing revisions, whatever order the watches of several resources come in") {
  Fixture f;
  Sink sink;
  const auto subscription = f.mirror.store().subscribe(sink);
  f.mirror.replace(f.kind->storage_key, {f.map("a", 100)}, 100);
  f.mirror.show(f.map("b", 300));
  f.mirror.show(f.map("c", 200));   // of a watch that lags
  REQUIRE(sink.seen.size() == 3);
  CHECK(sink.seen[0].revision < sink.seen[1].revision);
  CHECK(sink.seen[1].revision < sink.seen[2].revision);
  CHECK(sink.seen[2].object->revision() == 200);
  const auto page = f.mirror.store().history({}, 0, 10);
  REQUIRE(page.has_value());
  CHECK(page->changes.size() == 3);
}

TEST_CASE("a mirror takes no commits") {
  Fixture f;
  std::optional<base::Error> error;
  f.mirror.store().commit({}, [&](store::CommitOutcome outcome) { error = outcome.error; });
  CHECK(error.has_value());
}

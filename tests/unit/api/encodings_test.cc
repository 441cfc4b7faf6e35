// Answers in protobuf, YAML and compressed, as clients ask for them.
#include "core/api/encodings.hpp"

#include <algorithm>
#include <random>

#include "core/kinds/protobuf/protobuf.hpp"
#include "tests/unit/api/fixture.hpp"

using namespace keelson;
using namespace keelson::api;
using namespace keelson::http;
using tests::Client;
using tests::Fixture;
namespace json = boost::json;

namespace {

constexpr std::string_view kAccept = "Accept: application/vnd.kubernetes.protobuf\r\n";
constexpr std::string_view kAcceptPartial = "Accept: application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io\r\n";

json::value decoded(std::string_view body) { return kinds::from_protobuf(body).value(); }

std::string map_text(const std::string& name, std::size_t bytes = 1) {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name + R"("},"data":{"k":")" + std::string(bytes, 'x') + "\"}}";
}

/// The varint at `at`, which moves behind it.
std::uint64_t varint(std::string_view bytes, std::size_t& at) {
  std::uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    const auto byte = static_cast<unsigned char>(bytes.at(at++));
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
}

/// Fields of a message that are bytes, in order.
std::vector<std::pair<unsigned, std::string>> fields(std::string_view message) {
  std::vector<std::pair<unsigned, std::string>> out;
  for (std::size_t at = 0; at < message.size();) {
    const auto tag = varint(message, at);
    const auto value = varint(message, at);
    if ((tag & 7) != 2) continue;
    out.emplace_back(tag >> 3, message.substr(at, value));
    at += value;
  }
  return out;
}

/// Type and object of each frame.
std::vector<std::pair<std::string, std::string>> frames(std::string_view bytes) {
  std::vector<std::pair<std::string, std::string>> out;
  while (bytes.size() >= 4) {
    std::size_t size = 0;
    for (int i = 0; i < 4; ++i) size = size << 8 | static_cast<unsigned char>(bytes[static_cast<std::size_t>(i)]);
    const auto event = fields(bytes.substr(4, size));
    out.emplace_back(event.at(0).second, fields(event.at(1).second).at(0).second);
    bytes.remove_prefix(4 + size);
  }
  return out;
}

/// ConfigMaps as the store has them, each under a revision of its own.
std::vector<store::ObjectRef> stored_maps(const kinds::Kind& kind, std::size_t count, auto bytes_of) {
  std::vector<store::ObjectRef> objects;
  for (std::size_t i = 0; i < count; ++i) {
    store::Columns columns;
    columns.schema_epoch = kind.schema_epoch;
    auto body = R"({"kind":"ConfigMap","apiVersion":"v1","metadata":{"resourceVersion":")" + std::string(store::kRevisionSlotBytes, ' ') + R"(},"data":{"k":")" + std::string(bytes_of(i), 'x') + "\"}}";
    const auto slot = body.find("resourceVersion\":\"") + std::string_view("resourceVersion\":\"").size();
    objects.push_back(store::Draft(std::move(columns), std::move(body), slot).freeze(i + 1));
  }
  return objects;
}

}  // namespace

TEST_CASE_METHOD(Fixture, "get, create and errors are answered in protobuf") {
  const auto made = post("/api/v1/namespaces/a/configmaps", map_text("one"), kAccept);
  CHECK(made.status == 201);
  CHECK(made.headers.at("content-type") == "application/vnd.kubernetes.protobuf");
  CHECK(decoded(made.body).at("data").at("k") == "x");
  for (int i = 0; i < 2; ++i) {   // printed, then from the cache
    const auto got = get("/api/v1/namespaces/a/configmaps/one", kAccept);
    CHECK(got.body == made.body);
  }
  const auto missing = get("/api/v1/namespaces/a/configmaps/two", kAccept);
  CHECK(missing.status == 404);
  CHECK(decoded(missing.body).at("reason") == "NotFound");
  CHECK(decoded(get("/api/v1/namespaces/a/configmaps?limit=x", kAccept).body).at("kind") == "Status");
}

TEST_CASE_METHOD(Fixture, "an object sent in protobuf is stored and changes show at once") {
  const auto body = kinds::to_protobuf(json::parse(map_text("one")))->bytes;
  CHECK(post("/api/v1/namespaces/a/configmaps", body, "Content-Type: application/vnd.kubernetes.protobuf\r\n").status == 201);
  const auto first = decoded(get("/api/v1/namespaces/a/configmaps/one", kAccept).body);
  auto changed = first;
  changed.at("data").as_object()["k"] = "changed";
  CHECK(admin->request("PUT", "/api/v1/namespaces/a/configmaps/one", kinds::to_protobuf(changed)->bytes, "Content-Type: application/vnd.kubernetes.protobuf\r\n").status == 200);
  const auto second = decoded(get("/api/v1/namespaces/a/configmaps/one", kAccept).body);
  CHECK(second.at("data").at("k") == "changed");
  CHECK(second.at("metadata").at("resourceVersion") != first.at("metadata").at("resourceVersion"));
  // A dry run is not what is stored.
  CHECK(decoded(admin->request("PATCH", "/api/v1/namespaces/a/configmaps/one?dryRun=All", R"({"data":{"k":"dry"}})",
                               std::string(kAccept) + "Content-Type: application/merge-patch+json\r\n").body).at("data").at("k") == "dry");
  CHECK(decoded(get("/api/v1/namespaces/a/configmaps/one", kAccept).body) == second);
}

TEST_CASE_METHOD(Fixture, "a list in protobuf has every object, small or larger than the cache") {
  const auto size = GENERATE(1u, 100'000u);
  const int count = size == 1 ? 3 : 100;
  for (int i = 0; i < count; ++i) REQUIRE(post("/api/v1/namespaces/a/configmaps", map_text("c" + std::to_string(100 + i), size)).status == 201);
  const auto list = get("/api/v1/namespaces/a/configmaps", kAccept);
  REQUIRE(list.status == 200);
  const auto envelope = fields(std::string_view(list.body).substr(4));
  CHECK(fields(envelope.at(0).second).at(1).second == "ConfigMapList");
  const auto message = fields(envelope.at(1).second);
  REQUIRE(message.size() == 1u + static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) {
    const auto item = fields(message[static_cast<std::size_t>(i) + 1].second);
    CHECK(fields(item.at(0).second).at(0).second == "c" + std::to_string(100 + i));
    CHECK(fields(item.at(1).second).at(1).second.size() == size);
  }
}

TEST_CASE_METHOD(Fixture, "who reads more than is kept, again and again, finds most of it") {
  const auto kind = registry->current()->find("", "v1", "configmaps");
  static constexpr std::size_t kBytes = 400'000;
  const auto count = kEncodingBytesMax / kBytes * 5 / 4;
  auto objects = stored_maps(*kind, count, [](std::size_t) { return kBytes; });
  Encodings encodings(*runtime, *verbs);
  const auto read = [&] {
    std::vector<ProtobufRef> seen;
    for (const auto& object : objects) seen.push_back(encodings.protobuf(*kind, *object));
    return seen;
  };
  const auto first = read();
  for (int turn = 0; turn < 3; ++turn) {
    const auto again = read();
    std::size_t found = 0;
    for (std::size_t i = 0; i < count; ++i) found += again[i] == first[i];
    CHECK(found >= count * 7 / 10);
    CHECK(encodings.bytes() <= kEncodingBytesMax);
  }
  // What nobody reads any more makes room, in a few turns.
  objects.erase(objects.begin(), objects.end() - static_cast<std::ptrdiff_t>(count / 5));
  for (int turn = 0; turn < 6; ++turn) read();
  const auto before = read();
  CHECK((read() == before));
}

TEST_CASE_METHOD(Fixture, "what nobody has read between two looks is kept no longer") {
  const auto kind = registry->current()->find("", "v1", "configmaps");
  const auto objects = stored_maps(*kind, 1000, [](std::size_t) { return 100; });
  const auto half = std::span(objects).first(500);
  Encodings encodings(*runtime, *verbs);
  std::vector<ProtobufRef> made, found;
  for (const auto& object : objects) made.push_back(encodings.protobuf(*kind, *object));
  const auto all_bytes = encodings.bytes();
  encodings.drop_unused();
  CHECK(encodings.bytes() == all_bytes);
  encodings.find(*kind, half, found);
  CHECK(std::ranges::equal(found, std::span(made).first(500)));
  encodings.drop_unused();
  CHECK((encodings.bytes() > all_bytes * 4 / 10 && encodings.bytes() < all_bytes * 6 / 10));
  found.clear();
  encodings.find(*kind, objects, found);
  CHECK(std::ranges::equal(std::span(found).first(500), std::span(made).first(500)));
  CHECK(std::ranges::all_of(std::span(found).last(500), [](const ProtobufRef& each) { return each == nullptr; }));
  for (int look = 0; look < 2; ++look) encodings.drop_unused();
  CHECK(encodings.bytes() == 0);
  CHECK(made.back()->bytes == encodings.protobuf(*kind, *objects.back())->bytes);
}

TEST_CASE_METHOD(Fixture, "several threads that read, look and fill what is kept get each object as it is, and never keep too much") {
  const auto kind = registry->current()->find("", "v1", "configmaps");
  const auto objects = stored_maps(*kind, 400, [](std::size_t i) { return i % 4 == 0 ? 1'000'000 : 50'000 + 100 * i; });
  std::vector<std::string> expected;
  for (const auto& object : objects) expected.push_back(kinds::json_to_protobuf(object->body())->bytes);
  Encodings encodings(*runtime, *verbs);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> threads;
  for (unsigned number = 0; number < 3; ++number)
    threads.emplace_back([&, number] {
      std::minstd_rand random(number + 1);
      for (int turn = 0; turn < 600; ++turn) {
        const auto at = random() % (objects.size() - 8);
        std::vector<ProtobufRef> found;
        if (turn % 3 != 0) encodings.find(*kind, std::span(objects).subspan(at, 8), found);
        else found.push_back(encodings.protobuf(*kind, *objects[at]));
        for (std::size_t i = 0; i < found.size(); ++i) wrong += found[i] && found[i]->bytes != expected[at + i];
        wrong += encodings.bytes() > kEncodingBytesMax;
        if (turn % 150 == 149) encodings.drop_unused();
      }
    });
  for (auto& thread : threads) thread.join();
  CHECK(wrong == 0);
}

TEST_CASE_METHOD(Fixture, "custom forms: metadata only in protobuf, tables in JSON alone") {
  REQUIRE(post("/api/v1/namespaces/a/configmaps", map_text("one")).status == 201);
  const auto partial = decoded(get("/api/v1/namespaces/a/configmaps/one", kAcceptPartial).body);
  CHECK(partial.at("kind") == "PartialObjectMetadata");
  CHECK(partial.at("metadata").at("name") == "one");
  CHECK_FALSE(partial.as_object().contains("data"));
  const auto list = get("/api/v1/namespaces/a/configmaps", "Accept: application/vnd.kubernetes.protobuf;as=PartialObjectMetadataList;v=v1beta1;g=meta.k8s.io\r\n");
  const auto envelope = fields(std::string_view(list.body).substr(4));
  CHECK(fields(envelope.at(0).second).at(0).second == "meta.k8s.io/v1beta1");
  CHECK(fields(envelope.at(1).second).size() == 2);
  CHECK(get("/api/v1/namespaces/a/configmaps", "Accept: application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io\r\n").status == 406);
}

TEST_CASE_METHOD(Fixture, "a watch in protobuf is frames of events, errors among them") {
  const auto first = decoded(post("/api/v1/namespaces/a/configmaps", map_text("one"), kAccept).body);
  const auto from = std::string(first.at("metadata").at("resourceVersion").as_string());
  post("/api/v1/namespaces/a/configmaps", map_text("two"));
  admin->request("DELETE", "/api/v1/namespaces/a/configmaps/two");
  for (const bool partial : {false, true}) {
    Client watcher(server->port(), tests::test_keys().admin);
    watcher.send("GET /api/v1/namespaces/a/configmaps?watch=1&timeoutSeconds=1&resourceVersion=" + from + " HTTP/1.1\r\nHost: t\r\n" + std::string(partial ? kAcceptPartial : kAccept) + "\r\n");
    const auto head = watcher.read_head();
    CHECK(head.headers.at("content-type") == "application/vnd.kubernetes.protobuf;stream=watch");
    std::string all;
    while (const auto chunk = watcher.read_chunk()) all += *chunk;
    const auto events = frames(all);
    REQUIRE(events.size() == 2);
    CHECK((events[0].first == "ADDED" && events[1].first == "DELETED"));
    CHECK(decoded(events[0].second).at("metadata").at("name") == "two");
    CHECK(decoded(events[1].second).at("kind") == (partial ? "PartialObjectMetadata" : "ConfigMap"));
    CHECK(decoded(events[1].second).at("metadata").at("resourceVersion") != decoded(events[0].second).at("metadata").at("resourceVersion"));
  }
}

TEST_CASE_METHOD(Fixture, "discovery is there in protobuf and YAML") {
  CHECK(decoded(get("/api/v1", kAccept).body).at("groupVersion") == "v1");
  CHECK(decoded(get("/apis", kAccept).body).at("groups").as_array().size() > 5);
  const auto aggregated = get("/apis", "Accept: application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList\r\n");
  CHECK(aggregated.headers.at("content-type") == "application/vnd.kubernetes.protobuf;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList");
  CHECK(decoded(aggregated.body).at("items").as_array().size() > 5);
  CHECK(get("/api/v1", "Accept: application/yaml\r\n").body.find("groupVersion: v1\n") != std::string::npos);
}

TEST_CASE_METHOD(Fixture, "only answers of 128 KiB and more are compressed, tables too") {
  const auto gzip = [&](std::string_view more) { return get("/api/v1/namespaces/a/configmaps", "Accept-Encoding: gzip\r\n" + std::string(more)).headers.contains("content-encoding"); };
  const std::string table = "Accept: application/json;as=Table;v=v1;g=meta.k8s.io\r\n";
  REQUIRE(post("/api/v1/namespaces/a/configmaps", map_text("one", 1000)).status == 201);
  CHECK_FALSE(gzip(""));
  CHECK_FALSE(gzip(kAccept));
  CHECK_FALSE(gzip(table));
  REQUIRE(post("/api/v1/namespaces/a/configmaps", map_text("two", 140'000)).status == 201);
  CHECK(gzip(""));
  CHECK(gzip(kAccept));
  CHECK_FALSE(gzip(table));
}

TEST_CASE_METHOD(Fixture, "tools that people read get indented answers") {
  CHECK(get("/api/v1/namespaces/a", "User-Agent: curl/8.0\r\n").body.starts_with("{\n  \""));
  CHECK(get("/api/v1/namespaces/a?pretty=false", "User-Agent: curl/8.0\r\n").body.find("\n  ") == std::string::npos);
  CHECK(get("/api/v1/namespaces/none", "User-Agent: curl/8.0\r\n").body.starts_with("{\n  \""));
}

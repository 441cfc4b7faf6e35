#include "core/verbs/page_token.hpp"
#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;
using namespace keelson::verbs_test;
using verbs::ListOptions;
using Match = verbs::ReadOptions::Match;

namespace {

void fill(Cluster& cluster, int count, const std::string& ns = "default") {
  for (int i = 0; i < count; ++i) Cluster::must(cluster.create("v1/configmaps", ns, R"({"metadata":{"name":"c)" + std::to_string(100 + i) + R"(","labels":{"odd":")" + std::to_string(i % 2) + "\"}}}"));
}

std::vector<std::string> names(const verbs::Listed& listed) {
  std::vector<std::string> out;
  for (const auto& object : listed.objects) out.push_back(object->key().ns + "/" + object->key().name);
  return out;
}

base::Error refused(Cluster& cluster, ListOptions options) { return error_of(cluster.list("v1/configmaps", "default", std::move(options))); }

}  // namespace

TEST_CASE("an empty list has a resourceVersion") {
  Cluster cluster;
  const auto listed = cluster.list("v1/secrets", "default");
  CHECK(listed->objects.empty());
  CHECK(listed->revision == cluster.revision());
}

TEST_CASE("a list is in key order and of its namespace") {
  Cluster cluster;
  fill(cluster, 3);
  fill(cluster, 2, "other");
  CHECK(names(*cluster.list("v1/configmaps", "default")) == std::vector<std::string>{"default/c100", "default/c101", "default/c102"});
  CHECK(cluster.list("v1/configmaps", "")->objects.size() == 5);
}

TEST_CASE("pages of one list show one revision and say how much is left") {
  Cluster cluster;
  for (const std::string ns : {"default", "other"}) fill(cluster, 5, ns);
  for (const std::string ns : {"", "default"}) {
    ListOptions options;
    options.limit = 2;
    std::vector<std::string> seen;
    std::int64_t left = ns.empty() ? 10 : 5;
    store::Revision revision = 0;
    for (;;) {
      const auto page = cluster.list("v1/configmaps", ns, options);
      REQUIRE(page.has_value());
      if (revision) CHECK(page->revision == revision);
      revision = page->revision;
      for (auto& name : names(*page)) seen.push_back(name);
      left -= static_cast<std::int64_t>(page->objects.size());
      if (page->continue_token.empty()) {
        CHECK_FALSE(page->remaining.has_value());
        break;
      }
      CHECK(page->remaining == left);
      options.continue_token = page->continue_token;
      // What happens between two pages is not seen by them.
      cluster.create("v1/configmaps", "default", R"({"metadata":{"generateName":"a"}})");
    }
    CHECK(left == 0);
    CHECK(std::is_sorted(seen.begin(), seen.end()));
    cluster.wait<verbs::Listed>([&](auto done) {
      ListOptions extra;
      extra.selector = *watch::parse_selector(*cluster.target("v1/configmaps", "").kind, "!odd", "");
      cluster.verbs->remove_collection(cluster.admin, cluster.target("v1/configmaps", "default"), extra, {}, done);
    });
  }
}

TEST_CASE("under a selector nothing is said about what is left") {
  Cluster cluster;
  fill(cluster, 6);
  ListOptions options;
  options.limit = 1;
  options.selector = *watch::parse_selector(*cluster.target("v1/configmaps", "").kind, "odd=1", "");
  const auto page = cluster.list("v1/configmaps", "default", options);
  CHECK(names(*page) == std::vector<std::string>{"default/c101"});
  CHECK_FALSE(page->continue_token.empty());
  CHECK_FALSE(page->remaining.has_value());
}

TEST_CASE("a page token expires after five minutes and its answer carries an inconsistent one") {
  Cluster cluster;
  fill(cluster, 4);
  ListOptions options;
  options.limit = 2;
  options.continue_token = cluster.list("v1/configmaps", "default", options)->continue_token;
  Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"d"}})"));
  cluster.sleep_s(301);
  const auto error = refused(cluster, options);
  CHECK(error.code == 410);
  CHECK(error.reason == "Expired");
  CHECK(error.message.find("The provided continue parameter is too old to display a consistent list result.") == 0);
  REQUIRE_FALSE(error.continue_token.empty());
  options.continue_token = error.continue_token;
  options.limit = 0;
  CHECK(names(*cluster.list("v1/configmaps", "default", options)) == std::vector<std::string>{"default/c102", "default/c103", "default/d"});
}

TEST_CASE("a broken continue token is refused") {
  Cluster cluster;
  ListOptions options;
  options.continue_token = "garbage!";
  CHECK(refused(cluster, options).code == 400);
  CHECK(refused(cluster, options).message.find("invalid continue token: continue key is not valid") == 0);
  for (const std::string start : {"../secrets/x", "a/../../b", "/x", "", "a//b"}) {
    options.continue_token = verbs::encode_page_token({5, start});
    CHECK(refused(cluster, options).code == 400);
  }
  options.continue_token = verbs::encode_page_token({0, "x"});
  CHECK(refused(cluster, options).message.find("incorrect encoded start resourceVersion") != std::string::npos);
  options.continue_token = verbs::encode_page_token({5, "x"});
  options.revision = 5;
  CHECK(refused(cluster, options).message == "specifying resource version is not allowed when using continue");
}

TEST_CASE("combinations of resourceVersionMatch that make no sense are refused") {
  Cluster cluster;
  ListOptions options;
  options.match = Match::exact;
  auto error = refused(cluster, options);
  CHECK(error.code == 422);
  CHECK(error.message == "ListOptions.meta.k8s.io \"\" is invalid: resourceVersionMatch: Forbidden: resourceVersionMatch is forbidden unless resourceVersion is provided");
  options.revision = 0;
  CHECK(refused(cluster, options).message.find("resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"") != std::string::npos);
  options.revision = 3;
  options.continue_token = verbs::encode_page_token({5, "x"});
  CHECK(refused(cluster, options).message.find("resourceVersionMatch is forbidden when continue is provided") != std::string::npos);
}

TEST_CASE("an exact list shows its revision, and 410 five minutes later") {
  Cluster cluster;
  fill(cluster, 2);
  ListOptions options;
  options.match = Match::exact;
  options.revision = cluster.revision();
  Cluster::must(cluster.remove("v1/configmaps", "default", "c100"));
  const auto listed = cluster.list("v1/configmaps", "default", options);
  REQUIRE(listed.has_value());
  CHECK(listed->objects.size() == 2);
  CHECK(listed->revision == *options.revision);
  cluster.sleep_s(301);
  CHECK(refused(cluster, options).code == 410);
  CHECK(refused(cluster, options).message == "The resourceVersion for the provided list is too old.");
}

TEST_CASE("a revision of the future is waited for 3 s, then 504") {
  Cluster cluster;
  fill(cluster, 1);
  verbs::ReadOptions future;
  future.revision = cluster.revision() + 1;
  const auto begun = cluster.runtime->monotonic_ns();
  auto error = error_of(cluster.get("v1/configmaps", "default", "c100", future));
  CHECK(cluster.runtime->monotonic_ns() - begun >= verbs::kFutureRevisionWait_ms * base::kNanosPerMs);
  CHECK(error.code == 504);
  CHECK(error.reason == "Timeout");
  CHECK(error.message == "Timeout: Too large resource version: " + std::to_string(*future.revision) + ", current: " + std::to_string(cluster.revision()));
  CHECK(error.causes.at(0).reason == "ResourceVersionTooLarge");
  CHECK(error.retry_after_s == 1);
  std::optional<base::Outcome<verbs::Listed>> listed;
  ListOptions options;
  options.revision = future.revision;
  cluster.verbs->list(cluster.admin, cluster.target("v1/configmaps", "default"), options, [&](auto outcome) { listed.emplace(std::move(outcome)); });
  cluster.runtime->settle();
  CHECK_FALSE(listed.has_value());
  fill(cluster, 0);
  Cluster::must(cluster.create("v1/configmaps", "default", R"({"metadata":{"name":"new"}})"));
  cluster.runtime->settle();
  REQUIRE(listed.has_value());
  REQUIRE(listed->has_value());
  CHECK((*listed)->objects.size() == 2);
}

TEST_CASE("get answers the stored object, revision 0 and older ones included") {
  Cluster cluster;
  fill(cluster, 1);
  verbs::ReadOptions options;
  for (const store::Revision revision : {store::Revision{0}, cluster.revision()}) {
    options.revision = revision;
    CHECK(*cluster.get("v1/configmaps", "default", "c100", options) == cluster.stored("v1/configmaps", "default", "c100"));
  }
  CHECK(error_of(cluster.get("v1/configmaps", "default", "gone")).message == "configmaps \"gone\" not found");
}

TEST_CASE("a list or watch of one name refuses a selector for another") {
  Cluster cluster;
  fill(cluster, 2);
  auto where = cluster.target("v1/configmaps", "default", "c100");
  ListOptions options;
  CHECK(cluster.wait<verbs::Listed>([&](auto done) { cluster.verbs->list(cluster.admin, where, options, done); })->objects.size() == 1);
  options.selector = *watch::parse_selector(*where.kind, "", "metadata.name=c101");
  CHECK(error_of(cluster.wait<verbs::Listed>([&](auto done) { cluster.verbs->list(cluster.admin, where, options, done); })).message ==
        "fieldSelector metadata.name doesn't match requested name");
}

namespace {

class Sink final : public watch::WatchSink {
 public:
  void wake() override {}
};

}  // namespace

TEST_CASE("a watch is authorized, and opened for its resource and namespace") {
  Cluster cluster;
  Sink sink;
  watch::WatchRequest request;
  request.start = watch::WatchRequest::Start::at_revision;
  request.after = cluster.revision();
  request.encoding = {"name", [](watch::EventType, store::Revision, const store::ObjectRef& object, bool) { return std::make_shared<const std::string>(object ? object->key().name : ""); }};
  auto opened = cluster.verbs->watch(cluster.admin, cluster.target("v1/configmaps", "default"), request, sink);
  REQUIRE(opened.has_value());
  fill(cluster, 1);
  fill(cluster, 1, "other");
  cluster.runtime->settle();
  std::vector<watch::Bytes> out;
  REQUIRE((*opened)->take(out, 1 << 20).has_value());
  REQUIRE(out.size() == 1);
  CHECK(*out[0] == "c100");
  cluster.admin.user.groups = {"system:authenticated"};
  CHECK(cluster.verbs->watch(cluster.admin, cluster.target("v1/configmaps", "default"), request, sink).error().code == 403);
}

#include <catch2/catch.hpp>

#include "core/plugins/verdict_cache.hpp"
#include "sdk/abi/keelson_plugin.h"

using namespace keelson;

namespace {

constexpr std::uint64_t kNameDoesNotMatter = 1u << KEELSON_IN_NAME;

struct Asked {
  auth::Identity user;
  auth::Attributes attributes;
  explicit Asked(std::string name, std::string verb = "get") {
    user.name = "ann";
    user.groups = {"dev", "system:authenticated"};
    attributes.user = &user;
    attributes.verb = std::move(verb);
    attributes.resource = "pods";
    attributes.ns = "default";
    attributes.name = std::move(name);
  }
  Asked(const Asked&) = delete;
};

}  // namespace

TEST_CASE("a verdict is found for what mattered to it, whatever did not") {
  plugins::VerdictCache cache;
  const Asked a("a"), b("b"), other("a", "delete");
  cache.keep(a.attributes, kNameDoesNotMatter, 1, {auth::Decision::allow, "why"});
  REQUIRE(cache.find(b.attributes, 1));
  CHECK(cache.find(b.attributes, 1)->decision == auth::Decision::allow);
  CHECK(cache.find(b.attributes, 1)->reason == "why");
  CHECK_FALSE(cache.find(other.attributes, 1));
}

TEST_CASE("a verdict that all fields mattered to is found for that question only") {
  plugins::VerdictCache cache;
  const Asked a("a"), b("b");
  cache.keep(a.attributes, 0, 1, {auth::Decision::deny, ""});
  CHECK(cache.find(a.attributes, 1));
  CHECK_FALSE(cache.find(b.attributes, 1));
  Asked grown("a");
  grown.user.groups.emplace_back("ops");
  CHECK_FALSE(cache.find(grown.attributes, 1));
}

TEST_CASE("a newer generation knows nothing of an older one") {
  plugins::VerdictCache cache;
  const Asked a("a");
  cache.keep(a.attributes, 0, 1, {auth::Decision::allow, ""});
  CHECK_FALSE(cache.find(a.attributes, 2));
  cache.keep(a.attributes, 0, 2, {auth::Decision::deny, ""});
  REQUIRE(cache.find(a.attributes, 2));
  CHECK(cache.find(a.attributes, 2)->decision == auth::Decision::deny);
}

TEST_CASE("fields that run into each other are different questions") {
  plugins::VerdictCache cache;
  Asked left("b"), right("b");
  left.attributes.ns = "default";
  left.attributes.subresource = "log";
  right.attributes.ns = "logdefault";
  cache.keep(left.attributes, 0, 1, {auth::Decision::allow, ""});
  CHECK_FALSE(cache.find(right.attributes, 1));
}

TEST_CASE("more sets of fields than are told apart are kept exactly, and the cache stays bounded") {
  plugins::VerdictCache cache;
  const Asked a("a"), b("b");
  for (std::uint64_t i = 0; i < plugins::kVerdictFormsMax + 4; ++i) cache.keep(a.attributes, kNameDoesNotMatter | 1u << i, 1, {auth::Decision::allow, ""});
  CHECK(cache.find(b.attributes, 1));   // by one of the first
  for (std::size_t i = 0; i < 2 * plugins::kVerdictsMax; ++i) {
    const Asked one(std::to_string(i));
    cache.keep(one.attributes, 0, 2, {auth::Decision::allow, ""});
  }
  CHECK(cache.size() <= plugins::kVerdictsMax);
}

#include <catch2/catch.hpp>
#include <algorithm>
#include <atomic>
#include <map>
#include <random>
#include <set>
#include <thread>

#include "core/kinds/builtin.hpp"
#include "core/kinds/catalog.hpp"
#include "core/kinds/catalog_group.hpp"
#include "core/kinds/convert/convert.hpp"

using namespace keelson;
using namespace keelson::kinds;

namespace {

Kind website(std::string declared_by) {
  Kind kind;
  kind.group = "demo.io";
  kind.version = "v1";
  kind.resource = "websites";
  kind.kind = "Website";
  kind.list_kind = "WebsiteList";
  kind.singular = "website";
  kind.verbs = {"get", "list"};
  kind.declared_by = std::move(declared_by);
  kind.storage_key = base::Atom("websites.demo.io");
  return kind;
}

}  // namespace

TEST_CASE("every declared kind that is served is found by resource, kind and storage key") {
  const auto catalog = make_registry()->current();
  std::size_t served = 0;
  for (const auto& row : builtin_kinds()) {
    INFO(row.group << "/" << row.version << " " << row.resource);
    const auto kind = catalog->find(row.group, row.version, row.resource);
    CHECK((kind != nullptr) == row.served);
    if (!kind) continue;
    ++served;
    CHECK(catalog->by_kind(row.group, row.version, row.kind) == kind);
    const auto stored = catalog->by_storage_key(kind->storage_key);
    CHECK((stored == kind) == (stored_form_of(*kind) == nullptr));
    CHECK(stored->kind == kind->kind);
    CHECK(kind->type.get() == row.type);
    CHECK((kind->subresource("status") != nullptr) == kind->strategy.has_status);
  }
  CHECK(catalog->all().size() == served);
  CHECK(served >= 56);
}

TEST_CASE("a kind carries what discovery, writes and tables need") {
  const auto catalog = make_registry()->current();
  const auto deployment = catalog->find("apps", "v1", "deployments");
  REQUIRE(deployment);
  CHECK(deployment->api_version() == "apps/v1");
  CHECK(deployment->storage_key.text() == "deployments.apps");
  CHECK(deployment->list_kind == "DeploymentList");
  CHECK(deployment->short_names == std::vector<std::string>{"deploy"});
  CHECK(deployment->storage_version_hash == "8aSe+NMegvE=");
  CHECK(deployment->allows("patch"));
  CHECK_FALSE(deployment->allows("escalate"));
  CHECK(deployment->subresource("scale")->group == "autoscaling");
  CHECK(deployment->strategy.generation);
  CHECK(deployment->strategy.generation_bump == std::vector<std::string>{"metadata.annotations", "spec"});
  CHECK(deployment->columns.size() == 8);
  CHECK(deployment->columns[1].value == "ratio(.status.readyReplicas, .spec.replicas)");

  const auto pod = catalog->find("", "v1", "pods");
  REQUIRE(pod);
  CHECK(pod->storage_key.text() == "pods");
  CHECK(pod->selectable_fields.front() == "spec.nodeName");
  REQUIRE(pod->field_aliases.size() == 1);
  CHECK(pod->field_aliases[0] == std::pair<std::string, std::string>{"spec.host", "spec.nodeName"});
  CHECK(pod->subresource("eviction")->version == "v1");
  CHECK(catalog->find("", "v1", "events")->strategy.default_propagation == Strategy::Propagation::unsupported);
  CHECK_FALSE(catalog->find("coordination.k8s.io", "v1", "leases")->strategy.unconditional_update);
  CHECK(catalog->find("keelson.dev", "v1", "plugins")->strategy.has_status);
}

TEST_CASE("groups come in discovery order and versions preferred first") {
  const auto registry = make_registry();
  auto groups = registry->current()->groups();
  REQUIRE(groups.size() > 3);
  CHECK(groups[0].empty());
  CHECK(groups.back() == "keelson.dev");
  CHECK(registry->current()->versions("apps") == std::vector<std::string>{"v1"});
  for (const auto* version : {"v1beta1", "v2", "v1", "v1alpha1", "foo"}) {
    auto kind = website("crd:websites.demo.io");
    kind.version = version;
    REQUIRE(registry->install(std::move(kind)).has_value());
  }
  CHECK(registry->current()->versions("demo.io") == std::vector<std::string>{"v2", "v1", "v1beta1", "v1alpha1", "foo"});
  CHECK(registry->current()->by_storage_key(base::Atom("websites.demo.io"))->version == "v1beta1");
}

TEST_CASE("a catalog is a snapshot that later changes do not touch") {
  const auto registry = make_registry();
  const auto before = registry->current();
  const auto installed = registry->install(website("plugin:website"));
  REQUIRE(installed.has_value());
  CHECK(before->find("demo.io", "v1", "websites") == nullptr);
  const auto with = registry->current();
  CHECK(with->epoch() > before->epoch());
  CHECK(with->find("demo.io", "v1", "websites") == *installed);

  registry->set_writable(base::Atom("websites.demo.io"), false);
  CHECK(with->find("demo.io", "v1", "websites")->writable);
  CHECK_FALSE(registry->current()->find("demo.io", "v1", "websites")->writable);

  registry->withdraw(base::Atom("websites.demo.io"));
  CHECK(registry->current()->find("demo.io", "v1", "websites") == nullptr);
  CHECK(with->find("demo.io", "v1", "websites") != nullptr);

  const auto again = registry->install(website("plugin:website"));
  REQUIRE(again.has_value());
  CHECK((*again)->schema_epoch == (*installed)->schema_epoch + 1);
}

TEST_CASE("the versions of a resource are replaced as one, with one schema epoch") {
  const auto registry = make_registry();
  auto v1 = website("crd:websites.demo.io"), v2 = v1, v3 = v1;
  v2.version = "v2";
  v3.version = "v3";
  REQUIRE(registry->install_versions({v1, v2}).has_value());
  const auto before = registry->current();
  const auto replaced = registry->install_versions({v3, v2});
  REQUIRE(replaced.has_value());
  CHECK((*replaced)[0]->schema_epoch == (*replaced)[1]->schema_epoch);
  CHECK((*replaced)[0]->schema_epoch == before->find("demo.io", "v1", "websites")->schema_epoch + 1);
  const auto after = registry->current();
  CHECK(after->epoch() == before->epoch() + 1);
  CHECK(after->versions("demo.io") == std::vector<std::string>{"v3", "v2"});
  CHECK(after->by_storage_key(base::Atom("websites.demo.io"))->version == "v3");
  CHECK_FALSE(registry->install_versions({website("plugin:website")}).has_value());
}

TEST_CASE("a name that another declarer has is refused with 409") {
  const auto registry = make_registry();
  REQUIRE(registry->install(website("plugin:website")).has_value());
  CHECK(registry->install(website("plugin:website")).has_value());
  const auto resource = registry->install(website("crd:websites.demo.io"));
  REQUIRE_FALSE(resource.has_value());
  CHECK(resource.error().code == 409);
  auto other = website("crd:pages.demo.io");
  other.resource = "pages";
  other.storage_key = base::Atom("pages.demo.io");
  CHECK_FALSE(registry->install(other).has_value());
  other.kind = "Page";
  other.list_kind = "PageList";
  other.singular = "page";
  CHECK(registry->install(other).has_value());
  auto deployment = website("crd:deployments.apps");
  deployment.group = "apps";
  deployment.resource = "deployments";
  deployment.storage_key = base::Atom("deployments.apps");
  CHECK_FALSE(registry->install(deployment).has_value());
}

TEST_CASE("changes are told with the new catalog until the handle ends") {
  const auto registry = make_registry();
  std::vector<std::uint64_t> seen;
  auto handle = registry->on_change([&](const CatalogRef& catalog) { seen.push_back(catalog->epoch()); });
  REQUIRE(registry->install(website("plugin:website")).has_value());
  registry->set_writable(base::Atom("websites.demo.io"), false);
  registry->set_writable(base::Atom("websites.demo.io"), false);
  CHECK(seen.size() == 2);
  CHECK(seen.back() == registry->current()->epoch());
  handle.reset();
  registry->withdraw(base::Atom("websites.demo.io"));
  CHECK(seen.size() == 2);
}

TEST_CASE("readers on other threads always see a whole catalog") {
  const auto registry = make_registry();
  std::atomic<bool> stop = false;
  std::atomic<int> wrong = 0;
  std::vector<std::thread> readers;
  for (int i = 0; i < 3; ++i)
    readers.emplace_back([&] {
      std::uint64_t last = 0;
      while (!stop) {
        const auto catalog = registry->current();
        if (catalog->epoch() < last || !catalog->find("", "v1", "pods")) ++wrong;
        last = catalog->epoch();
      }
    });
  for (int i = 0; i < 200; ++i) {
    (void)registry->install(website("plugin:website"));
    registry->withdraw(base::Atom("websites.demo.io"));
  }
  stop = true;
  for (auto& reader : readers) reader.join();
  CHECK(wrong == 0);
}

namespace {

Kind numbered(int number, const std::string& version) {
  Kind kind = website("crd:" + std::to_string(number));
  kind.group = "g" + std::to_string(number % 5) + ".demo.io";
  kind.version = version;
  kind.resource = kind.singular = "things" + std::to_string(number);
  kind.kind = "Thing" + std::to_string(number);
  kind.list_kind = kind.kind + "List";
  kind.storage_key = base::Atom(kind.resource + "." + kind.group);
  return kind;
}

/// All that a catalog says fits what all() says.
void check_whole(const Catalog& catalog) {
  const auto place = [](const KindRef& kind) { return std::tuple(kind->group, kind->version, kind->resource); };
  const auto& all = catalog.all();
  CHECK(std::is_sorted(all.begin(), all.end(), [&](const auto& a, const auto& b) { return place(a) < place(b); }));
  std::set<std::string> groups;
  std::size_t in_groups = 0;
  for (const auto& kind : all) {
    groups.insert(kind->group);
    CHECK(catalog.find(kind->group, kind->version, kind->resource) == kind);
    CHECK(catalog.by_kind(kind->group, kind->version, kind->kind) == kind);
    REQUIRE(catalog.by_storage_key(kind->storage_key));
    CHECK(catalog.by_storage_key(kind->storage_key)->kind == kind->kind);
  }
  const auto named = catalog.groups();
  CHECK(std::set(named.begin(), named.end()) == groups);
  CHECK(named.size() == groups.size());
  for (const auto& group : named) in_groups += kinds_in_group(catalog, group).size();
  CHECK(in_groups == all.size());
}

}  // namespace

TEST_CASE("a catalog is whole after each change, whatever came and went") {
  const auto registry = make_registry();
  const auto builtin = registry->current()->all().size();
  std::mt19937 random(7);
  std::map<int, std::size_t> served;
  for (int step = 0; step < 200; ++step) {
    const int number = static_cast<int>(random() % 40);
    std::vector<Kind> versions;
    for (const char* version : {"v1", "v2", "v1beta1"})
      if (random() % 2) versions.push_back(numbered(number, version));
    for (std::size_t i = 1; i < versions.size(); ++i) versions.front().other_versions.push_back(versions[i].version);
    if (versions.empty() || random() % 4 == 0) {
      registry->withdraw(numbered(number, "v1").storage_key);
      served.erase(number);
    } else {
      served[number] = versions.size();
      const auto stored = versions.front().version;
      REQUIRE(registry->install_versions(std::move(versions)).has_value());
      CHECK(registry->current()->by_storage_key(numbered(number, "v1").storage_key)->version == stored);
    }
    if (step % 10 == 0) check_whole(*registry->current());
  }
  std::size_t all = builtin;
  for (const auto& [number, count] : served) all += count;
  CHECK(registry->current()->all().size() == all);
  check_whole(*registry->current());
}

TEST_CASE("a change leaves the kinds of other groups where they are") {
  const auto registry = make_registry();
  for (int number = 0; number < 20; ++number) REQUIRE(registry->install(numbered(number, "v1")).has_value());
  const auto before = registry->current();
  REQUIRE(registry->install(numbered(20, "v1")).has_value());   // g0
  const auto after = registry->current();
  CHECK(kinds_in_group(*before, "g0.demo.io").size() + 1 == kinds_in_group(*after, "g0.demo.io").size());
  for (const char* group : {"", "apps", "g1.demo.io", "g4.demo.io"}) CHECK(kinds_in_group(*before, group).data() == kinds_in_group(*after, group).data());
  CHECK(kinds_in_group(*after, "g5.demo.io").empty());
  CHECK(before->find("g0.demo.io", "v1", "things20") == nullptr);
}

// What writes and reads cost in processor time, printed on demand: unit_verbs "[.cost]". No limit is asserted: a timed test
// would fail with the machine, not with the code.
#include <ctime>

#include <atomic>
#include <thread>

#include "tests/unit/verbs/fixture.hpp"

using namespace keelson;

namespace {

constexpr int kWrites = 20'000;

double cpu_us() { return static_cast<double>(std::clock()) * 1e6 / CLOCKS_PER_SEC; }

struct Server {
  std::unique_ptr<base::Runtime> runtime = base::real_runtime();
  std::unique_ptr<base::Metrics> metrics = base::make_metrics();
  std::unique_ptr<store::Store> store = store::make_memory_store(*runtime, *metrics);
  std::unique_ptr<watch::Hub> hub = watch::make_hub(*store, *runtime, *metrics);
  std::unique_ptr<kinds::Registry> registry = kinds::make_registry();
  std::unique_ptr<auth::Chains> chains = auth::make_chains();
  std::unique_ptr<verbs::Verbs> verbs;
  verbs::Context admin;

  Server() {
    auth::add_default_admission(*chains);
    verbs = verbs::make_verbs({*store, *hub, *registry, *chains, nullptr, *runtime, *metrics});
    admin.user.name = "system:admin";
    admin.user.groups = {"system:masters", "system:authenticated"};
    admin.field_manager = "cost";
  }
  ~Server() {
    hub->stop();
    store->stop();
  }
  verbs::Target target(std::string_view resource, std::string name = "") const { return {registry->current()->find("", "v1", resource), resource == "namespaces" ? "" : "default", std::move(name), ""}; }

  /// Runs `call(i, done)` for each i with at most 32 under way, and prints what one costs.
  void measure(const char* what, int count, const std::function<void(int, std::function<void(bool)>)>& call) const {
    std::atomic<int> under_way = 0, failed = 0;
    const double before = cpu_us();
    for (int i = 0; i < count; ++i) {
      while (under_way.load() >= 32) std::this_thread::yield();
      ++under_way;
      call(i, [&](bool good) {
        failed += !good;
        --under_way;
      });
    }
    while (under_way.load() > 0) std::this_thread::yield();
    std::cout << what << ": " << (cpu_us() - before) / count << " us CPU each, waiting included, " << failed << " failed\n";
  }
};

std::string configmap(int i) { return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c)" + std::to_string(i) + R"("},"data":{"k":")" + std::string(900, 'x') + "\"}}"; }

}  // namespace

TEST_CASE("cost of verbs on a memory store", "[.cost]") {
  Server server;
  server.measure("namespace", 1, [&](int, auto done) {
    server.verbs->create(server.admin, server.target("namespaces"), {kinds::Media::json, R"({"metadata":{"name":"default"}})"}, {}, [done](auto outcome) { done(outcome.has_value()); });
  });
  server.measure("create 1 KiB ConfigMap", kWrites, [&](int i, auto done) {
    server.verbs->create(server.admin, server.target("configmaps"), {kinds::Media::json, configmap(i)}, {}, [done](auto outcome) { done(outcome.has_value()); });
  });
  server.measure("create, one at a time, dry run", kWrites, [&](int i, auto done) {
    verbs::WriteOptions dry;
    dry.dry_run = true;
    server.verbs->create(server.admin, server.target("configmaps"), {kinds::Media::json, configmap(i + kWrites)}, dry, [done](auto outcome) { done(outcome.has_value()); });
  });
  server.measure("merge patch", kWrites, [&](int i, auto done) {
    server.verbs->patch(server.admin, server.target("configmaps", "c" + std::to_string(i)), kinds::PatchType::merge, {kinds::Media::json, R"({"data":{"n":"1"}})"}, {}, [done](auto outcome) { done(outcome.has_value()); });
  });
  server.measure("get", kWrites, [&](int i, auto done) {
    server.verbs->get(server.admin, server.target("configmaps", "c" + std::to_string(i)), {}, [done](auto outcome) { done(outcome.has_value()); });
  });
}

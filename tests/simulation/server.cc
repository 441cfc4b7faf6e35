#include "tests/simulation/server.hpp"

#include "core/plugins/hook_conversion.hpp"
#include "core/store/committer.hpp"
#include "tests/simulation/broken.hpp"

namespace keelson::simulation {
namespace {

constexpr std::int64_t kStopDeadline_ms = 60'000;

std::unique_ptr<store::Store> open(Disk& disk, base::Runtime& runtime, base::Metrics& metrics, std::uint64_t seed) {
  auto made = store::make_store(store::make_local_log(make_disk_storage(disk, runtime, seed), runtime, metrics, {}), runtime, metrics);
  if (!made) throw Broken("the store does not open: " + made.error().message);
  return std::move(*made);
}

std::unique_ptr<auth::Chains> chains_with_admission() {
  auto chains = auth::make_chains();
  auth::add_default_admission(*chains);
  return chains;
}

plugins::HostOptions options(const std::string& scratch) {
  plugins::HostOptions options;
  options.data_dir = scratch;
  options.watch_directories = false;
  options.check_permissions = false;
  return options;
}

}  // namespace

Server::Server(Disk& disk, base::SimulatedRuntime& runtime, std::uint64_t seed, const std::vector<std::string>& plugins, const std::string& scratch)
    : runtime_(runtime), metrics_(base::make_metrics()), registry_(kinds::make_registry()), store_(open(disk, runtime, *metrics_, seed)), hub_(watch::make_hub(*store_, runtime, *metrics_)),
      chains_(chains_with_admission()), hooks_(plugins::make_hooks(*chains_, *metrics_, "")),
      verbs_(verbs::make_verbs({*store_, *hub_, *registry_, *chains_, nullptr, runtime, *metrics_}, plugins::ask_plugins(hooks_, runtime))),
      host_(plugins::make_plugin_host({*store_, *verbs_, *registry_, *chains_, runtime, *metrics_, {}, hooks_}, options(scratch))) {
  host_->start();
  for (const auto& file : plugins) host_->load(file);
}

// The store before the verbs: these have to outlive the calls that are still under way.
Server::~Server() {
  host_->stop(runtime_.in_ms(kStopDeadline_ms));
  host_.reset();
  store_->stop();
  verbs_.reset();
  hub_->stop();
  hub_.reset();
}

kinds::KindRef Server::kind(const std::string& name) const {
  for (const auto& candidate : registry_->current()->all())
    if (candidate->kind == name) return candidate;
  throw Broken("no kind " + name);
}

}  // namespace keelson::simulation

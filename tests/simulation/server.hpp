// A server on a simulated disk: store, watch hub, verbs and the plugin host with controllers, as main puts them together.
//
// Threads: the simulation's. Ownership: disk and runtime outlive it. crash() before the end: nothing that is still under way counts.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "core/auth/auth.hpp"
#include "core/base/simulated_runtime.hpp"
#include "core/plugins/host.hpp"
#include "core/verbs/verbs.hpp"
#include "core/watch/hub.hpp"
#include "tests/simulation/disk.hpp"

namespace keelson::simulation {

class Server {
 public:
  /// `scratch`: for the plugin host's copies of files, which are the same for all servers.
  Server(Disk& disk, base::SimulatedRuntime& runtime, std::uint64_t seed, const std::vector<std::string>& plugins, const std::string& scratch);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  store::Store& store() { return *store_; }
  verbs::Verbs& verbs() { return *verbs_; }
  plugins::PluginHost& host() { return *host_; }
  kinds::KindRef kind(const std::string& name) const;

 private:
  base::SimulatedRuntime& runtime_;
  const std::unique_ptr<base::Metrics> metrics_;
  const std::unique_ptr<kinds::Registry> registry_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<watch::Hub> hub_;
  const std::unique_ptr<auth::Chains> chains_;
  std::shared_ptr<plugins::Hooks> hooks_;
  std::unique_ptr<verbs::Verbs> verbs_;
  std::unique_ptr<plugins::PluginHost> host_;
};

}  // namespace keelson::simulation

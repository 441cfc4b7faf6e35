// An agent on a fake runtime and API, with time that passes when asked to.
#pragma once
#include <catch2/catch.hpp>

#include "fakes.hpp"

namespace keelson::node::testing {

/// An agent on fakes with a clock of its own; reconciles until nothing asks for more at once.
struct World {
  std::int64_t clock_ns = 1'700'000'000'000'000'000;
  std::filesystem::path dir;
  std::map<std::string, std::int64_t> allocatable;
  FakeCri cri;
  FakeCluster cluster;
  NetLoop loop{[this] { return clock_ns; }};
  Volumes volumes;
  std::vector<Key> woken;
  Prober prober{loop, cri, [](const Key&) {}, [](const auto&, const auto&, const auto&) {}};
  ImagePuller images{cri, [this](const Key& key) { woken.push_back(key); }, [this] { return clock_ns; }};
  std::unique_ptr<Agent> agent;
  const Key key{"default", "web"};

  World() : dir(make_dir()), volumes(dir.string()) {
    cri.clock_ns = cluster.clock_ns = &clock_ns;
    restart_agent();
  }
  ~World() { std::filesystem::remove_all(dir); }
  static std::filesystem::path make_dir() {
    std::string name = (std::filesystem::temp_directory_path() / "agent-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    return name;
  }
  void restart_agent() {
    NodeSettings settings;
    settings.node_name = "n1";
    settings.root = dir.string();
    settings.host_ips = {"192.0.2.1"};
    settings.allocatable = allocatable;
    agent = std::make_unique<Agent>(Agent::Parts{cri, loop, prober, images, volumes, settings,
                                                 [this](const Key& woke, std::int64_t) { woken.push_back(woke); }, [this] { return clock_ns; }});
  }
  void add(const std::string& json) {
    auto pod = std::make_shared<Pod>(pod_from(json));
    cluster.pods[{pod->meta.namespace_, pod->meta.name}] = pod;
  }
  std::int64_t settle() {
    std::int64_t delay = 0;
    for (int i = 0; i < 20; ++i) {
      woken.clear();
      delay = agent->reconcile(cluster, key).delay_ns;
      if (woken.empty() && delay != 0) return delay;
    }
    return delay;
  }
  /// Settles and lets the asked-for time pass, until the pod is quiet or `rounds` are over.
  void run_for(int rounds) {
    for (int i = 0; i < rounds; ++i) {
      const auto delay = settle();
      if (delay < 0) return;
      clock_ns += delay;
    }
  }
  void mark_deleted(std::int64_t grace_s) {
    auto pod = std::make_shared<Pod>(*cluster.pods.at(key));
    pod->meta.deletionTimestamp = Time(clock_ns / kSecondNs + grace_s);
    pod->meta.deletionGracePeriodSeconds = grace_s;
    cluster.pods[key] = pod;
  }
  const PodStatus& status() { return cluster.pods.at(key)->status; }
};

}  // namespace keelson::node::testing

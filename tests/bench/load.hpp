// One kind of request, many times, over keep-alive HTTPS connections on one thread; and watchers with writers beside them.
//
// Errors: what is not as expected throws (client.hpp). Threads: one. Ownership: values.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "tests/bench/client.hpp"

namespace keelson::bench {

struct Options {
  std::string op, kind, kubeconfig, prefix = "l", accept = "application/json", query, ns = "default";
  int pid = 0;
  std::size_t connections = 1, count = 1000, watchers = 100, writers = 1;
  double rate = 0, delay_s = 0;
  bool http2 = false;
};

/// CPU microseconds of the server so far; 0 where there is no way to know.
using CpuClock = std::function<double()>;
/// User and system, exact to less than one.
CpuClock cpu_of_process(int pid);

/// Where objects of the kind are: configmap, pod, lease, event, nodelease (in kube-node-lease).
std::string collection(const std::string& kind, const std::string& ns);

struct Figures {
  std::vector<double> latency_us;   ///< sorted
  std::uint64_t bytes = 0;
  double wall_s = 0, cpu_us = 0;
};
Figures run_load(const Options& options, const Endpoint& endpoint, const CpuClock& cpu);

struct ProbeFigures {
  std::vector<double> read_us, write_us;   ///< sorted
  double wall_s = 0;
};
/// Requests at a rate until standard input ends; latencies from when each was due. Says "ready" on standard output when it begins.
ProbeFigures run_probe(const Options& options, const Endpoint& endpoint);

struct FanFigures {
  std::size_t delivered = 0;
  double writing_s = 0, wall_s = 0, cpu_us = 0;
  std::vector<double> lag_us;       ///< sorted
};
FanFigures run_fan(const Options& options, const Endpoint& endpoint, const CpuClock& cpu);

double quantile(const std::vector<double>& sorted, double q);
void raise_descriptor_limit();
/// One request on a connection of its own: the status, and the answer in `body`.
int ask_once(const Endpoint& endpoint, std::string_view method, const std::string& path, const std::string& content, std::string& body);

}  // namespace keelson::bench

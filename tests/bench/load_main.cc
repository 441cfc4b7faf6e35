// load: one kind of request, many times, over N keep-alive HTTPS connections; prints the server's CPU per operation, the
// rate and the latencies. Server CPU is the CPU clock of --pid, read before and after, so the client's own cost is not in it.
//
// usage: load OP KIND --kubeconfig FILE [--pid PID] [--connections N] [--count N] [--prefix TEXT] [--accept TYPE] [--query Q] [--http 1|2]
//   OP: create update get delete patch apply list pages watch raw; ready (any KIND): exit status 0 once /readyz says 200
//   KIND: configmap pod lease event nodelease; raw: a path, which is read --count times
//   probe: --rate requests a second over the connections, whatever the answers take, until standard input ends: nine reads of an
//     object, then a patch of it; latencies from when each was due
//   --delay SECONDS between connecting and the first request, to turn a profiler on
//   watch: --watchers N watch the kind while --writers N (one) more connections make --count updates, each of them one after the
//     other, or with --rate so many a second
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <stdexcept>

#include "tests/bench/load.hpp"

namespace keelson::bench {
namespace {

Options parse(int count, char** words) {
  if (count < 3) die("usage: load OP KIND --kubeconfig FILE [--pid PID] [--connections N] [--count N] [--prefix TEXT] [--accept TYPE] [--query Q] [--watchers N] [--rate R]");
  Options out;
  out.op = words[1];
  out.kind = words[2];
  std::map<std::string, std::string> given;
  for (int i = 3; i + 1 < count; i += 2) given[words[i]] = words[i + 1];
  for (const auto& [key, value] : given) {
    if (key == "--kubeconfig") out.kubeconfig = value;
    else if (key == "--pid") out.pid = std::atoi(value.c_str());
    else if (key == "--connections") out.connections = std::strtoull(value.c_str(), nullptr, 10);
    else if (key == "--count") out.count = std::strtoull(value.c_str(), nullptr, 10);
    else if (key == "--watchers") out.watchers = std::strtoull(value.c_str(), nullptr, 10);
    else if (key == "--writers") out.writers = std::strtoull(value.c_str(), nullptr, 10);
    else if (key == "--rate") out.rate = std::atof(value.c_str());
    else if (key == "--delay") out.delay_s = std::atof(value.c_str());
    else if (key == "--prefix") out.prefix = value;
    else if (key == "--accept") out.accept = value;
    else if (key == "--query") out.query = value;
    else if (key == "--namespace") out.ns = value;
    else if (key == "--http") out.http2 = value == "2";
    else die("unknown option " + key);
  }
  return out;
}

/// 0 once /readyz says so, asked every millisecond on one connection: a handshake costs the server more than the rest of it.
int ready(const Options& options) {
  Pool pool(Endpoint::from_kubeconfig(options.kubeconfig), 1);
  const auto until = now_ns() + 10'000'000'000;
  int status = 0;
  pool.answered = [&](Connection& connection) {
    status = connection.status;
    pool.stop();
  };
  while (status != 200 && now_ns() < until) {
    if (status != 0) usleep(1000);
    pool.at(0).request("GET", "/readyz", "");
    pool.run(1000);
  }
  return status == 200 ? 0 : 1;
}

int probe(const Options& options, const Endpoint& endpoint) {
  const auto figures = run_probe(options, endpoint);
  const auto answered = figures.read_us.size() + figures.write_us.size();
  std::printf("{\"op\":\"probe\",\"kind\":\"%s\",\"connections\":%zu,\"count\":%zu,\"per_s\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"write_p50_us\":%.0f,\"write_p99_us\":%.0f}\n", options.kind.c_str(), options.connections, answered,
              static_cast<double>(answered) / figures.wall_s, quantile(figures.read_us, 0.5), quantile(figures.read_us, 0.99), quantile(figures.write_us, 0.5), quantile(figures.write_us, 0.99));
  return 0;
}

int watch(const Options& options, const Endpoint& endpoint, const CpuClock& cpu) {
  const auto got = run_fan(options, endpoint, cpu);
  const auto delivered = static_cast<double>(got.delivered);
  std::printf("{\"op\":\"watch\",\"kind\":\"%s\",\"watchers\":%zu,\"writers\":%zu,\"changes\":%zu,\"changes_per_s\":%.0f,\"delivered\":%zu,\"events_per_s\":%.0f,\"cpu_us\":%.3f,\"lag_p50_us\":%.0f,\"lag_p99_us\":%.0f}\n",
              options.kind.c_str(), options.watchers, options.writers, options.count, static_cast<double>(options.count) / got.writing_s, got.delivered, delivered / got.wall_s,
              got.cpu_us / std::max(delivered, 1.0), quantile(got.lag_us, 0.5), quantile(got.lag_us, 0.99));
  return got.delivered == options.watchers * options.count ? 0 : 1;
}

int run(const Options& options) {
  raise_descriptor_limit();
  if (options.op == "ready") return ready(options);
  auto endpoint = Endpoint::from_kubeconfig(options.kubeconfig);
  endpoint.http2 = options.http2;
  const auto cpu = cpu_of_process(options.pid);
  if (options.op == "probe") return probe(options, endpoint);
  if (options.op == "watch") return watch(options, endpoint, cpu);
  const auto figures = run_load(options, endpoint, cpu);
  const auto count = static_cast<double>(options.count);
  std::printf("{\"op\":\"%s\",\"kind\":\"%s\",\"connections\":%zu,\"count\":%zu,\"cpu_us\":%.1f,\"per_s\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"bytes\":%llu,\"mb_per_s\":%.1f,\"mb_per_cpu_s\":%.1f}\n", options.op.c_str(),
              options.kind.c_str(), options.connections, options.count, figures.cpu_us / count, count / figures.wall_s, quantile(figures.latency_us, 0.5), quantile(figures.latency_us, 0.99),
              static_cast<unsigned long long>(figures.bytes), static_cast<double>(figures.bytes) / figures.wall_s / 1e6, figures.cpu_us > 0 ? static_cast<double>(figures.bytes) / figures.cpu_us : 0);
  return 0;
}

}  // namespace
}  // namespace keelson::bench

int main(int count, char** words) {
  try {
    return keelson::bench::run(keelson::bench::parse(count, words));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return 1;
  }
}

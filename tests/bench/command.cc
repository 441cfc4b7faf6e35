// keelson-bench: what an API server costs, by any kubeconfig, as one table and one JSON file with the method of each figure.
//
//   keelson bench --kubeconfig FILE [--context NAME] [--json FILE] [--connections 1,16,64] [--count N] [--objects N] [--watchers 100,1000] [--pid PID]
//
// Everything is made in a namespace of its own, which is deleted at the end; Leases of kube-node-lease by names of their own.
// A program of its own, so that the server stays as small as it is: `keelson bench` starts the one beside it.
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>
#include <cstdio>
#include <fstream>

#include "core/remote/credential_program.hpp"
#include "tests/bench/load.hpp"

namespace keelson::bench {
namespace {

namespace json = boost::json;

constexpr std::string_view kProtobuf = "application/vnd.kubernetes.protobuf";
constexpr std::size_t kEvents = 300;   ///< servers limit how many a user may write in a short time: 1,000 here
constexpr int kAccountTries = 100, kAccountPause_us = 100'000;

struct Flags {
  std::string kubeconfig, context, json_file;
  std::vector<std::size_t> connections{1, 16, 64}, watchers{100, 1000};
  std::size_t count = 2000, objects = 2000;
  int pid = 0;
};

Endpoint endpoint_of(const Flags& flags) {
  auto connection = remote::read_kubeconfig(flags.kubeconfig, flags.context);
  if (!connection) die(connection.error().message);
  if (connection->program) {
    const auto runtime = base::real_runtime();
    const auto credential = remote::run_credential_program(*connection, *runtime);
    if (!credential) die(credential.error().message);
    connection->token = credential->token;
    if (!credential->certificate_pem.empty()) connection->certificate_pem = credential->certificate_pem, connection->key_pem = credential->key_pem;
  }
  if (!connection->token_file.empty()) std::ifstream(connection->token_file) >> connection->token;
  Endpoint out;
  out.host = connection->host;
  out.port = static_cast<std::uint16_t>(std::stoi(connection->port));
  out.ca_pem = connection->ca_pem;
  out.certificate_pem = connection->certificate_pem;
  out.key_pem = connection->key_pem;
  out.server_name = connection->server_name;
  out.prefix = connection->prefix;
  out.token = connection->token;
  out.verify = connection->verify;
  return out;
}

/// process_cpu_seconds_total of /metrics, in microseconds; 0 where it may not be read.
CpuClock cpu_of_metrics(const Endpoint& endpoint) {
  return [endpoint]() -> double {
    std::string body;
    if (ask_once(endpoint, "GET", "/metrics", "", body) != 200) return 0;
    constexpr std::string_view kName = "\nprocess_cpu_seconds_total ";
    const auto at = body.find(kName);
    return at == std::string::npos ? 0 : std::atof(body.c_str() + at + kName.size()) * 1e6;
  };
}

class Report {
 public:
  explicit Report(std::string cpu_method) : cpu_method_(std::move(cpu_method)) {}
  void operation(const std::string& what, const std::string& durability, const Options& options, const Figures& got) {
    const auto count = static_cast<double>(options.count);
    const auto cpu = cpu_of(got.cpu_us, count);
    line(what, cpu, count / got.wall_s, quantile(got.latency_us, 0.5), quantile(got.latency_us, 0.99));
    row(what, "operation", {{"durability", durability}, {"connections", options.connections}, {"count", options.count}, {"cpu_us", cpu}, {"per_s", count / got.wall_s},
                            {"p50_us", quantile(got.latency_us, 0.5)}, {"p99_us", quantile(got.latency_us, 0.99)}, {"bytes", got.bytes}});
  }
  void list(const std::string& what, const Options& options, const Figures& got) {
    const auto count = static_cast<double>(options.count);
    const auto cpu = cpu_of(got.cpu_us, count);
    line(what, cpu, count / got.wall_s, quantile(got.latency_us, 0.5), quantile(got.latency_us, 0.99));
    row(what, "list", {{"cpu_us", cpu}, {"per_s", count / got.wall_s}, {"bytes", static_cast<double>(got.bytes) / count}, {"mb_per_s", static_cast<double>(got.bytes) / got.wall_s / 1e6},
                       {"p50_us", quantile(got.latency_us, 0.5)}, {"p99_us", quantile(got.latency_us, 0.99)}});
  }
  void watch(const std::string& what, const Options& options, const FanFigures& got) {
    const auto events = static_cast<double>(std::max<std::size_t>(got.delivered, 1));
    const auto cpu = cpu_of(got.cpu_us, events);
    line(what, cpu, events / got.wall_s, quantile(got.lag_us, 0.5), quantile(got.lag_us, 0.99));
    row(what, "watch", {{"watchers", options.watchers}, {"writers", options.writers}, {"changes", options.count}, {"delivered", got.delivered},
                        {"wanted", options.watchers * options.count}, {"cpu_us", cpu}, {"per_s", events / got.wall_s}, {"p50_us", quantile(got.lag_us, 0.5)}, {"p99_us", quantile(got.lag_us, 0.99)}});
  }
  void head() const { std::printf("%-44s %10s %10s %10s %10s\n", "", "CPU us", "per s", "p50 us", "p99 us"); }
  json::object document(json::object about) && {
    about["methods"] = {
        {"cpu", cpu_method_},
        {"operation", "closed loop: so many keep-alive HTTPS connections (HTTP/1.1), one request at a time on each; CPU of the server before and after, over the count; times from sending to the whole answer"},
        {"durability", "durable: ConfigMaps, Pods, Leases; relaxed: Events, at most 300 a run; volatile: Leases in kube-node-lease. What these words mean is the server's affair: others treat all alike"},
        {"list", "one connection, whole answers one after the other; pages: 500 at a time by continue, a page a request"},
        {"watch", "watchers of one resource on connections of their own, updates of a 1 KiB ConfigMap by 16 writers as fast as they are answered; events over the time until the last has come, CPU of the updates "
                  "included; lag from sending the write to the event's arrival, at every 64th watcher"},
        {"objects", "a ConfigMap of 1 KiB, a Pod of 2.6 kB in the request that no scheduler takes, a Lease, an Event; apply and patch change one annotation"}};
    about["figures"] = std::move(rows_);
    return about;
  }

 private:
  static json::value cpu_of(double cpu_us, double count) { return cpu_us > 0 ? json::value(cpu_us / count) : json::value(); }
  static void line(const std::string& what, const json::value& cpu, double per_s, double p50, double p99) {
    if (cpu.is_null()) std::printf("%-44s %10s %10.0f %10.0f %10.0f\n", what.c_str(), "-", per_s, p50, p99);
    else std::printf("%-44s %10.1f %10.0f %10.0f %10.0f\n", what.c_str(), cpu.as_double(), per_s, p50, p99);
    std::fflush(stdout);
  }
  void row(const std::string& what, const char* method, json::object figures) {
    figures["what"] = what;
    figures["method"] = method;
    rows_.emplace_back(std::move(figures));
  }
  std::string cpu_method_;
  json::array rows_;
};

class Command {
 public:
  explicit Command(const Flags& flags) : flags_(flags), endpoint_(endpoint_of(flags)), cpu_(flags.pid ? cpu_of_process(flags.pid) : cpu_of_metrics(endpoint_)),
      report_(flags.pid ? "the process's CPU clock, user and system" : "process_cpu_seconds_total of /metrics; a store or webhook in another process is not in it; null where it may not be read") {}

  void run() {
    about_server();
    make_namespace();
    try {
      report_.head();
      for (const auto connections : flags_.connections) operations(connections);
      lists();
      for (const auto watchers : flags_.watchers) watch(watchers);
    } catch (...) {
      remove_namespace();
      throw;
    }
    remove_namespace();
    if (flags_.json_file.empty()) return;
    std::ofstream(flags_.json_file) << json::serialize(std::move(report_).document(std::move(about_))) << "\n";
    std::printf("\nwith the method of each figure: %s\n", flags_.json_file.c_str());
  }

 private:
  int ask(std::string_view method, const std::string& path, const std::string& content, std::string& body) const { return ask_once(endpoint_, method, path, content, body); }

  void about_server() {
    std::string body;
    if (const int status = ask("GET", "/version", "", body); status != 200) die("/version: " + std::to_string(status) + " " + body);
    about_["server"] = json::parse(body).at("gitVersion");
    std::printf("%s\n\n", about_.at("server").as_string().c_str());
  }

  /// Pods need the namespace's account, which somebody makes soon; where nobody does, we do.
  void make_namespace() {
    ns_ = "keelson-bench-" + std::to_string(::getpid());
    std::string body;
    if (const int status = ask("POST", "/api/v1/namespaces", R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":")" + ns_ + "\"}}", body); status != 201) die("namespace: " + std::to_string(status) + " " + body);
    const auto accounts = "/api/v1/namespaces/" + ns_ + "/serviceaccounts";
    for (int i = 0; i < kAccountTries; ++i) {
      if (ask("GET", accounts + "/default", "", body) == 200) return;
      ::usleep(kAccountPause_us);
    }
    ask("POST", accounts, R"({"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"default"}})", body);
  }

  void remove_namespace() noexcept {
    try {
      std::string body;
      if (const int status = ask("DELETE", "/api/v1/namespaces/" + ns_, "", body); status >= 300) std::fprintf(stderr, "namespace %s is left: %d %s\n", ns_.c_str(), status, body.c_str());
    } catch (const std::exception& error) {
      std::fprintf(stderr, "namespace %s is left: %s\n", ns_.c_str(), error.what());
    }
  }

  Options options(const std::string& op, const std::string& kind, std::size_t connections, std::size_t count, const std::string& prefix) const {
    Options out;
    out.op = op;
    out.kind = kind;
    out.ns = ns_;
    out.connections = std::min(connections, count);
    out.count = count;
    out.prefix = prefix;
    return out;
  }

  void operations(std::size_t connections) {
    const auto prefix = ns_ + "-c" + std::to_string(connections) + "-";
    const std::map<std::string, std::vector<std::string>> plan{
        {"configmap", {"create", "get", "update", "patch", "apply", "delete"}}, {"pod", {"create", "get", "update", "patch", "apply", "delete"}}, {"lease", {"create", "get", "update", "patch", "apply", "delete"}},
        {"event", {"create", "delete"}}, {"nodelease", {"create", "update", "patch", "delete"}}};
    // With one connection a fifth does, and costs as much time.
    const auto count = connections == 1 ? std::max<std::size_t>(flags_.count / 5, 1) : std::max(flags_.count, connections);
    for (const auto& [kind, ops] : plan)
      for (const auto& op : ops) {
        const auto how = options(op, kind, connections, kind == "event" ? std::min(count, kEvents) : count, prefix);
        const std::string durability = kind == "event" ? "relaxed" : kind == "nodelease" ? "volatile" : "durable";
        report_.operation(op + " " + kind + " (" + durability + "), " + std::to_string(connections) + " connections", durability, how, run_load(how, endpoint_, cpu_));
      }
  }

  void lists() {
    const auto made = options("create", "pod", 16, flags_.objects, "list-");
    run_load(made, endpoint_, cpu_);
    const auto pods = std::to_string(flags_.objects) + " pods";
    const auto list = [&](const std::string& what, std::string op, std::string query, std::string_view accept, std::size_t count) {
      auto how = options(op, "pod", 1, count, "list-");
      how.query = std::move(query);
      how.accept = accept;
      report_.list("list of " + pods + ", " + what, how, run_load(how, endpoint_, cpu_));
    };
    list("JSON, whole", "list", "", "application/json", 10);
    list("protobuf, whole", "list", "", kProtobuf, 10);
    list("JSON, pages of 500", "pages", "?limit=500", "application/json", 40);
    list("JSON, by a label that all have", "list", "?labelSelector=app%3Dload", "application/json", 10);
    list("JSON, by a field that none has", "list", "?fieldSelector=spec.nodeName%3Dnowhere", "application/json", 40);
    run_load(options("delete", "pod", 16, flags_.objects, "list-"), endpoint_, cpu_);
  }

  void watch(std::size_t watchers) {
    auto how = options("watch", "configmap", 1, std::max<std::size_t>(flags_.count / 4, 16), "w-");
    how.watchers = watchers;
    how.writers = 16;
    run_load(options("create", "configmap", 1, how.writers, "w-"), endpoint_, cpu_);
    report_.watch("watch, an event, " + std::to_string(watchers) + " watchers", how, run_fan(how, endpoint_, cpu_));
    run_load(options("delete", "configmap", 1, how.writers, "w-"), endpoint_, cpu_);
  }

  const Flags flags_;
  const Endpoint endpoint_;
  const CpuClock cpu_;
  Report report_;
  json::object about_;
  std::string ns_;
};

int run(int argc, char** argv) {
  CLI::App app{"What an API server costs: an operation's CPU, rates and latencies, as a table and as JSON", "keelson bench"};
  Flags flags;
  app.add_option("--kubeconfig", flags.kubeconfig, "who and where the server is")->envname("KUBECONFIG")->required();
  app.add_option("--context", flags.context, "of the kubeconfig, instead of its current one");
  app.add_option("--json", flags.json_file, "file for the figures, each with its method");
  app.add_option("--connections", flags.connections, "HTTPS connections, one run each (default 1,16,64)")->delimiter(',');
  app.add_option("--watchers", flags.watchers, "watchers, one run each (default 100,1000)")->delimiter(',');
  app.add_option("--count", flags.count, "requests of each kind (default 2000)")->check(CLI::PositiveNumber);
  app.add_option("--objects", flags.objects, "pods in the lists (default 2000)")->check(CLI::PositiveNumber);
  app.add_option("--pid", flags.pid, "of a server on this machine, whose CPU clock is exact");
  CLI11_PARSE(app, argc, argv);
  raise_descriptor_limit();
  try {
    Command(flags).run();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "keelson bench: %s\n", error.what());
    return 1;
  }
  return 0;
}

}  // namespace
}  // namespace keelson::bench

int main(int argc, char** argv) { return keelson::bench::run(argc, argv); }

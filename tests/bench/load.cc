// load: one kind of request, many times, over N keep-alive HTTPS connections; prints the server's CPU per operation, the
// rate and the latencies. Server CPU is the CPU clock of --pid, read before and after, so the client's own cost is not in it.
//
// usage: load OP KIND --kubeconfig FILE [--pid PID] [--connections N] [--count N] [--prefix TEXT] [--accept TYPE] [--query Q]
//   OP: create update get delete patch apply list watch raw; ready (any KIND): exit status 0 once /readyz says 200
//   KIND: configmap pod lease; raw: a path, which is read --count times
//   --delay SECONDS between connecting and the first request, to turn a profiler on
//   watch: --watchers N watch the kind while --writers N (one) more connections make --count updates, each of them one after the
//     other, or with --rate so many a second
#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <map>

#include "tests/bench/client.hpp"

namespace keelson::bench {
namespace {

struct Options {
  std::string op, kind, kubeconfig, prefix = "l", accept = "application/json", query;
  int pid = 0;
  std::size_t connections = 1, count = 1000, watchers = 100, writers = 1;
  double rate = 0, delay_s = 0;
};

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
    else die("unknown option " + key);
  }
  return out;
}

/// CPU time of the server in microseconds, user and system, exact to less than one.
double cpu_us(int pid) {
  if (pid == 0) return 0;
  clockid_t clock{};
  timespec used{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) die("no process " + std::to_string(pid));
  return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
}

std::string collection(const std::string& kind) {
  if (kind == "configmap") return "/api/v1/namespaces/default/configmaps";
  if (kind == "pod") return "/api/v1/namespaces/default/pods";
  if (kind == "lease") return "/apis/coordination.k8s.io/v1/namespaces/default/leases";
  die("unknown kind " + kind);
}

std::string api_version(const std::string& kind) { return kind == "lease" ? "coordination.k8s.io/v1" : "v1"; }

std::string configmap(const std::string& name, const std::string& mark) {
  return R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name + R"("},"data":{"mark":")" + mark + R"(","fill":")" + std::string(900, 'x') + "\"}}";
}

/// About 4 kB as stored: what a Deployment's pod with probes, environment, resources and volumes has.
std::string pod(const std::string& name, const std::string& mark) {
  std::string env;
  for (int i = 0; i < 12; ++i) env += std::string(i ? "," : "") + R"({"name":"SETTING_)" + std::to_string(i) + R"(","value":"the value of setting number )" + std::to_string(i) + "\"}";
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name + R"(","labels":{"app":"load","mark":")" + mark +
         R"(","pod-template-hash":"5f6d8c7b9"},"annotations":{"prometheus.io/scrape":"true","prometheus.io/port":"8080"}},"spec":{"schedulerName":"nobody","serviceAccountName":"default","automountServiceAccountToken":false,)"
         R"("containers":[{"name":"main","image":"registry.example.com/team/service:v1.2.3","args":["--listen=:8080","--log-level=info"],"ports":[{"containerPort":8080,"name":"http"}],)"
         R"("env":[)" + env + R"(],"resources":{"requests":{"cpu":"100m","memory":"128Mi"},"limits":{"cpu":"1","memory":"256Mi"}},)"
         R"("readinessProbe":{"httpGet":{"path":"/ready","port":8080},"periodSeconds":5},"livenessProbe":{"httpGet":{"path":"/live","port":8080}},)"
         R"("volumeMounts":[{"name":"config","mountPath":"/etc/service"},{"name":"scratch","mountPath":"/tmp"}]}],)"
         R"("volumes":[{"name":"config","configMap":{"name":"service"}},{"name":"scratch","emptyDir":{}}],"tolerations":[{"key":"dedicated","operator":"Equal","value":"load","effect":"NoSchedule"}]}})";
}

std::string lease(const std::string& name, const std::string& mark, const std::string& revision = {}) {
  return R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":")" + name + R"(","resourceVersion":")" + revision + R"("},"spec":{"holderIdentity":")" + mark +
         R"(","leaseDurationSeconds":40,"renewTime":"2026-01-02T03:04:05.000000Z"}})";
}

std::string object(const std::string& kind, const std::string& name, const std::string& mark) {
  if (kind == "pod") return pod(name, mark);
  return kind == "lease" ? lease(name, mark) : configmap(name, mark);
}

/// A change of one value, for patch and (with managedFields of its own) apply.
std::string change(const std::string& kind, const std::string& name, const std::string& mark) {
  const std::string head = R"({"apiVersion":")" + api_version(kind) + R"(","kind":")" + (kind == "pod" ? "Pod" : kind == "lease" ? "Lease" : "ConfigMap") + R"(","metadata":{"name":")" + name + "\"";
  return head + R"(,"annotations":{"mark":")" + mark + "\"}}}";
}

struct Figures {
  std::vector<double> latency_us;
  std::uint64_t bytes = 0;
  double wall_s = 0, cpu = 0;
};

double quantile(std::vector<double>& sorted, double q) { return sorted.empty() ? 0 : sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(q * static_cast<double>(sorted.size())))]; }

class Load {
 public:
  explicit Load(const Options& options) : options_(options), pool_(Endpoint::from_kubeconfig(options.kubeconfig), options.connections) {}

  Figures run() {
    if (renews()) learn_revisions();
    usleep(static_cast<useconds_t>(options_.delay_s * 1e6));
    Figures figures;
    figures.latency_us.reserve(options_.count);
    pool_.answered = [&](Connection& connection) {
      if (connection.status != 200 && connection.status != 201) die(options_.op + ": " + std::to_string(connection.status) + " " + connection.body);
      if (renews()) revisions_[connection.index] = revision_of(connection.body);
      figures.latency_us.push_back(static_cast<double>(now_ns() - connection.sent_ns) / 1e3);
      figures.bytes += connection.body_bytes;
      if (figures.latency_us.size() == options_.count) return pool_.stop();
      next(connection);
    };
    const double cpu = cpu_us(options_.pid);
    const auto began = now_ns();
    for (std::size_t i = 0; i < pool_.size(); ++i) {
      pool_.at(i).keep_body = options_.op != "list" && options_.op != "raw";
      next(pool_.at(i));
    }
    while (figures.latency_us.size() < options_.count) {
      const auto before = figures.latency_us.size();
      pool_.run(30'000);
      if (figures.latency_us.size() == before) die("no answer within 30 s");
    }
    figures.wall_s = static_cast<double>(now_ns() - began) / 1e9;
    figures.cpu = cpu_us(options_.pid) - cpu;
    return figures;
  }

 private:
  /// A Lease must be updated at its revision: each connection renews one of its own, over and over.
  bool renews() const { return options_.op == "update" && options_.kind == "lease"; }
  static std::string revision_of(const std::string& body) {
    const auto at = body.find("\"resourceVersion\":\"") + 19;
    return body.substr(at, body.find('"', at) - at);
  }
  void learn_revisions() {
    revisions_.resize(pool_.size());
    pool_.answered = [&](Connection& connection) {
      revisions_[connection.index] = revision_of(connection.body);
      pool_.stop();
    };
    for (std::size_t i = 0; i < pool_.size(); ++i) {
      pool_.at(i).keep_body = true;
      pool_.at(i).request("GET", collection(options_.kind) + "/" + options_.prefix + std::to_string(i), "");
      pool_.run(10'000);
    }
  }

  void next(Connection& connection) {
    if (issued_ == options_.count) return;
    const auto number = renews() ? (++issued_, connection.index) : issued_++;
    if (options_.op == "raw") return connection.request("GET", options_.kind, "", "", options_.accept);
    const auto name = options_.prefix + std::to_string(number);
    const auto base = collection(options_.kind);
    const auto item = base + "/" + name;
    const std::string mark = "m" + std::to_string(now_ns());
    if (options_.op == "create") connection.request("POST", base, object(options_.kind, name, mark));
    else if (renews()) connection.request("PUT", item, lease(name, mark, revisions_[connection.index]));
    else if (options_.op == "update") connection.request("PUT", item, object(options_.kind, name, mark));
    else if (options_.op == "get") connection.request("GET", item, "", "", options_.accept);
    else if (options_.op == "delete") connection.request("DELETE", item + (options_.kind == "pod" ? "?gracePeriodSeconds=0" : ""), "");
    else if (options_.op == "patch") connection.request("PATCH", item, change(options_.kind, name, mark), "application/merge-patch+json");
    else if (options_.op == "apply") connection.request("PATCH", item + "?fieldManager=load&force=true", change(options_.kind, name, mark), "application/apply-patch+yaml");
    else if (options_.op == "list") connection.request("GET", base + options_.query, "", "", options_.accept);
    else die("unknown operation " + options_.op);
  }

  const Options& options_;
  Pool pool_;
  std::size_t issued_ = 0;
  std::vector<std::string> revisions_;
};

/// Watchers on the first connections; the others write, each to an object of its own.
class Fan {
 public:
  explicit Fan(const Options& options) : options_(options), pool_(Endpoint::from_kubeconfig(options.kubeconfig), options.watchers + options.writers) {}

  int run() {
    for (std::size_t i = options_.watchers; i < pool_.size(); ++i) pool_.at(i).keep_body = true;
    const auto revision = ask_revision(pool_.at(options_.watchers));
    pool_.arrived = [&](Connection& connection, std::string_view bytes) { count(connection, bytes); };
    for (std::size_t i = 0; i < options_.watchers; ++i)
      pool_.at(i).request("GET", collection(options_.kind) + "?watch=1&timeoutSeconds=600&resourceVersion=" + revision + options_.query, "", "", options_.accept);
    pool_.run(500);
    const double cpu = cpu_us(options_.pid);
    began_ = now_ns();
    write_all();
    const double writing = static_cast<double>(now_ns() - began_) / 1e9;
    for (int quiet = 0; delivered_ < options_.watchers * options_.count && quiet < 100; ++quiet) pool_.run(100);
    const double wall = static_cast<double>(last_ - began_) / 1e9, used = cpu_us(options_.pid) - cpu;
    std::sort(lag_us_.begin(), lag_us_.end());
    std::printf("{\"op\":\"watch\",\"kind\":\"%s\",\"watchers\":%zu,\"writers\":%zu,\"changes\":%zu,\"changes_per_s\":%.0f,\"delivered\":%zu,\"events_per_s\":%.0f,\"cpu_us\":%.3f,\"lag_p50_us\":%.0f,\"lag_p99_us\":%.0f}\n",
                options_.kind.c_str(), options_.watchers, options_.writers, options_.count, static_cast<double>(options_.count) / writing, delivered_, static_cast<double>(delivered_) / wall,
                used / static_cast<double>(std::max<std::size_t>(delivered_, 1)), quantile(lag_us_, 0.5), quantile(lag_us_, 0.99));
    return delivered_ == options_.watchers * options_.count ? 0 : 1;
  }

 private:
  std::string ask_revision(Connection& writer) {
    pool_.answered = [&](Connection&) { pool_.stop(); };
    writer.request("GET", collection(options_.kind) + "?limit=1", "");
    pool_.run(10'000);
    const auto at = writer.body.find("\"resourceVersion\":\"") + 19;
    return writer.body.substr(at, writer.body.find('"', at) - at);
  }

  void write_all() {
    std::size_t issued = 0, answered = 0;
    std::vector<Connection*> idle;
    for (std::size_t i = options_.watchers; i < pool_.size(); ++i) idle.push_back(&pool_.at(i));
    pool_.answered = [&](Connection& writer) {
      if (writer.index < options_.watchers) die("a watch ended: " + std::to_string(writer.status));
      if (writer.status != 200) die("update: " + std::to_string(writer.status) + " " + writer.body);
      ++answered;
      idle.push_back(&writer);
      pool_.stop();
    };
    while (answered < options_.count) {
      const auto due = options_.rate > 0 ? began_ + static_cast<std::int64_t>(static_cast<double>(issued) / options_.rate * 1e9) : 0;
      if (issued == options_.count || idle.empty()) {
        pool_.run(1000);
      } else if (now_ns() < due) {
        pool_.run(static_cast<int>((due - now_ns()) / 1'000'000));
      } else {
        ++issued;
        write(*idle.back());
        idle.pop_back();
      }
    }
  }

  void write(Connection& writer) {
    const auto name = options_.prefix + std::to_string(writer.index - options_.watchers);
    writer.request("PUT", collection(options_.kind) + "/" + name, object(options_.kind, name, "m" + std::to_string(now_ns())));
  }

  // One line is one event; every 64th watcher also measures the time since the write was sent.
  void count(Connection& connection, std::string_view bytes) {
    if (connection.index >= options_.watchers) return;
    const auto lines = static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
    if (lines == 0) return;
    last_ = now_ns();
    delivered_ += lines;
    if (connection.index % 64) return;
    const auto at = bytes.rfind("\"mark\":\"m");
    if (at != std::string_view::npos) lag_us_.push_back(static_cast<double>(last_ - std::strtoll(bytes.data() + at + 9, nullptr, 10)) / 1e3);
  }

  const Options& options_;
  Pool pool_;
  std::size_t delivered_ = 0;
  std::int64_t began_ = 0, last_ = 0;
  std::vector<double> lag_us_;
};

void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
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

int run(const Options& options) {
  raise_descriptor_limit();
  if (options.op == "ready") return ready(options);
  if (options.op == "watch") return Fan(options).run();
  auto figures = Load(options).run();
  std::sort(figures.latency_us.begin(), figures.latency_us.end());
  const auto count = static_cast<double>(options.count);
  std::printf("{\"op\":\"%s\",\"kind\":\"%s\",\"connections\":%zu,\"count\":%zu,\"cpu_us\":%.1f,\"per_s\":%.0f,\"p50_us\":%.0f,\"p99_us\":%.0f,\"bytes\":%llu,\"mb_per_s\":%.1f,\"mb_per_cpu_s\":%.1f}\n", options.op.c_str(),
              options.kind.c_str(), options.connections, options.count, figures.cpu / count, count / figures.wall_s, quantile(figures.latency_us, 0.5), quantile(figures.latency_us, 0.99),
              static_cast<unsigned long long>(figures.bytes), static_cast<double>(figures.bytes) / figures.wall_s / 1e6, figures.cpu > 0 ? static_cast<double>(figures.bytes) / figures.cpu : 0);
  return 0;
}

}  // namespace
}  // namespace keelson::bench

int main(int count, char** words) { return keelson::bench::run(keelson::bench::parse(count, words)); }

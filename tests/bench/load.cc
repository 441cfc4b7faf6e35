#include "tests/bench/load.hpp"

#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <deque>

namespace keelson::bench {
namespace {
constexpr int kAnswer_ms = 30'000;
}

CpuClock cpu_of_process(int pid) {
  return [pid]() -> double {
    if (pid == 0) return 0;
    clockid_t clock{};
    timespec used{};
    if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &used) != 0) die("no process " + std::to_string(pid));
    return static_cast<double>(used.tv_sec) * 1e6 + static_cast<double>(used.tv_nsec) / 1e3;
  };
}

double quantile(const std::vector<double>& sorted, double q) { return sorted.empty() ? 0 : sorted[std::min(sorted.size() - 1, static_cast<std::size_t>(q * static_cast<double>(sorted.size())))]; }

std::string collection(const std::string& kind, const std::string& ns) {
  if (kind == "configmap") return "/api/v1/namespaces/" + ns + "/configmaps";
  if (kind == "pod") return "/api/v1/namespaces/" + ns + "/pods";
  if (kind == "event") return "/api/v1/namespaces/" + ns + "/events";
  if (kind == "lease") return "/apis/coordination.k8s.io/v1/namespaces/" + ns + "/leases";
  if (kind == "nodelease") return "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases";
  die("unknown kind " + kind);
}

namespace {

bool is_lease(const std::string& kind) { return kind == "lease" || kind == "nodelease"; }

std::string api_version(const std::string& kind) { return is_lease(kind) ? "coordination.k8s.io/v1" : "v1"; }

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

std::string event(const std::string& ns, const std::string& name, const std::string& mark) {
  return R"({"apiVersion":"v1","kind":"Event","metadata":{"name":")" + name + R"("},"involvedObject":{"kind":"ConfigMap","apiVersion":"v1","name":"none","namespace":")" + ns + R"("},"reason":"Measured","message":")" + mark +
         R"(","type":"Normal","count":1,"source":{"component":"keelson-bench"},"firstTimestamp":"2026-01-02T03:04:05Z","lastTimestamp":"2026-01-02T03:04:05Z"})";
}

std::string object(const std::string& kind, const std::string& ns, const std::string& name, const std::string& mark) {
  if (kind == "pod") return pod(name, mark);
  if (kind == "event") return event(ns, name, mark);
  return is_lease(kind) ? lease(name, mark) : configmap(name, mark);
}

/// A change of one value, for patch and (with managedFields of its own) apply.
std::string change(const std::string& kind, const std::string& name, const std::string& mark) {
  const std::string head = R"({"apiVersion":")" + api_version(kind) + R"(","kind":")" + (kind == "pod" ? "Pod" : is_lease(kind) ? "Lease" : kind == "event" ? "Event" : "ConfigMap") + R"(","metadata":{"name":")" + name + "\"";
  return head + R"(,"annotations":{"mark":")" + mark + "\"}}}";
}

class Load {
 public:
  Load(const Options& options, const Endpoint& endpoint, const CpuClock& cpu) : options_(options), cpu_(cpu), pool_(endpoint, options.connections) {}

  Figures run() {
    if (renews()) learn_revisions();
    usleep(static_cast<useconds_t>(options_.delay_s * 1e6));
    Figures figures;
    figures.latency_us.reserve(options_.count);
    pool_.answered = [&](Connection& connection) {
      if (connection.status != 200 && connection.status != 201) die(options_.op + ": " + std::to_string(connection.status) + " " + connection.body);
      if (renews()) revisions_[connection.index] = revision_of(connection.body);
      if (options_.op == "pages") next_page_ = page_after(connection.body);
      figures.latency_us.push_back(static_cast<double>(now_ns() - connection.sent_ns) / 1e3);
      figures.bytes += connection.body_bytes;
      if (figures.latency_us.size() == options_.count) return pool_.stop();
      next(connection);
    };
    const double cpu = cpu_();
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
    figures.cpu_us = cpu_() - cpu;
    std::sort(figures.latency_us.begin(), figures.latency_us.end());
    return figures;
  }

 private:
  /// A Lease must be updated at its revision: each connection renews one of its own, over and over.
  bool renews() const { return options_.op == "update" && is_lease(options_.kind); }
  static std::string revision_of(const std::string& body) {
    const auto at = body.find("\"resourceVersion\":\"") + 19;
    return body.substr(at, body.find('"', at) - at);
  }
  /// JSON only; the first page again after the last.
  static std::string page_after(const std::string& body) {
    constexpr std::string_view kKey = "\"continue\":\"";
    const auto at = body.find(kKey);
    if (at == std::string::npos) return {};
    const auto token = body.substr(at + kKey.size(), body.find('"', at + kKey.size()) - at - kKey.size());
    std::string out = token.empty() ? "" : "&continue=";
    for (const char c : token) out += c == '+' ? "%2B" : c == '=' ? "%3D" : c == '/' ? "%2F" : std::string(1, c);
    return out;
  }
  void learn_revisions() {
    revisions_.resize(pool_.size());
    pool_.answered = [&](Connection& connection) {
      revisions_[connection.index] = revision_of(connection.body);
      pool_.stop();
    };
    for (std::size_t i = 0; i < pool_.size(); ++i) {
      pool_.at(i).keep_body = true;
      pool_.at(i).request("GET", collection(options_.kind, options_.ns) + "/" + options_.prefix + std::to_string(i), "");
      pool_.run(10'000);
    }
  }

  void next(Connection& connection) {
    if (issued_ == options_.count) return;
    const auto number = renews() ? (++issued_, connection.index) : issued_++;
    if (options_.op == "pages") return connection.request("GET", collection(options_.kind, options_.ns) + options_.query + next_page_, "", "", options_.accept);
    if (options_.op == "raw") return connection.request("GET", options_.kind, "", "", options_.accept);
    const auto name = options_.prefix + std::to_string(number);
    const auto base = collection(options_.kind, options_.ns);
    const auto item = base + "/" + name;
    const std::string mark = "m" + std::to_string(now_ns());
    if (options_.op == "create") connection.request("POST", base, object(options_.kind, options_.ns, name, mark));
    else if (renews()) connection.request("PUT", item, lease(name, mark, revisions_[connection.index]));
    else if (options_.op == "update") connection.request("PUT", item, object(options_.kind, options_.ns, name, mark));
    else if (options_.op == "get") connection.request("GET", item, "", "", options_.accept);
    else if (options_.op == "delete") connection.request("DELETE", item + (options_.kind == "pod" ? "?gracePeriodSeconds=0" : ""), "");
    else if (options_.op == "patch") connection.request("PATCH", item, change(options_.kind, name, mark), "application/merge-patch+json");
    else if (options_.op == "apply") connection.request("PATCH", item + "?fieldManager=load&force=true", change(options_.kind, name, mark), "application/apply-patch+yaml");
    else if (options_.op == "list") connection.request("GET", base + options_.query, "", "", options_.accept);
    else die("unknown operation " + options_.op);
  }

  const Options& options_;
  const CpuClock& cpu_;
  Pool pool_;
  std::size_t issued_ = 0;
  std::vector<std::string> revisions_;
  std::string next_page_;
};

/// Due is due: a request whose turn comes while all connections are busy waits, and its waiting counts.
class Probe {
 public:
  Probe(const Options& options, const Endpoint& endpoint) : options_(options), pool_(endpoint, options.connections), turns_(options.connections) {
    if (options.rate <= 0) die("a probe needs --rate");
  }

  ProbeFigures run() {
    make();
    std::printf("ready\n");
    std::fflush(stdout);
    ProbeFigures figures;
    for (std::size_t i = 0; i < pool_.size(); ++i) idle_.push_back(&pool_.at(i));
    pool_.answered = [&](Connection& connection) {
      if (connection.status != 200) die("probe: " + std::to_string(connection.status) + " " + connection.body);
      const auto& turn = turns_[connection.index];
      (turn.writes ? figures.write_us : figures.read_us).push_back(static_cast<double>(now_ns() - turn.due) / 1e3);
      idle_.push_back(&connection);
      pool_.stop();
    };
    const auto began = now_ns();
    for (std::size_t issued = 0; !over();) {
      const auto due = began + static_cast<std::int64_t>(static_cast<double>(issued) / options_.rate * 1e9);
      if (idle_.empty()) pool_.run(kProbeWait_ms);
      else if (now_ns() < due) pool_.run(static_cast<int>((due - now_ns() + kNanosPerMs - 1) / kNanosPerMs));
      else ask(issued++, due);
    }
    figures.wall_s = static_cast<double>(now_ns() - began) / 1e9;
    std::sort(figures.read_us.begin(), figures.read_us.end());
    std::sort(figures.write_us.begin(), figures.write_us.end());
    return figures;
  }

 private:
  struct Turn {
    std::int64_t due = 0;
    bool writes = false;
  };
  static constexpr std::size_t kWriteEvery = 10;
  static constexpr int kProbeWait_ms = 100;
  static constexpr std::int64_t kNanosPerMs = 1'000'000;

  std::string path(std::size_t index) const { return collection(options_.kind, options_.ns) + "/" + options_.prefix + std::to_string(index); }

  void make() {
    pool_.answered = [&](Connection& connection) {
      if (connection.status != 201 && connection.status != 409) die("probe: " + std::to_string(connection.status) + " " + connection.body);
      pool_.stop();
    };
    for (std::size_t i = 0; i < pool_.size(); ++i) {
      pool_.at(i).keep_body = true;
      pool_.at(i).request("POST", collection(options_.kind, options_.ns), object(options_.kind, options_.ns, options_.prefix + std::to_string(i), "m0"));
      pool_.run(kAnswer_ms);
    }
  }

  void ask(std::size_t number, std::int64_t due) {
    Connection& connection = *idle_.front();   // the one that was silent longest: servers end those that say nothing
    idle_.pop_front();
    turns_[connection.index] = {due, number % kWriteEvery == 0};
    if (turns_[connection.index].writes) return connection.request("PATCH", path(connection.index), change(options_.kind, options_.prefix + std::to_string(connection.index), "m" + std::to_string(number)), "application/merge-patch+json");
    connection.request("GET", path(connection.index), "");
  }

  /// Whoever started this closes the pipe, or ends.
  bool over() {
    if (now_ns() < look_again_) return over_;
    look_again_ = now_ns() + kProbeWait_ms * kNanosPerMs;
    pollfd input{STDIN_FILENO, POLLIN, 0};
    char ignored = 0;
    return over_ = ::poll(&input, 1, 0) > 0 && ::read(STDIN_FILENO, &ignored, 1) <= 0;
  }

  const Options& options_;
  Pool pool_;
  std::vector<Turn> turns_;
  std::deque<Connection*> idle_;
  std::int64_t look_again_ = 0;
  bool over_ = false;
};

/// How many events end in what a watcher is sent piece by piece: JSON has each on a line, protobuf in a frame behind its length.
class Framing {
 public:
  explicit Framing(bool protobuf) : protobuf_(protobuf) {}
  std::size_t ended_in(std::string_view bytes) {
    if (!protobuf_) return static_cast<std::size_t>(std::count(bytes.begin(), bytes.end(), '\n'));
    std::size_t ended = 0;
    while (!bytes.empty()) {
      if (head_bytes_ < kLengthBytes) {
        left_ = left_ << 8 | static_cast<unsigned char>(bytes.front());
        ++head_bytes_;
        bytes.remove_prefix(1);
      } else {
        const auto some = std::min<std::size_t>(left_, bytes.size());
        left_ -= static_cast<std::uint32_t>(some);
        bytes.remove_prefix(some);
      }
      if (head_bytes_ == kLengthBytes && left_ == 0) head_bytes_ = 0, ++ended;
    }
    return ended;
  }

 private:
  static constexpr int kLengthBytes = 4;
  bool protobuf_;
  int head_bytes_ = 0;
  std::uint32_t left_ = 0;   ///< of the length's or the frame's bytes
};

/// Watchers on the first connections; the others write, each to an object of its own.
class Fan {
 public:
  Fan(const Options& options, const Endpoint& endpoint, const CpuClock& cpu)
      : options_(options), cpu_(cpu), protobuf_(options.accept.find("protobuf") != std::string::npos), framing_(options.watchers, Framing(protobuf_)), pool_(endpoint, options.watchers + options.writers, true) {}

  FanFigures run() {
    for (std::size_t i = options_.watchers; i < pool_.size(); ++i) pool_.at(i).keep_body = true;
    const auto revision = ask_revision(pool_.at(options_.watchers));
    pool_.arrived = [&](Connection& connection, std::string_view bytes) { count(connection, bytes); };
    for (std::size_t i = 0; i < options_.watchers; ++i)
      pool_.at(i).request("GET", collection(options_.kind, options_.ns) + "?watch=1&timeoutSeconds=600&resourceVersion=" + revision + options_.query, "", "", options_.accept);
    pool_.run(500);
    write_all(options_.writers);   // the first on a connection finds both sides without their buffers
    await(options_.writers);
    delivered_ = 0;
    lag_us_.clear();
    const double cpu = cpu_();
    write_all(options_.count);
    FanFigures figures;
    figures.writing_s = static_cast<double>(now_ns() - began_) / 1e9;
    await(options_.count);
    figures.wall_s = static_cast<double>(last_ - began_) / 1e9;
    figures.cpu_us = cpu_() - cpu;
    figures.delivered = delivered_;
    std::sort(lag_us_.begin(), lag_us_.end());
    figures.lag_us = std::move(lag_us_);
    return figures;
  }

 private:
  std::string ask_revision(Connection& writer) {
    pool_.answered = [&](Connection&) { pool_.stop(); };
    writer.request("GET", collection(options_.kind, options_.ns) + "?limit=1", "");
    pool_.run(10'000);
    const auto at = writer.body.find("\"resourceVersion\":\"") + 19;
    return writer.body.substr(at, writer.body.find('"', at) - at);
  }

  void await(std::size_t changes) {
    for (int quiet = 0; delivered_ < options_.watchers * changes && quiet < 100; ++quiet) pool_.run(100);
  }

  void write_all(std::size_t changes) {
    began_ = now_ns();
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
    while (answered < changes) {
      const auto due = options_.rate > 0 ? began_ + static_cast<std::int64_t>(static_cast<double>(issued) / options_.rate * 1e9) : 0;
      if (issued == changes || idle.empty()) {
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
    writer.request("PUT", collection(options_.kind, options_.ns) + "/" + name, object(options_.kind, options_.ns, name, "m" + std::to_string(now_ns())));
  }

  // Every 64th watcher also measures the time since the write was sent.
  void count(Connection& connection, std::string_view bytes) {
    if (connection.index >= options_.watchers) return;
    const auto events = framing_[connection.index].ended_in(bytes);
    if (events == 0) return;
    last_ = now_ns();
    delivered_ += events;
    if (connection.index % 64) return;
    const auto sent_ns = mark_in(bytes);
    if (sent_ns != 0) lag_us_.push_back(static_cast<double>(last_ - sent_ns) / 1e3);
  }

  /// When the last event's write was sent; 0: that is not in this piece.
  std::int64_t mark_in(std::string_view bytes) const {
    const std::string_view name = protobuf_ ? "\x04mark\x12" : "\"mark\":\"m";
    const std::size_t length_and_m = protobuf_ ? 2 : 0;
    const auto at = bytes.rfind(name);
    if (at == std::string_view::npos) return 0;
    std::int64_t sent_ns = 0;
    const auto digits = bytes.substr(std::min(bytes.size(), at + name.size() + length_and_m));
    std::from_chars(digits.data(), digits.data() + digits.size(), sent_ns);
    return sent_ns;
  }

  const Options& options_;
  const CpuClock& cpu_;
  const bool protobuf_;
  std::vector<Framing> framing_;   // of each watcher
  Pool pool_;
  std::size_t delivered_ = 0;
  std::int64_t began_ = 0, last_ = 0;
  std::vector<double> lag_us_;
};

}  // namespace

Figures run_load(const Options& options, const Endpoint& endpoint, const CpuClock& cpu) { return Load(options, endpoint, cpu).run(); }
ProbeFigures run_probe(const Options& options, const Endpoint& endpoint) { return Probe(options, endpoint).run(); }
FanFigures run_fan(const Options& options, const Endpoint& endpoint, const CpuClock& cpu) { return Fan(options, endpoint, cpu).run(); }

int ask_once(const Endpoint& endpoint, std::string_view method, const std::string& path, const std::string& content, std::string& body) {
  Pool pool(endpoint, 1);
  auto& connection = pool.at(0);
  connection.keep_body = true;
  bool answered = false;
  pool.answered = [&](Connection&) {
    answered = true;
    pool.stop();
  };
  connection.request(method, path, content);
  pool.run(kAnswer_ms);
  if (!answered) die(std::string(method) + " " + path + ": no answer");
  body = connection.body;
  return connection.status;
}

void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace keelson::bench

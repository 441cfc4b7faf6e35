// bench_plugins: what plugins cost, in a server without network, and without a disk but where the figure says so.
//
//   bench_plugins FIGURE PLUGINS_DIR KEELSON      one JSON object on standard output
//   FIGURE: empty, child, child-pipelined, child-disk, child-pipelined-disk, core (the same write without a child), store, store-disk (the
//     store alone, one commit at a time), controllers, load, swap, misdeeds. `swap` ends with 1 when a change was lost or a key ran twice at once,
//     `misdeeds` when a reconcile that sleeps, loops or aborts among many in a child held up another or was not named.

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <map>
#include <stdexcept>

#include "core/auth/auth.hpp"
#include "core/base/memory.hpp"
#include "core/kinds/catalog.hpp"
#include "core/plugins/calls.hpp"
#include "core/plugins/host.hpp"
#include "core/store/patient.hpp"
#include "core/store/store.hpp"
#include "core/verbs/own_context.hpp"
#include "core/watch/hub.hpp"
#include "tests/plugins/bench/board.hpp"
#include "tests/bench/usage.hpp"

namespace {

using keelson::usage::cpu_us;

namespace fs = std::filesystem;
using namespace keelson;
using Config = std::map<std::string, std::string>;

constexpr std::int64_t kGiveUp_ms = 120'000;
constexpr std::int64_t kObserveLate_ms = 10;   // as the server has it

struct Scratch {
  Scratch() {
    auto pattern = (fs::temp_directory_path() / "keelson-bench-XXXXXX").string();
    if (::mkdtemp(pattern.data()) == nullptr) throw std::runtime_error("no scratch directory");
    path = pattern;
  }
  ~Scratch() { fs::remove_all(path); }
  fs::path path;
};

std::unique_ptr<store::Store> make_store(base::Runtime& runtime, base::Metrics& metrics, const fs::path& directory) {
  if (directory.empty()) return store::make_memory_store(runtime, metrics);
  store::StoreOptions options;
  options.directory = directory.string();
  auto made = store::open_rocksdb_store(options, runtime, metrics, [](const store::Key&, std::string_view) { return base::Outcome<store::Columns>(base::internal("nothing is read back")); });
  if (!made) throw std::runtime_error(made.error().message);
  return std::move(*made);
}

class Server {
 public:
  Server(Config config, const std::string& child_program, bool on_disk = false)
      : store_(make_store(*runtime_, *metrics_, on_disk ? scratch_.path / "db" : fs::path())), hub_(watch::make_hub(*store_, *runtime_, *metrics_)), verbs_(verbs::make_verbs({*store_, *hub_, *registry_, *chains_, nullptr, *runtime_, *metrics_})) {
    plugins::HostOptions options;
    options.data_dir = scratch_.path.string();
    options.config = std::move(config);
    options.child_program = child_program;
    if (!child_program.empty()) options.ours = {"none"};   // so that all are strangers, who get a process of their own
    options.check_permissions = false;
    options.watch_directories = false;
    options.observe_late_ms = kObserveLate_ms;
    host_ = plugins::make_plugin_host({*store_, *verbs_, *registry_, *chains_, *runtime_, *metrics_, {}}, std::move(options));
    host_->start();
    write("Namespace", "", R"({"apiVersion":"v1","kind":"Namespace","metadata":{"name":"default"}})");
  }
  ~Server() {
    host_->stop(runtime_->in_ms(10'000));
    host_.reset();
    verbs_.reset();
    hub_->stop();
    hub_.reset();
    store_->stop();
  }

  void write(const char* kind, const std::string& ns, const std::string& body) {
    const auto written = plugins::await<base::Outcome<verbs::Written>>(*runtime_, [&](auto done) {
      verbs_->create(context_, {registry_->current()->by_kind("", "v1", kind), ns, "", ""}, {kinds::Media::json, body}, {}, std::move(done));
    });
    if (!written) throw std::runtime_error(written.error().message);
  }
  void map(const std::string& name, const std::string& data) { write("ConfigMap", "default", R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":")" + name + R"("},"data":)" + data + "}"); }
  /// Without waiting for it.
  void patch_map(const std::string& name, const std::string& data) {
    verbs_->patch(context_, {registry_->current()->by_kind("", "v1", "ConfigMap"), "default", name, ""}, kinds::PatchType::merge, {kinds::Media::json, R"({"data":)" + data + "}"}, {},
                  [](const base::Outcome<verbs::Written>&) {});
  }
  plugins::PluginInfo info() const {
    for (auto& one : host_->plugins())
      if (one.name == "bench" || one.file.find("bench") != std::string::npos) return one;
    return {};
  }
  template <class Holds>
  void wait(const char* what, Holds holds, std::int64_t look_every_ns = 200'000) {
    const auto end = runtime_->in_ms(kGiveUp_ms);
    const auto pause = runtime_->waiter();
    while (!holds()) {
      if (runtime_->monotonic_ns() > end) throw std::runtime_error(std::string("not in time: ") + what + "; " + info().state + " " + info().message);
      pause->wait_until(runtime_->monotonic_ns() + look_every_ns);
    }
  }
  void load(const std::string& file) {
    host_->load(file);
    wait("it runs", [&] { return info().state == "Running"; });
  }
  double now_us() const { return static_cast<double>(runtime_->monotonic_ns()) / 1e3; }
  double metric(const std::string& name) const {
    const auto text = metrics_->prometheus_text();
    const auto at = text.find("\n" + name + "{"), end = text.find("} ", at);
    return at == std::string::npos ? 0 : std::stod(text.substr(end + 2));
  }
  plugins::PluginHost& host() { return *host_; }
  base::Runtime& runtime() { return *runtime_; }

 private:
  Scratch scratch_;
  const std::unique_ptr<base::Runtime> runtime_ = base::real_runtime();
  const std::unique_ptr<base::Metrics> metrics_ = base::make_metrics();
  const std::unique_ptr<kinds::Registry> registry_ = kinds::make_registry();
  const std::unique_ptr<auth::Chains> chains_ = auth::make_chains();
  const std::unique_ptr<store::Store> store_;
  std::unique_ptr<watch::Hub> hub_;
  std::unique_ptr<verbs::Verbs> verbs_;
  std::unique_ptr<plugins::PluginHost> host_;
  const verbs::Context context_ = verbs::own_context("bench");
};

struct Files { std::string first, second, program; };

double median(std::vector<double> all) {
  std::nth_element(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(all.size() / 2), all.end());
  return all[all.size() / 2];
}

int empty(const Files& files) {
  constexpr long kRounds = 300'000;
  Server server({{"mode", "chain"}, {"rounds", std::to_string(kRounds)}}, "");
  const auto begun = server.now_us(), used = cpu_us();
  server.load(files.first);
  server.wait("all rounds", [&] { return server.info().reconciles >= kRounds; }, 2 * base::kNanosPerMs);
  const auto took = (server.now_us() - begun) / kRounds;
  std::printf("{\"us\": %.3f, \"cpu_us\": %.3f, \"call_us\": %.3f}\n", took, (cpu_us() - used) / kRounds, server.metric("workqueue_work_duration_seconds_sum") * 1e6 / kRounds);
  return 0;
}

struct Writing {
  int maps = 1, workers = 1;
  long rounds = 0;
  bool in_child = true, on_disk = false;
};

int writes(const Files& files, const Writing& how) {
  const auto all = static_cast<double>(how.maps * how.rounds);
  double us = 0, core_us = 0;
  bool as_wanted = false;
  {
    Server server({{"mode", "write"}, {"rounds", std::to_string(how.rounds)}, {"workers", std::to_string(how.workers)}}, how.in_child ? files.program : "", how.on_disk);
    server.load(files.first);
    const auto begun = server.now_us(), used = cpu_us();
    for (int i = 0; i < how.maps; ++i) server.map("m" + std::to_string(i), R"({"n":"0"})");
    server.wait("all counted", [&] { return static_cast<double>(server.info().reconciles) >= all; }, 2 * base::kNanosPerMs);
    us = (server.now_us() - begun) / all;
    core_us = (cpu_us() - used) / all;
    as_wanted = server.info().host == (how.in_child ? "Process" : "Core");
  }
  std::printf("{\"us\": %.2f, \"core_cpu_us\": %.2f, \"child_cpu_us\": %.2f}\n", us, core_us, cpu_us(RUSAGE_CHILDREN) / all);
  return as_wanted ? 0 : 1;
}

/// One commit of one object after the other, by a thread that waits for each.
int store_alone(bool on_disk) {
  const int count = on_disk ? 2'000 : 20'000;
  constexpr std::size_t kBodyBytes = 500;   // about what a counted ConfigMap has
  Scratch scratch;
  const auto runtime = base::real_runtime();
  const auto metrics = base::make_metrics();
  const auto alone = make_store(*runtime, *metrics, on_disk ? scratch.path : fs::path());
  const std::string head = R"({"metadata":{"resourceVersion":")";
  const store::Key key{base::Atom("configmaps"), "default", "m"};
  const auto begun = runtime->monotonic_ns();
  for (int i = 0; i < count; ++i) {
    store::Columns columns;
    columns.key = key;
    store::Commit commit;
    commit.writes.push_back({i == 0 ? store::Operation::create : store::Operation::update, key,
                             store::Draft(std::move(columns), head + std::string(store::kRevisionSlotBytes, ' ') + R"("},"data":")" + std::string(kBodyBytes, 'x') + "\"}", head.size())});
    const auto outcome = plugins::await<store::CommitOutcome>(*runtime, [&](auto done) {
      const store::Patient patient;
      alone->commit(std::move(commit), std::move(done));
    });
    if (!outcome.committed) throw std::runtime_error("a commit failed");
  }
  std::printf("{\"us\": %.2f}\n", static_cast<double>(runtime->monotonic_ns() - begun) / 1e3 / count);
  alone->stop();
  return 0;
}

double used_bytes(const Files& files, int controllers) {
  constexpr int kObjects = 50'000;
  Server server({{"mode", "watch"}, {"controllers", std::to_string(controllers)}}, "");
  for (int i = 0; i < kObjects; ++i) server.map("m" + std::to_string(i), R"({"n":"0"})");
  server.load(files.first);
  server.wait("all looked at", [&] { return server.info().reconciles >= static_cast<std::int64_t>(controllers) * kObjects && server.info().queue_length == 0; });
  return static_cast<double>(base::allocated_bytes());
}

int controllers(const Files& files) {
  const auto one = used_bytes(files, 1), many = used_bytes(files, 31);
  std::printf("{\"bytes_a_controller\": %.0f}\n", (many - one) / 30);
  return 0;
}

int load(const Files& files) {
  constexpr int kTimes = 30;
  Server server({}, "");
  std::vector<double> took, used;
  const auto name = fs::path(files.first).stem().string();
  for (int i = 0; i < kTimes; ++i) {
    const auto begun = server.now_us(), before = cpu_us();
    server.load(files.first);
    took.push_back((server.now_us() - begun) / 1000);
    used.push_back((cpu_us() - before) / 1000);
    server.host().unload(name);
    server.wait("it is gone", [&] { return server.info().name.empty(); });
  }
  std::printf("{\"ms\": %.2f, \"first_ms\": %.2f, \"cpu_ms\": %.2f}\n", median({took.begin() + 1, took.end()}), took.front(), median({used.begin() + 1, used.end()}));
  return 0;
}

/// Changes at a steady rate to a thousand objects while the plugin is replaced again and again.
int swap(const Files& files) {
  constexpr int kSwaps = 5, kPerTick = 10;   // 10 changes each millisecond, or as many as the machine can
  constexpr std::int64_t kSwapEvery_ms = 800;
  bench::Board board;
  Server server({{"mode", "follow"}, {"board", std::to_string(reinterpret_cast<std::uintptr_t>(&board))}}, "");
  Scratch scratch;
  const auto file = scratch.path / "bench.so";
  const auto put = [&](const std::string& from) {
    fs::copy_file(from, scratch.path / "new", fs::copy_options::overwrite_existing);
    fs::rename(scratch.path / "new", file);
    server.host().load(file.string());
  };
  std::vector<long> last(bench::kSquares);
  const auto data = [](std::size_t i, long n) { return R"({"i":")" + std::to_string(i) + R"(","n":")" + std::to_string(n) + R"("})"; };
  for (std::size_t i = 0; i < last.size(); ++i) server.map("m" + std::to_string(i), data(i, 0));
  put(files.first);
  server.wait("it runs", [&] { return server.info().state == "Running"; });
  const auto begun = server.runtime().monotonic_ns();
  const auto pause = server.runtime().waiter();
  int swaps = 0, n = 0;
  while (swaps < kSwaps) {
    const auto i = static_cast<std::size_t>(++n) * 7919 % last.size();
    server.patch_map("m" + std::to_string(i), data(i, last[i] = n));
    if (n % kPerTick != 0) continue;
    pause->wait_until(begun + n / kPerTick * base::kNanosPerMs);
    if (server.runtime().monotonic_ns() - begun < (swaps + 1) * kSwapEvery_ms * base::kNanosPerMs) continue;
    put(++swaps % 2 == 1 ? files.second : files.first);
  }
  const auto took = static_cast<double>(server.runtime().monotonic_ns() - begun) / 1e9;
  const auto lost = [&] {
    long count = 0;
    for (std::size_t i = 0; i < last.size(); ++i) count += board.squares[i].seen != last[i];
    return count;
  };
  const auto end = server.runtime().in_ms(20'000);
  while (lost() != 0 && server.runtime().monotonic_ns() < end) pause->wait_until(server.runtime().in_ms(10));
  server.wait("all swaps", [&] { return server.info().restarts >= 1 && server.host().settled(); });
  std::printf("{\"lost\": %ld, \"twice_at_once\": %ld, \"swaps\": %d, \"restarts\": %ld, \"changes_per_s\": %.0f, \"reconciles\": %ld}\n", lost(), board.twice_at_once.load(), swaps,
              static_cast<long>(server.info().restarts), n / took, board.reconciles.load());
  return lost() == 0 && board.twice_at_once == 0 ? 0 : 1;
}

/// One of many reconciles in a child does what it should not, while the others are asked for in batches.
int misdeeds(const Files& files) {
  constexpr int kMaps = 64;
  constexpr long kRounds = 400;
  constexpr std::int64_t kLong_ms = 60'000, kShort_ms = 2'000;
  struct Case { const char *deed, *said; };
  for (const auto& [deed, said] : {Case{"sleep", ""}, Case{"loop", "from reconcile configmap default/m0 by its deadline"}, Case{"abort", "(SIGABRT) during reconcile configmap default/"}}) {
    const bool named = *said != 0;
    const auto deadline_ms = named ? kShort_ms : kLong_ms;
    Server server({{"mode", "write"}, {"rounds", std::to_string(kRounds)}, {"workers", "16"}, {"deed", deed}, {"deadline_ms", std::to_string(deadline_ms)}}, files.program);
    const auto begun = server.now_us();
    server.load(files.first);
    for (int i = 0; i < kMaps; ++i) server.map("m" + std::to_string(i), R"({"n":"0"})");
    if (named) server.wait(said, [&] { return server.info().message.find(said) != std::string::npos; });
    else server.wait("all others counted", [&] { return server.info().reconciles >= (kMaps - 1) * kRounds + kRounds / 2; });
    const auto took_ms = (server.now_us() - begun) / 1000;
    std::printf("{\"deed\": \"%s\", \"ms\": %.0f, \"message\": \"%s\"}\n", deed, took_ms, server.info().message.c_str());
    if (took_ms >= kLong_ms) return 1;
  }
  return 0;
}

int run(const std::string& figure, const Files& files) {
  constexpr long kOneAtATime = 20'000, kSynced = 2'000, kEachOfMany = 1'000, kSyncedEach = 100;
  constexpr int kMany = 64, kWorkers = 16;
  if (figure == "empty") return empty(files);
  if (figure == "child") return writes(files, {.rounds = kOneAtATime});
  if (figure == "child-disk") return writes(files, {.rounds = kSynced, .on_disk = true});
  if (figure == "child-pipelined") return writes(files, {.maps = kMany, .workers = kWorkers, .rounds = kEachOfMany});
  if (figure == "child-pipelined-disk") return writes(files, {.maps = kMany, .workers = kWorkers, .rounds = kSyncedEach, .on_disk = true});
  if (figure == "core") return writes(files, {.rounds = kOneAtATime, .in_child = false});
  if (figure == "store") return store_alone(false);
  if (figure == "store-disk") return store_alone(true);
  if (figure == "controllers") return controllers(files);
  if (figure == "load") return load(files);
  if (figure == "swap") return swap(files);
  if (figure == "misdeeds") return misdeeds(files);
  throw std::runtime_error("no figure " + figure);
}

}  // namespace

int main(int argc, char** argv) try {
  if (argc != 4) throw std::runtime_error("usage: bench_plugins FIGURE PLUGINS_DIR KEELSON");
  base::use_huge_pages();   // as the server does
  const std::string directory = argv[2];
  return run(argv[1], {directory + "/bench1.so", directory + "/bench2.so", argv[3]});
} catch (const std::exception& failed) {
  std::cerr << failed.what() << "\n";
  return 1;
}

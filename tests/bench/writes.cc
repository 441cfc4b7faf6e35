// bench_writes: what a write costs below HTTP and above the disk: authorization, admission, kinds, managedFields, printing, the commit.
//
//   bench_writes [--only NAME] [--ops N] [--turns N]
//
// One thread writes and, since it waits for what it wrote, commits too, in a memory store; nobody watches. CPU of that thread, the least of
// several turns. For callgrind: --only NAME --turns 1, with --toggle-collect='measured*'.

#include <algorithm>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <stdexcept>

#include "core/admission/admission.hpp"
#include "core/plugins/calls.hpp"
#include "core/plugins/events.hpp"
#include "core/store/patient.hpp"
#include "core/verbs/own_context.hpp"
#include "tests/bench/usage.hpp"

namespace {

using keelson::usage::thread_us;

using namespace keelson;
using Op = verbs::Verbs::Step::Op;

std::string pod(const std::string& name) {
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name + R"(","namespace":"default","labels":{"app":"generated"}},"spec":{"automountServiceAccountToken":false,)"
         R"("containers":[{"name":"main","image":"registry.example.com/service:v1","resources":{"requests":{"cpu":"100m","memory":"128Mi"}}}]}})";
}

/// As a ReplicaSet makes them: owned, with their account's token.
std::string owned_pod(const std::string& name) {
  return R"({"apiVersion":"v1","kind":"Pod","metadata":{"name":")" + name + R"(","generateName":"hello-5f6d8c7b9-","namespace":"default","labels":{"app":"hello","pod-template-hash":"5f6d8c7b9"},)"
         R"("ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"hello-5f6d8c7b9","uid":"6f5d2a10-94a4-4c3b-9a51-0242ac120002","controller":true,"blockOwnerDeletion":true}]},"spec":{)"
         R"("containers":[{"name":"main","image":"registry.example.com/service:v1","resources":{"requests":{"cpu":"100m","memory":"128Mi"}}}]}})";
}

std::string condition(const char* type) { return std::string(R"({"type":")") + type + R"(","status":"True","lastTransitionTime":"2026-01-01T00:00:00Z"})"; }

std::string running() {
  return R"({"status":{"phase":"Running","startTime":"2026-01-01T00:00:00Z","hostIP":"127.0.0.1","podIP":"198.18.1.2","podIPs":[{"ip":"198.18.1.2"}],"qosClass":"Burstable","conditions":[)" + condition("PodScheduled") + "," +
         condition("PodReadyToStartContainers") + "," + condition("Initialized") + "," + condition("Ready") + "," + condition("ContainersReady") +
         R"(],"containerStatuses":[{"name":"main","image":"registry.example.com/service:v1","imageID":"","restartCount":0,"ready":true,"started":true,"containerID":"hollow://0/main","state":{"running":{"startedAt":"2026-01-01T00:00:00Z"}},)"
         R"("resources":{"requests":{"cpu":"100m","memory":"128Mi"}},"allocatedResources":{"cpu":"100m","memory":"128Mi"}}]}})";
}

std::string lease(const std::string& name, const std::string& ns, const std::string& time, const std::string& revision = "") {
  const std::string demanded = revision.empty() ? "" : R"(,"resourceVersion":")" + revision + "\"";
  return R"({"apiVersion":"coordination.k8s.io/v1","kind":"Lease","metadata":{"name":")" + name + R"(","namespace":")" + ns + "\"" + demanded + R"(},"spec":{"holderIdentity":")" + name +
         R"(","leaseDurationSeconds":40,"renewTime":")" + time + "\"}}";
}

class Server {
 public:
  Server() {
    auth::add_default_admission(*chains_);
    admission_ = admission::make_admission({*chains_, *registry_, *store_, *runtime_, *metrics_, nullptr});
    for (const std::string ns : {"default", "kube-node-lease"}) write(Op::create, target("", "Namespace", "", ""), R"({"metadata":{"name":")" + ns + R"("}})");
    write(Op::create, target("", "ServiceAccount", "default", ""), R"({"metadata":{"name":"default"}})");
    admission_->start(*verbs_);
    recorder_ = std::make_unique<plugins::EventRecorder>(*verbs_, *registry_, *runtime_, *metrics_);
  }
  ~Server() {
    admission_->stop();
    recorder_->stop();
    verbs_.reset();
    hub_->stop();
    store_->stop();
  }

  verbs::Target target(std::string_view group, const char* kind, const std::string& ns, const std::string& name, const std::string& subresource = "") const {
    return {registry_->current()->by_kind(group, "v1", kind), ns, name, subresource};
  }
  store::ObjectRef write(Op op, verbs::Target target, std::string body, kinds::PatchType patch = kinds::PatchType::merge) {
    auto answer = plugins::await<base::Outcome<verbs::Written>>(*runtime_, [&](auto done) {
      const store::Patient patient;
      if (op == Op::create) verbs_->create(context_, std::move(target), {kinds::Media::json, std::move(body)}, {}, std::move(done));
      else if (op == Op::update) verbs_->update(context_, std::move(target), {kinds::Media::json, std::move(body)}, {}, std::move(done));
      else if (op == Op::patch) verbs_->patch(context_, std::move(target), patch, {kinds::Media::json, std::move(body)}, {}, std::move(done));
      else verbs_->remove(context_, std::move(target), {.grace_period_s = 0}, std::move(done));
    });
    if (!answer) throw std::runtime_error(answer.error().message);
    return answer->object;
  }
  void write_each(Op op, verbs::Target alike, std::vector<verbs::Verbs::Each> writes) {
    std::size_t answered = 0, all = writes.size();
    const store::Patient patient;
    verbs_->write_each(context_, {.op = op == Op::create ? verbs::Verbs::Step::Op::create : verbs::Verbs::Step::Op::patch, .target = std::move(alike)}, std::move(writes), [&](std::size_t, base::Outcome<verbs::Written> written) {
      if (!written) throw std::runtime_error(written.error().message);
      ++answered;
    });
    if (answered != all) throw std::runtime_error("not all were answered");
  }
  void record(plugins::EventNote note) {
    const store::Patient patient;
    recorder_->record(std::move(note));
  }
  std::string now() {
    ++ticks_;
    char text[32];
    std::snprintf(text, sizeof text, "2026-01-01T00:00:00.%06dZ", ticks_ % 1'000'000);
    return text;
  }

 private:
  const std::unique_ptr<base::Runtime> runtime_ = base::real_runtime();
  const std::unique_ptr<base::Metrics> metrics_ = base::make_metrics();
  const std::unique_ptr<kinds::Registry> registry_ = kinds::make_registry();
  const std::unique_ptr<auth::Chains> chains_ = auth::make_chains();
  const std::unique_ptr<store::Store> store_ = store::make_memory_store(*runtime_, *metrics_);
  const std::unique_ptr<watch::Hub> hub_ = watch::make_hub(*store_, *runtime_, *metrics_);
  std::unique_ptr<verbs::Verbs> verbs_ = verbs::make_verbs({*store_, *hub_, *registry_, *chains_, nullptr, *runtime_, *metrics_});
  std::unique_ptr<admission::Admission> admission_;
  std::unique_ptr<plugins::EventRecorder> recorder_;
  const verbs::Context context_ = verbs::own_context("bench", "system:node:bench", "bench");
  int ticks_ = 0;
};

struct Options {
  std::string only;
  int ops = 5'000, turns = 5;
};

/// What callgrind counts.
[[gnu::noinline]] void measured(const std::function<void(int)>& work, int from, int count) {
  for (int i = from; i < from + count; ++i) work(i);
}

class Bench {
 public:
  explicit Bench(Options options) : options_(std::move(options)) {}
  void run() {
    leases();
    config_maps();
    events();
    told_events();
    pods();
  }

 private:
  /// `work` gets a number of its own each time; `prepare` the same numbers before.
  void measure(const std::string& name, const std::function<void(int)>& work, const std::function<void(int)>& prepare = {}) {
    if (!options_.only.empty() && options_.only != name) return;
    double least = 1e18;
    for (int turn = 0; turn < options_.turns; ++turn) {
      const int from = next_;
      next_ += options_.ops;
      for (int i = from; prepare && i < next_; ++i) prepare(i);
      const auto begun = thread_us();
      measured(work, from, options_.ops);
      least = std::min(least, (thread_us() - begun) / options_.ops);
    }
    std::printf("%-16s %7.2f us\n", name.c_str(), least);
    std::fflush(stdout);
  }

  void leases() {
    constexpr int kNames = 1000;
    const auto name = [](int i) { return "node-" + std::to_string(i % kNames); };
    const auto at = [&](const std::string& ns, int i) { return server_.target("coordination.k8s.io", "Lease", ns, i < 0 ? "" : name(i)); };
    for (int i = 0; i < kNames; ++i)
      for (const std::string ns : {"kube-node-lease", "default"}) server_.write(Op::create, at(ns, -1), lease(name(i), ns, server_.now()));
    measure("renew-patch", [&](int i) { server_.write(Op::patch, at("kube-node-lease", i), R"({"spec":{"renewTime":")" + server_.now() + "\"}}"); });
    measure("renew-each", [&](int i) {
      if (i % kTogether != 0) return;
      std::vector<verbs::Verbs::Each> patches;
      for (int n = i; n < i + kTogether; ++n) patches.push_back({"kube-node-lease", name(n), R"({"spec":{"renewTime":")" + server_.now() + "\"}}"});
      server_.write_each(Op::patch, at("kube-node-lease", -1), std::move(patches));
    });
    std::string revision = std::to_string(server_.write(Op::patch, at("default", 0), R"({"spec":{"leaseDurationSeconds":15}})")->revision());
    measure("update-lease", [&](int) { revision = std::to_string(server_.write(Op::update, at("default", 0), lease(name(0), "default", server_.now(), revision))->revision()); });
  }

  /// As a scheduler tells of a binding.
  void events() {
    measure("create-event", [&](int i) {
      const auto name = "pod-" + std::to_string(i);
      server_.write(Op::create, server_.target("", "Event", "default", ""),
                    R"({"apiVersion":"v1","kind":"Event","metadata":{"name":")" + name + R"(.1","namespace":"default"},"involvedObject":{"apiVersion":"v1","kind":"Pod","namespace":"default","name":")" + name +
                        R"(","uid":"6f5d2a10-94a4-4c3b-9a51-0242ac120002","resourceVersion":"17"},"reason":"Scheduled","message":"Successfully assigned default/)" + name +
                        R"( to hollow-17","source":{"component":"default-scheduler"},"firstTimestamp":"2026-01-01T00:00:00Z","lastTimestamp":"2026-01-01T00:00:00Z","count":1,"type":"Normal","reportingComponent":"default-scheduler","reportingInstance":""})");
    });
  }

  /// The same, told as plugins do.
  void told_events() {
    measure("record-event", [&](int i) {
      const auto name = "pod-" + std::to_string(i);
      server_.record({.user = verbs::own_context("bench", "system:node:bench", "bench").user,
                      .about_json = R"({"apiVersion":"v1","kind":"Pod","namespace":"default","name":")" + name + R"(","uid":"6f5d2a10-94a4-4c3b-9a51-0242ac120002","resourceVersion":"17"})",
                      .reason = "Scheduled", .note = "Successfully assigned default/" + name + " to hollow-17", .component = "default-scheduler", .host = ""});
    });
  }

  void config_maps() {
    const std::string kilobyte(1024, 'x');
    measure("create-configmap", [&](int i) {
      server_.write(Op::create, server_.target("", "ConfigMap", "default", ""), R"({"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"c)" + std::to_string(i) + R"("},"data":{"k":")" + kilobyte + "\"}}");
    });
  }

  void pods() {
    const auto name = [](int i) { return "pod-" + std::to_string(i); };
    const auto create = [&](int i) { return server_.write(Op::create, server_.target("", "Pod", "default", ""), pod(name(i))); };
    const auto binding = [&](int i) { return R"({"metadata":{"name":")" + name(i) + R"(","namespace":"default"},"target":{"kind":"Node","name":"hollow-)" + std::to_string(i % kTogether) + "\"}}"; };
    const auto bind = [&](int i) { server_.write(Op::create, server_.target("", "Pod", "default", name(i), "binding"), binding(i)); };
    const auto run = [&](int i) { server_.write(Op::patch, server_.target("", "Pod", "default", name(i), "status"), running()); };
    measure("create-pod", create);
    measure("create-owned-pod", [&](int i) { server_.write(Op::create, server_.target("", "Pod", "default", ""), owned_pod(name(i))); });
    measure("bind-pod", bind, create);
    measure("bind-each", [&](int i) {
      if (i % kTogether != 0) return;
      std::vector<verbs::Verbs::Each> bindings;
      for (int n = i; n < i + kTogether; ++n) bindings.push_back({"default", name(n), binding(n)});
      server_.write_each(Op::create, server_.target("", "Pod", "default", "", "binding"), std::move(bindings));
    }, create);
    measure("run-pod", run, [&](int i) { create(i), bind(i); });
    const auto marked = [](int i) { return R"({"metadata":{"annotations":{"mark":"m)" + std::to_string(i) + "\"}}}"; };
    measure("annotate-pod", [&](int i) { server_.write(Op::patch, server_.target("", "Pod", "default", name(i)), marked(i)); }, create);
    std::map<int, std::string> made;   // as a client got them, and sends them back with another label
    measure("update-pod", [&](int i) { server_.write(Op::update, server_.target("", "Pod", "default", name(i)), std::move(made[i])); }, [&](int i) {
      made[i] = create(i)->body();
      constexpr std::string_view kLabel = R"("app":"generated")";
      made[i].replace(made[i].find(kLabel), kLabel.size(), R"("app":"changed")");
    });
    measure("delete-pod", [&](int i) { server_.write(Op::remove, server_.target("", "Pod", "default", name(i)), ""); }, [&](int i) { create(i), bind(i), run(i); });
  }

  static constexpr int kTogether = 100;   // writes that are given together
  const Options options_;
  Server server_;
  int next_ = 0;
};

}  // namespace

int main(int count, char** arguments) {
  try {
    Options options;
    for (int i = 1; i + 1 < count; i += 2) {
      const std::string name = arguments[i], value = arguments[i + 1];
      if (name == "--only") options.only = value;
      else if (name == "--ops") options.ops = std::stoi(value);
      else if (name == "--turns") options.turns = std::stoi(value);
      else throw std::runtime_error("usage: bench_writes [--only NAME] [--ops N] [--turns N]");
    }
    Bench(std::move(options)).run();
    return 0;
  } catch (const std::exception& error) {
    std::cerr << error.what() << '\n';
    return 1;
  }
}

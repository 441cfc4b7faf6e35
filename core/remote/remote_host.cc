#include "core/remote/remote_host.hpp"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <mutex>

#include "core/base/log.hpp"
#include "core/plugins/events.hpp"
#include "core/plugins/hooks.hpp"
#include "core/plugins/host.hpp"
#include "core/plugins/instance.hpp"
#include "core/remote/election.hpp"
#include "core/remote/informers.hpp"
#include "core/remote/metrics_server.hpp"
#include "core/remote/mirror.hpp"
#include "core/remote/remote_verbs.hpp"

namespace keelson::remote {
namespace {

namespace fs = std::filesystem;

/// Whoever has the kubeconfig may what the server lets it: nothing is decided here.
class ServerDecides final : public auth::Authorizer {
 public:
  auth::Verdict authorize(const auth::Attributes&) override { return {auth::Decision::allow, ""}; }
};

/// A folder for the copy of the library, gone with the object.
struct Scratch {
  Scratch() {
    std::error_code failed;
    auto pattern = (fs::temp_directory_path(failed) / "keelson-XXXXXX").string();
    if (::mkdtemp(pattern.data()) != nullptr) directory = pattern;
  }
  ~Scratch() {
    std::error_code ignored;
    if (!directory.empty()) fs::remove_all(directory, ignored);
  }
  std::string directory;
};

std::string own_identity(base::Runtime& runtime) {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || name[0] == '\0') return base::uuid_v4(runtime);
  return std::string(name) + "_" + base::uuid_v4(runtime);
}

class RemoteHost final : public plugins::Elsewhere {
 public:
  RemoteHost(const RemoteArguments& arguments, Connection connection, std::unique_ptr<Client> client, base::Runtime& runtime);
  ~RemoteHost() override;

  base::Outcome<void> reach();
  base::Outcome<void> tell();
  /// Takes the process's signals until it is over.
  int run(std::unique_ptr<plugins::Library> library, const sigset_t& signals);

  bool offers(std::string_view capability) const override { return std::find(std::begin(kOffered), std::end(kOffered), capability) != std::end(kOffered); }
  std::string name() const override { return connection_.url(); }
  std::optional<plugins::Refusal> prepare(const plugins::Declaration& declaration) override;
  base::Outcome<void> cover(const kinds::KindRef& kind) override;

 private:
  std::optional<plugins::Refusal> cover_all(const plugins::Declaration& declaration);
  bool lead(const std::string& plugin, const sigset_t& signals);
  int serve(std::unique_ptr<plugins::Library> library, const sigset_t& signals);
  /// Set before anything of the plugin runs.
  bool leads() const { return !election_ || election_->leads(); }
  plugins::Core core() { return {mirror_.store(), verbs_, *registry_, *chains_, runtime_, *metrics_, *feed_, *events_, *hooks_, this, &pass_on_}; }

  const RemoteArguments& arguments_;
  const Connection connection_;
  base::Runtime& runtime_;
  std::string manager_;
  const std::unique_ptr<base::Metrics> metrics_ = base::make_metrics();
  const std::unique_ptr<kinds::Registry> registry_ = kinds::make_registry();
  const std::unique_ptr<auth::Chains> chains_ = auth::make_chains();
  std::unique_ptr<Client> client_;
  Mirror mirror_;
  Informers informers_;
  RemoteVerbs verbs_;
  std::unique_ptr<plugins::Feed> feed_;
  std::unique_ptr<plugins::EventRecorder> events_;
  std::shared_ptr<plugins::Hooks> hooks_;
  std::unique_ptr<Election> election_;
  const plugins::PassOn pass_on_ = [this](const auth::Identity&, plugins::ApiRequest request, std::function<void(base::Outcome<std::string>)> done) {
    if (request.method != "GET" && !leads()) return done(base::unavailable("this process leads no longer, so it writes nothing"));
    client_->send({request.method, request.path, "application/json", request.body}, [done = std::move(done)](base::Outcome<Answer> answer) { done(body_of(std::move(answer))); });
  };
  std::atomic<bool> over_{false};
  std::mutex mutex_;                            // guards the next
  std::weak_ptr<plugins::Instance> running_;
  std::unique_ptr<MetricsServer> metrics_server_;
};

RemoteHost::RemoteHost(const RemoteArguments& arguments, Connection connection, std::unique_ptr<Client> client, base::Runtime& runtime)
    : arguments_(arguments), connection_(std::move(connection)), runtime_(runtime), client_(std::move(client)), mirror_(runtime, *metrics_),
      informers_(*client_, mirror_, runtime), verbs_(*client_, mirror_, informers_, *registry_, [this] { return leads(); }),
      feed_(std::make_unique<plugins::Feed>(mirror_.store(), runtime, 0)), events_(std::make_unique<plugins::EventRecorder>(verbs_, *registry_, runtime, *metrics_)),
      hooks_(plugins::make_hooks(*chains_, *metrics_, {})) {
  chains_->add(std::make_shared<ServerDecides>());
}

RemoteHost::~RemoteHost() {
  metrics_server_.reset();
  election_.reset();
  events_->stop();
  informers_.end();
  client_->stop();
}

base::Outcome<void> RemoteHost::reach() {
  const auto version = ask(*client_, runtime_, {"GET", "/version"});
  if (!version) return version.error();
  base::log_info("remote", "reached", {{"url", connection_.url()}});
  return {};
}

// "": ready. Who waits to lead is well, too.
base::Outcome<void> RemoteHost::tell() {
  if (arguments_.metrics_address.empty()) return {};
  auto server = serve_metrics(arguments_.metrics_address, *metrics_, [this]() -> std::string {
    std::shared_ptr<plugins::Instance> instance;
    {
      const std::lock_guard lock(mutex_);
      instance = running_.lock();
    }
    return instance ? instance->check() : std::string();
  }, runtime_);
  if (!server) return server.error();
  metrics_server_ = std::move(*server);
  return {};
}

// --- what the plugin finds -----------------------------------------------------------------------------------------

std::optional<plugins::Refusal> RemoteHost::prepare(const plugins::Declaration& declaration) {
  if (auto installed = install_definitions(*client_, runtime_, declaration.kinds, arguments_.install_kinds, manager_); !installed)
    return plugins::Refusal{"KindNotInstalled", installed.error().message};
  learn_definitions(*client_, runtime_, *registry_);
  return cover_all(declaration);
}

std::optional<plugins::Refusal> RemoteHost::cover_all(const plugins::Declaration& declaration) {
  std::vector<base::Atom> wanted;
  for (const auto& controller : declaration.controllers)
    for (const auto& source : controller.sources) wanted.push_back(source.resource);
  for (const auto& observer : declaration.observers) wanted.push_back(observer.resource);
  const auto deadline = runtime_.in_ms(kSyncDeadline_ms);
  const auto pause = runtime_.waiter();
  for (const auto resource : wanted) {
    const auto kind = registry_->current()->by_storage_key(resource);
    if (!kind) return plugins::Refusal{"KindMissing", connection_.url() + " has no " + std::string(resource.text())};
    for (auto covered = cover(kind); !covered; covered = cover(kind)) {
      if (covered.error().code == 403 || runtime_.monotonic_ns() > deadline) return plugins::Refusal{"NotSynced", std::string(resource.text()) + ": " + covered.error().message};
      pause->wait_until(runtime_.in_ms(kPauseFirst_ms));
    }
  }
  return std::nullopt;
}

base::Outcome<void> RemoteHost::cover(const kinds::KindRef& kind) {
  if (informers_.covered(kind->storage_key)) return {};
  const auto stored = registry_->current()->by_storage_key(kind->storage_key);
  return plugins::await<base::Outcome<void>>(runtime_, [&](auto done) { informers_.cover(stored ? stored : kind, std::move(done)); });
}

// --- the life of the process ---------------------------------------------------------------------------------------

bool RemoteHost::lead(const std::string& plugin, const sigset_t& signals) {
  if (!arguments_.elect) return true;
  Candidate candidate{arguments_.lease_ns.empty() ? connection_.ns : arguments_.lease_ns, arguments_.lease.empty() ? "keelson-" + plugin : arguments_.lease, own_identity(runtime_)};
  election_ = std::make_unique<Election>(*client_, runtime_, std::move(candidate));
  std::atomic<bool> decided{false}, won{false};
  const auto main = ::pthread_self();
  const auto waiting = runtime_.spawn("candidate", [&] {
    won.store(election_->win([this, main] {
      over_.store(true);
      ::pthread_kill(main, SIGTERM);
    }));
    decided.store(true);
    ::pthread_kill(main, SIGHUP);
  });
  int signal = 0;
  while (!decided.load()) {
    ::sigwait(&signals, &signal);
    if (signal == SIGHUP) continue;
    election_->stop();
    return false;
  }
  return won.load();
}

int RemoteHost::run(std::unique_ptr<plugins::Library> library, const sigset_t& signals) {
  manager_ = library->table().name;
  if (!lead(manager_, signals)) return 0;
  return serve(std::move(library), signals);
}

int RemoteHost::serve(std::unique_ptr<plugins::Library> library, const sigset_t& signals) {
  plugins::Settings settings;
  settings.config = arguments_.config;
  settings.workers = arguments_.workers;
  const auto instance = std::make_shared<plugins::Instance>(core(), std::move(library), settings, [] {});   // shared: as instances are
  {
    const std::lock_guard lock(mutex_);
    running_ = instance;
  }
  auto refusal = instance->start();
  if (!refusal) instance->begin_work();
  int status = 0;
  if (refusal) {
    base::log_error("remote", "plugin refused", {{"plugin", manager_}, {"reason", refusal->reason}, {"message", refusal->message}});
    status = 1;
  } else {
    base::log_info("remote", "plugin runs", {{"plugin", manager_}, {"server", connection_.url()}});
    int signal = SIGHUP;
    while (signal == SIGHUP) ::sigwait(&signals, &signal);
    status = over_.load() ? 1 : 0;
  }
  informers_.end();
  if (!instance->stop(runtime_.in_ms(kStopWithin_ms))) {
    base::log_error("remote", "plugin did not end", {{"plugin", manager_}, {"in", instance->stuck().value_or("a call")}});
    ::_exit(1);   // its code still runs: nothing may be unmapped under it
  }
  return status;
}

int complain(const std::string& what) {
  base::log_error("remote", what);
  return 1;
}

}  // namespace

int run_remote(const RemoteArguments& arguments) {
  sigset_t signals;
  ::sigemptyset(&signals);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) ::sigaddset(&signals, signal);
  ::pthread_sigmask(SIG_BLOCK, &signals, nullptr);   // before any thread is there
  ::signal(SIGPIPE, SIG_IGN);
  auto connection = read_kubeconfig(arguments.kubeconfig, arguments.context);
  if (!connection) return complain(connection.error().message);
  const Scratch scratch;
  auto loaded = plugins::load_library(arguments.file, {scratch.directory, arguments.check_permissions, arguments.keys, arguments.ours});
  if (const auto* refusal = std::get_if<plugins::Refusal>(&loaded)) return complain(refusal->reason + ": " + refusal->message);
  auto& library = std::get<std::unique_ptr<plugins::Library>>(loaded);
  const auto runtime = base::real_runtime();
  const std::string agent = std::string(library->table().name) + "/" + library->table().version + " keelson-plugin-host";
  auto client = make_client(*connection, agent, *runtime);
  if (!client) return complain(arguments.kubeconfig + ": " + client.error().message);
  RemoteHost host(arguments, *connection, std::move(*client), *runtime);
  if (auto reached = host.reach(); !reached) return complain(reached.error().message);
  if (auto told = host.tell(); !told) return complain(told.error().message);
  return host.run(std::move(library), signals);
}

}  // namespace keelson::remote

#include "sdk/testing/cluster.hpp"

#include <boost/json.hpp>

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <mutex>

#include "core/auth/auth.hpp"
#include "core/base/json_value.hpp"
#include "core/base/simulated_runtime.hpp"
#include "core/kinds/engine.hpp"
#include "core/plugins/calls.hpp"
#include "core/plugins/hook_conversion.hpp"
#include "core/plugins/host.hpp"
#include "core/store/store.hpp"
#include "core/verbs/verbs.hpp"
#include "core/watch/hub.hpp"
#include "core/testing/documents.hpp"
#include "core/testing/faulty_store.hpp"

namespace keelson::testing {

namespace fs = std::filesystem;
namespace json = boost::json;

namespace {

constexpr std::uint64_t kStepsMax = 20'000'000;
constexpr std::int64_t kStopDeadline_ms = 60'000;
constexpr const char* kNamespaces[] = {"default", "kube-system", "kube-public", "kube-node-lease"};

std::unique_ptr<auth::Chains> chains_with_admission() {
  auto chains = auth::make_chains();
  auth::add_default_admission(*chains);
  return chains;
}

std::string scratch_directory() {
  auto pattern = (fs::temp_directory_path() / "keelson-cluster-XXXXXX").string();
  if (::mkdtemp(pattern.data()) == nullptr) throw Failure("no room for a scratch directory");
  return pattern;
}

}  // namespace

/// What a start makes and an end takes away; the store stays.
struct Server {
  Server(store::Store& disk, base::SimulatedRuntime& runtime, const Options& options, const std::string& data_directory)
      : metrics(base::make_metrics()), registry(kinds::make_registry()), store(disk, runtime), hub(watch::make_hub(store, runtime, *metrics)), chains(chains_with_admission()),
        hooks(plugins::make_hooks(*chains, *metrics, data_directory)),
        verbs(verbs::make_verbs({store, *hub, *registry, *chains, nullptr, runtime, *metrics}, plugins::ask_plugins(hooks, runtime))) {
    plugins::restore_declared_kinds(*registry, data_directory);
    plugins::HostOptions host_options;
    host_options.directories = options.plugin_directories;
    host_options.data_dir = data_directory;
    host_options.config = options.config;
    host_options.watch_directories = false;
    host_options.check_permissions = false;
    host = plugins::make_plugin_host({store, *verbs, *registry, *chains, runtime, *metrics, {}, hooks}, std::move(host_options));
  }
  void stop(base::Monotonic deadline) {
    host->stop(deadline);
    host.reset();
    verbs.reset();
    hub->stop();
    hub.reset();
  }

  const std::unique_ptr<base::Metrics> metrics;
  const std::unique_ptr<kinds::Registry> registry;
  FaultyStore store;
  std::unique_ptr<watch::Hub> hub;
  const std::unique_ptr<auth::Chains> chains;
  const std::shared_ptr<plugins::Hooks> hooks;
  std::unique_ptr<verbs::Verbs> verbs;
  std::unique_ptr<plugins::PluginHost> host;
};

struct Cluster::Parts {
  explicit Parts(Options wanted)
      : options(std::move(wanted)), scratch(options.data_directory.empty() ? scratch_directory() : std::string()), runtime(base::simulated_runtime(options.seed)),
        disk_metrics(base::make_metrics()), disk(store::make_memory_store(*runtime, *disk_metrics)) {
    become("system:admin", {"system:masters", "system:authenticated"});
    caller.field_manager = "test";
    caller.request_id = "test";
    start();
  }
  ~Parts() {
    server->stop(runtime->in_ms(kStopDeadline_ms));
    server.reset();
    disk->stop();
    disk.reset();
    std::error_code ignored;
    if (!scratch.empty()) fs::remove_all(scratch, ignored);
  }

  void start() { server = std::make_unique<Server>(*disk, *runtime, options, options.data_directory.empty() ? scratch : options.data_directory); }
  void become(const std::string& user, const std::vector<std::string>& groups) {
    caller.user.name = user;
    caller.user.groups = groups;
  }
  kinds::KindRef kind(const std::string& kind, const std::string& api_version) const {
    const auto catalog = server->registry->current();
    for (const auto& candidate : catalog->all())
      if (candidate->kind == kind && (api_version.empty() || candidate->api_version() == api_version)) return candidate;
    throw Failure("no kind " + api_version + " " + kind);
  }
  verbs::Target target(const Name& name, const std::string& subresource = "") const {
    const auto of = kind(name.kind, name.api_version);
    return {of, of->namespaced ? name.ns : "", name.name, subresource};
  }
  /// As a reader of the API sees it.
  store::ObjectRef shown(const store::ObjectRef& object) const {
    const auto live = server->host->routes().live(object->key().resource);
    return live ? live(object) : object;
  }
  template <class T>
  T await(const std::function<void(std::function<void(T)>)>& start) { return plugins::await<T>(*runtime, start); }
  verbs::Written checked(base::Outcome<verbs::Written> written, const std::string& what) {
    if (!written) throw Failure(what + ": " + written.error().message);
    warnings = written->warnings;
    return std::move(*written);
  }

  const Options options;
  const std::string scratch;
  std::unique_ptr<base::SimulatedRuntime> runtime;
  const std::unique_ptr<base::Metrics> disk_metrics;
  std::unique_ptr<store::Store> disk;
  std::unique_ptr<Server> server;
  std::vector<std::string> files;        // of plugins that load() was given
  verbs::Context caller;                 // who acts; most tests never change it
  std::vector<std::string> warnings;
};

Cluster::Cluster(Options options) : parts_(std::make_unique<Parts>(std::move(options))) {
  for (const auto* name : kNamespaces) apply_yaml("apiVersion: v1\nkind: Namespace\nmetadata:\n  name: " + std::string(name) + "\n");
  parts_->server->host->start();
  settle();
}

Cluster::~Cluster() = default;

// --- plugins -------------------------------------------------------------------------------------------------------

PluginState Cluster::try_load(const std::string& plugin) {
  const auto* fallback = std::getenv("KEELSON_PLUGIN_DIR");
  const auto directory = !parts_->options.plugin_directory.empty() ? parts_->options.plugin_directory : std::string(fallback != nullptr ? fallback : ".");
  const auto file = plugin.find('/') == std::string::npos ? directory + "/" + plugin + ".so" : plugin;
  if (std::find(parts_->files.begin(), parts_->files.end(), file) == parts_->files.end()) parts_->files.push_back(file);
  parts_->server->host->load(file);
  settle();
  for (const auto& info : parts_->server->host->plugins())
    if (info.file == file) return {info.name, info.state, info.reason, info.message, info.version, info.queue_length, info.reconciles, info.errors, info.restarts};
  return {plugin, "Unknown", "", "the host does not know " + file, "", 0, 0, 0, 0};
}

void Cluster::load(const std::string& plugin) {
  const auto state = try_load(plugin);
  if (state.state != "Running" && state.state != "Paused") throw Failure("plugin " + plugin + " is " + state.state + ": " + state.message);
}

void Cluster::unload(const std::string& plugin) {
  std::erase_if(parts_->files, [&](const auto& file) { return fs::path(file).stem() == plugin; });
  parts_->server->host->unload(plugin);
  settle();
}

std::optional<PluginState> Cluster::plugin(const std::string& name) const {
  for (const auto& info : parts_->server->host->plugins())
    if (info.name == name) return PluginState{info.name, info.state, info.reason, info.message, info.version, info.queue_length, info.reconciles, info.errors, info.restarts};
  return std::nullopt;
}

void Cluster::act_as(const std::string& user, const std::vector<std::string>& groups) { parts_->become(user, groups); }
void Cluster::act_as_admin() { parts_->become("system:admin", {"system:masters", "system:authenticated"}); }
const std::vector<std::string>& Cluster::warnings() const { return parts_->warnings; }

bool Cluster::may(const std::string& verb, const Name& name, const std::string& subresource) {
  const auto target = parts_->target(name, subresource);
  auth::Attributes attributes;
  attributes.user = &parts_->caller.user;
  attributes.verb = verb;
  attributes.group = target.kind->group;
  attributes.version = target.kind->version;
  attributes.resource = target.kind->resource;
  attributes.subresource = subresource;
  attributes.ns = target.ns;
  attributes.name = target.name;
  return parts_->server->chains->authorize(attributes).decision == auth::Decision::allow;
}

// --- objects -------------------------------------------------------------------------------------------------------

void Cluster::apply_yaml(const std::string& file_or_text) {
  for (auto document : documents(file_or_text)) {
    const auto& o = document.as_object();
    const auto& metadata = o.at("metadata").as_object();
    const auto* ns = metadata.if_contains("namespace");
    const Name name{o.at("kind").as_string().c_str(), metadata.at("name").as_string().c_str(), ns != nullptr ? ns->as_string().c_str() : "default", o.at("apiVersion").as_string().c_str()};
    const auto target = parts_->target(name);
    const auto written = parts_->await<base::Outcome<verbs::Written>>([&](auto done) {
      parts_->server->verbs->patch(parts_->caller, target, kinds::PatchType::apply, {kinds::Media::json, json::serialize(document)}, {false, kinds::FieldValidation::strict, true}, std::move(done));
    });
    parts_->checked(written, name.kind + " " + name.name);
    if (const auto* status = o.if_contains("status"); status != nullptr && target.kind->subresource("status") != nullptr)
      patch_json(name, json::serialize(json::object{{"status", *status}}), "status");
  }
}

std::optional<std::string> Cluster::find_json(const Name& name) {
  const auto target = parts_->target(name);
  const auto found = parts_->await<base::Outcome<store::ObjectRef>>([&](auto done) { parts_->server->verbs->get(parts_->caller, target, {}, std::move(done)); });
  if (found) return std::string(parts_->shown(*found)->body());
  if (found.error().code == 404) return std::nullopt;
  throw Failure(name.kind + " " + name.name + ": " + found.error().message);
}

std::vector<std::string> Cluster::list_json(const std::string& kind, const std::string& ns, const std::string& labels, const std::string& fields) {
  verbs::Target target{parts_->kind(kind, ""), ns, "", ""};
  if (!target.kind->namespaced) target.ns.clear();
  verbs::ListOptions options;
  auto selector = watch::parse_selector(*target.kind, labels, fields);
  if (!selector) throw Failure(selector.error().message);
  options.selector = std::move(*selector);
  const auto listed = parts_->await<base::Outcome<verbs::Listed>>([&](auto done) { parts_->server->verbs->list(parts_->caller, target, options, std::move(done)); });
  if (!listed) throw Failure(kind + ": " + listed.error().message);
  std::vector<std::string> all;
  for (const auto& object : listed->objects) all.emplace_back(parts_->shown(object)->body());
  return all;
}

void Cluster::patch_json(const Name& name, const std::string& merge_patch, const std::string& subresource) {
  const auto target = parts_->target(name, subresource);
  const auto written = parts_->await<base::Outcome<verbs::Written>>([&](auto done) {
    parts_->server->verbs->patch(parts_->caller, target, kinds::PatchType::merge, {kinds::Media::json, merge_patch}, {}, std::move(done));
  });
  parts_->checked(written, name.kind + " " + name.name);
}

void Cluster::remove(const Name& name, const std::string& propagation, std::optional<std::int64_t> grace_period_s) {
  verbs::DeleteOptions options;
  if (!propagation.empty()) options.propagation = propagation;
  options.grace_period_s = grace_period_s;
  const auto target = parts_->target(name);
  const auto written = parts_->await<base::Outcome<verbs::Written>>([&](auto done) { parts_->server->verbs->remove(parts_->caller, target, options, std::move(done)); });
  parts_->checked(written, name.kind + " " + name.name);
}

void Cluster::write_difference(const Name& name, const std::string& before, const std::string& after) {
  auto patch = difference(base::json_of(before), base::json_of(after));
  auto& members = patch.as_object();
  if (const auto* status = members.if_contains("status"); status != nullptr && parts_->target(name).kind->subresource("status") != nullptr) {
    patch_json(name, json::serialize(json::object{{"status", *status}}), "status");
    members.erase("status");
  }
  if (!members.empty()) patch_json(name, json::serialize(patch));
}

// --- streams -------------------------------------------------------------------------------------------------------

namespace {

/// A client that keeps what it is sent.
class KeptStream final : public plugins::RouteStream {
 public:
  explicit KeptStream(std::size_t bytes_max) : bytes_max_(bytes_max) {}
  void respond(int code, std::string_view content_type) override {
    const std::lock_guard lock(mutex_);
    if (served_.code == 0) served_.code = code, served_.content_type = content_type;
  }
  bool write(std::string_view bytes) override {
    respond(200, "text/plain");
    const std::lock_guard lock(mutex_);
    served_.body += bytes;
    return served_.body.size() < bytes_max_;
  }
  void fail(const base::Error& error) override {
    respond(error.code, "application/json");
    const std::lock_guard lock(mutex_);
    served_.reason = error.reason;
    served_.body = error.message;
  }
  void forward(std::string_view host_port, std::string_view path_and_query) override {
    respond(101, "");
    const std::lock_guard lock(mutex_);
    served_.forwarded = std::string(host_port) + std::string(path_and_query);
  }
  bool closed() const override {
    const std::lock_guard lock(mutex_);
    return served_.body.size() >= bytes_max_;
  }
  void finish() override {
    const std::lock_guard lock(mutex_);
    served_.finished = true;
  }
  Served served() const {
    const std::lock_guard lock(mutex_);
    return served_;
  }

 private:
  const std::size_t bytes_max_;
  mutable std::mutex mutex_;
  Served served_;
};

/// `wait` lets time pass until what it is given holds.
Served serve(plugins::RouteHandler& handler, plugins::RouteRequest request, std::size_t bytes_max, const std::function<void(const std::function<bool()>&)>& wait) {
  const auto stream = std::make_shared<KeptStream>(bytes_max);   // shared: as the handler wants it
  handler.handle(std::move(request), stream);
  wait([&] { return stream->served().finished; });
  return stream->served();
}

}  // namespace

Served Cluster::stream(const Name& name, const std::string& subresource, const std::string& query, std::size_t bytes_max, std::chrono::nanoseconds limit, const std::string& method) {
  const auto target = parts_->target(name, subresource);
  const auto handler = parts_->server->host->routes().find(target.kind->storage_key, subresource);
  if (!handler) throw Failure("nobody serves " + target.kind->resource + "/" + subresource);
  plugins::RouteRequest request;
  request.method = method;
  request.query = query;
  request.kind = target.kind;
  request.subresource = subresource;
  request.ns = target.ns;
  request.name = target.name;
  request.user = parts_->caller.user;
  request.verb = method == "GET" ? name.name.empty() ? "list" : "get" : method == "POST" ? "create" : method == "PUT" ? "update" : method == "PATCH" ? "patch" : "delete";
  return serve(*handler, std::move(request), bytes_max, [&](const auto& ended) { wait_until(ended, limit); });
}

Served Cluster::fetch(const std::string& path, const std::string& method, const std::string& body) {
  const auto handler = parts_->server->host->routes().find_path(path);
  if (!handler) throw Failure("nobody serves " + path);
  plugins::RouteRequest request;
  request.method = request.verb = method;
  std::transform(request.verb.begin(), request.verb.end(), request.verb.begin(), [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  request.path = path;
  request.body = body;
  request.user = parts_->caller.user;
  return serve(*handler, std::move(request), std::size_t(-1), [&](const auto& ended) { wait_until(ended, std::chrono::minutes(1)); });
}

std::string Cluster::request(const std::string& method, const Name& name, const std::string& subresource, const std::string& query) {
  const auto served = stream(name, subresource, query, std::size_t(-1), std::chrono::minutes(1), method);
  if (served.code >= 400) throw Failure(served.body);
  return served.forwarded.empty() ? served.body : "http://" + served.forwarded;
}

// --- faults --------------------------------------------------------------------------------------------------------

void Cluster::inject(const Faults& faults) { parts_->server->store.inject(faults); }

void Cluster::drop_watches() { parts_->server->host->lose_watches(); }

void Cluster::crash() {
  parts_->server->store.die();
  parts_->server->stop(parts_->runtime->in_ms(kStopDeadline_ms));
  parts_->start();
  parts_->server->host->start();
  for (const auto& file : parts_->files) parts_->server->host->load(file);
  settle();
}

// --- time ----------------------------------------------------------------------------------------------------------

void Cluster::settle() {
  if (!parts_->runtime->settle(kStepsMax)) throw Failure("it does not settle, seed " + std::to_string(seed()));
}

void Cluster::advance(std::chrono::nanoseconds duration) {
  if (!parts_->runtime->advance(duration.count(), kStepsMax)) throw Failure("too much happens in that time, seed " + std::to_string(seed()));
}

bool Cluster::wait_until(const std::function<bool()>& holds, std::chrono::nanoseconds limit, std::chrono::nanoseconds step) {
  settle();
  for (auto passed = std::chrono::nanoseconds(0); !holds(); passed += step) {
    if (passed >= limit) return false;
    advance(step);
  }
  return true;
}

std::uint64_t Cluster::seed() const { return parts_->options.seed; }
std::uint64_t Cluster::revision() const { return parts_->server->store.snapshot().revision(); }
std::string Cluster::metrics() const { return parts_->server->metrics->prometheus_text(); }

}  // namespace keelson::testing

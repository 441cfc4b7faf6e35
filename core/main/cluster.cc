#include "core/main/cluster.hpp"

#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "core/admission/admission.hpp"
#include "core/aggregation/aggregation.hpp"
#include "core/api/api.hpp"
#include "core/auth/bootstrap_tokens.hpp"
#include "core/auth/event_rate.hpp"
#include "core/auth/node.hpp"
#include "core/auth/revoked_certificates.hpp"
#include "core/auth/token_rotation.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/base/metrics.hpp"
#include "core/fairness/keeper.hpp"
#include "core/http/server.hpp"
#include "core/kinds/catalog.hpp"
#include "core/main/bootstrap.hpp"
#include "core/main/front_proxy_wiring.hpp"
#include "core/main/held_addresses.hpp"
#include "core/main/identity.hpp"
#include "core/main/pass_on.hpp"
#include "core/main/plugin_command.hpp"
#include "core/main/plugin_wiring.hpp"
#include "core/main/running_note.hpp"
#include "core/main/security_wiring.hpp"
#include "core/store/hooks.hpp"
#include "core/store/store.hpp"
#include "core/verbs/ask_webhook.hpp"
#include "core/verbs/audited.hpp"
#include "core/verbs/certificate_keeper.hpp"
#include "core/verbs/definitions.hpp"
#include "core/verbs/event_expiry.hpp"
#include "core/verbs/verbs.hpp"
#include "core/watch/hub.hpp"
#include "core/webhook/client_config.hpp"

namespace keelson::server {
namespace {

/// A stream of changes is written to each watch this often: a write costs several times what an event in it does.
constexpr std::int64_t kWatchGather_ms = 2;
constexpr std::string_view kIssuer = "https://kubernetes.default.svc.cluster.local";

std::string host_name() {
  char name[256] = {};
  if (::gethostname(name, sizeof name - 1) != 0 || !name[0]) return "localhost";
  std::string lower = name;
  for (char& c : lower) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  return lower;
}

/// The first address of "10.96.0.0/12".
std::string first_address(const std::string& cidr) {
  auto network = cidr.substr(0, cidr.find('/'));
  const auto dot = network.rfind('.');
  if (dot == std::string::npos) return "10.96.0.1";
  return network.substr(0, dot + 1) + std::to_string(std::atoi(network.c_str() + dot + 1) + 1);
}

bool any_address(const std::string& address) { return address == "0.0.0.0" || address == "::"; }

/// A body's columns at start; objects of kinds that are not known (any more) keep the general ones.
store::ColumnsOf columns_reader(kinds::Registry& registry) {
  return [&registry](const store::Key& key, std::string_view body) -> base::Outcome<store::Columns> {
    const auto kind = registry.current()->by_storage_key(key.resource);
    static const kinds::Kind unknown;
    boost::system::error_code error;
    const auto value = base::json_of(body, error);
    if (error) return base::internal("a stored object is not JSON: " + std::string(key.resource.text()) + " " + key.ns + "/" + key.name);
    auto columns = verbs::columns_of(kind ? *kind : unknown, value);
    columns.key = key;
    return columns;
  };
}

double expiry_of(const auth::KeyPair& pair) {
  const auto expiry = auth::certificate_expiry(pair.certificate_pem);
  return expiry ? static_cast<double>(*expiry) : 0;
}

class RunningCluster final : public Cluster {
 public:
  RunningCluster(const Settings& settings, base::Runtime& runtime) : settings_(settings), runtime_(runtime) {}
  ~RunningCluster() override { stop(); }

  base::Outcome<void> start();
  std::uint16_t port() const override { return server_->port(); }
  std::string url() const override;
  void renew_certificates() override;
  void stop() override;

 private:
  base::Outcome<void> open_store();
  base::Outcome<void> make_parts();
  base::Outcome<void> fill();
  base::Outcome<void> serve();
  base::Outcome<void> write_kubeconfig();
  void start_plugins();
  void tell_expiries();
  verbs::AskWebhook ask_webhook();
  verbs::Verbs& writing() { return audited_verbs_ ? *audited_verbs_ : *verbs_; }
  std::string public_address() const;
  std::map<std::string, std::string> plugin_facts() const;
  http::TlsOptions tls() const { return {identity_.server.certificate_pem, identity_.server.key_pem, identity_.ca.certificate_pem, front_proxy_.ca_pem}; }

  Settings settings_;
  base::Runtime& runtime_;
  ServerNames names_;
  Identity identity_;
  FrontProxySetting front_proxy_;
  // In the order in which they need each other.
  std::unique_ptr<base::Metrics> metrics_ = base::make_metrics();
  std::unique_ptr<kinds::Registry> registry_ = kinds::make_registry();
  std::unique_ptr<auth::Chains> chains_ = auth::make_chains();
  std::unique_ptr<api::HealthChecks> health_ = api::make_health_checks();
  std::vector<std::shared_ptr<void>> checks_;
  std::unique_ptr<store::Store> store_;
  std::unique_ptr<watch::Hub> hub_;
  std::unique_ptr<auth::RotatingIssuer> tokens_;
  std::unique_ptr<webhook::Client> webhooks_;
  std::unique_ptr<webhook::Outgoing> outgoing_;
  std::shared_ptr<auth::Oidc> oidc_;   // the chains have it too
  std::atomic<std::uint64_t> webhook_turn_{0};
  std::shared_ptr<plugins::Hooks> plugin_hooks_;   // shared: verbs ask them, the host fills them
  std::unique_ptr<verbs::Verbs> verbs_;
  std::shared_ptr<audit::Audit> audit_;
  std::unique_ptr<verbs::Verbs> audited_verbs_;   // what plugins and the keepers below write by; null: nothing is audited
  std::unique_ptr<admission::Admission> admission_;
  std::unique_ptr<verbs::Definitions> definitions_;
  std::unique_ptr<verbs::EventExpiry> event_expiry_;
  std::unique_ptr<verbs::CertificateKeeper> certificate_keeper_;
  std::unique_ptr<PluginWiring> plugins_;
  std::unique_ptr<fairness::Fairness> fairness_;
  std::unique_ptr<fairness::Keeper> fairness_keeper_;
  std::unique_ptr<aggregation::Aggregation> aggregation_;
  std::unique_ptr<http::RequestHandler> api_;
  std::unique_ptr<http::Server> server_;
  bool stopped_ = false;
};

base::Outcome<void> RunningCluster::start() {
  if (settings_.node_name.empty()) settings_.node_name = host_name();
  if (settings_.plugin_dirs.empty()) settings_.plugin_dirs = default_plugin_dirs(settings_.data_dir);
  names_ = {settings_.bind_address, first_address(settings_.service_cidr), settings_.cluster_domain};
  auto identity = load_identity(settings_.data_dir, names_, runtime_);
  if (!identity) return identity.error();
  identity_ = std::move(*identity);
  auto front_proxy = front_proxy_setting(settings_, identity_);
  if (!front_proxy) return front_proxy.error();
  front_proxy_ = std::move(*front_proxy);
  for (const auto step : {&RunningCluster::open_store, &RunningCluster::make_parts, &RunningCluster::fill, &RunningCluster::serve, &RunningCluster::write_kubeconfig})
    if (auto done = (this->*step)(); !done) return done;
  start_plugins();
  return {};
}

base::Outcome<void> RunningCluster::open_store() {
  if (settings_.upstream_only) registry_->withdraw(base::Atom("plugins.keelson.dev"));
  restore_plugin_kinds(*registry_, settings_.data_dir);
  store::StoreOptions options;
  options.directory = settings_.data_dir + "/db";
  auto encryption = open_encryption(settings_, runtime_);
  if (!encryption) return encryption.error();
  store::StoreHooks hooks;
  hooks.transform_of = [encryption = *encryption](store::Atom resource) { return encryption->transform_of(resource); };
  options.hooks = std::make_shared<const store::StoreHooks>(std::move(hooks));
  options.history_max_bytes = settings_.history_max_bytes;
  auto store = store::open_rocksdb_store(options, runtime_, *metrics_, columns_reader(*registry_));
  if (!store) return store.error();
  store_ = std::move(*store);
  return {};
}

base::Outcome<void> RunningCluster::make_parts() {
  auto tokens = auth::make_rotating_issuer(identity_.token_keys.signing, identity_.token_keys.older, std::string(kIssuer), runtime_);
  if (!tokens) return tokens.error();
  tokens_ = std::move(*tokens);
  chains_->add_first(auth::revoked_certificates(*store_));
  chains_->add(tokens_->authenticator(*store_));
  chains_->add(auth::bootstrap_token_authenticator(*store_, runtime_));
  chains_->add(auth::node_authorizer(*store_));
  auth::add_default_admission(*chains_, settings_.pod_security);
  chains_->add(auth::kOrderEventRateLimit, auth::event_rate_limit(runtime_));
  plugin_hooks_ = make_plugin_hooks(*chains_, *metrics_, settings_.data_dir);
  webhooks_ = webhook::make_client(runtime_, *metrics_);
  outgoing_ = webhook::make_outgoing(runtime_);
  auto oidc = outside_issuer(settings_, *outgoing_, *store_, runtime_);
  if (!oidc) return oidc.error();
  oidc_ = std::move(*oidc);
  if (oidc_) chains_->add(std::static_pointer_cast<auth::Authenticator>(oidc_));
  admission_ = admission::make_admission({*chains_, *registry_, *store_, runtime_, *metrics_, webhooks_.get()});
  hub_ = watch::make_hub(*store_, runtime_, *metrics_, {.gather_ns = kWatchGather_ms * base::kNanosPerMs});
  verbs_ = verbs::make_verbs({*store_, *hub_, *registry_, *chains_, tokens_.get(), runtime_, *metrics_}, ask_plugins_or(plugin_hooks_, runtime_, ask_webhook()));
  auto audit = open_audit(settings_, runtime_, *metrics_);
  if (!audit) return audit.error();
  audit_ = std::move(*audit);
  if (audit_) audited_verbs_ = verbs::make_audited(*verbs_, audit_);
  definitions_ = verbs::make_definitions(*store_, writing(), *registry_, runtime_);
  admission_->start(writing());
  event_expiry_ = verbs::make_event_expiry(*store_, writing(), *registry_, runtime_);
  certificate_keeper_ = verbs::make_certificate_keeper(*store_, writing(), *registry_, *chains_, identity_.ca, runtime_);
  return {};
}

verbs::AskWebhook RunningCluster::ask_webhook() {
  return [this](verbs::ConversionReview review, std::function<void(base::Outcome<std::string>)> done) {
    auto endpoint = webhook::endpoint_of(review.client_config, store_->snapshot(), webhook_turn_++);
    if (!endpoint) return done(endpoint.error());
    webhooks_->post({std::move(*endpoint), std::move(review.body), review.deadline, std::move(review.definition)}, [done = std::move(done)](base::Outcome<webhook::Answer> answer) {
      if (!answer) return done(answer.error());
      if (answer->status != 200) return done(base::raw_500(webhook::status_text(answer->status)));
      done(std::move(answer->body));
    });
  };
}

base::Outcome<void> RunningCluster::fill() {
  hold_addresses(writing(), *store_, *registry_, runtime_);   // before the first Service of this start draws one
  return bootstrap(writing(), *store_, *registry_, runtime_,
                   {names_.service_address, settings_.service_cidr, public_address(), settings_.https_port, identity_.ca.certificate_pem, front_proxy_.published()});
}

base::Outcome<void> RunningCluster::serve() {
  tell_expiries();
  checks_.push_back(health_->add("ping", [] { return std::string(); }, api::HealthChecks::Counts::live));
  checks_.push_back(health_->add("log", [] { return std::string(); }, api::HealthChecks::Counts::live));
  checks_.push_back(health_->add("store", [this] { return store_->snapshot().revision() > 0 ? std::string() : std::string("nothing is stored"); }));
  checks_.push_back(health_->add("plugins", [this] { return plugins_ && plugins_->loaded() ? std::string() : std::string("plugins are being loaded"); }));
  checks_.push_back(health_->add("webhooks", [this] { return admission_->paused_webhooks(); }, api::HealthChecks::Counts::told));
  fairness_ = fairness::make_fairness(runtime_, *metrics_);
  fairness_keeper_ = fairness::make_keeper(*fairness_, *store_, writing(), *registry_, runtime_);
  aggregation_ = aggregation::make_aggregation({*store_, writing(), *registry_, runtime_, *outgoing_, front_proxy_.certificate});
  const std::string address = any_address(settings_.bind_address) ? public_address() : settings_.bind_address;
  auto keys = trusted_keys(settings_.plugin_keys);
  if (!keys) return keys.error();
  plugins_ = make_plugin_wiring({*store_, writing(), *registry_, *chains_, runtime_, *metrics_, *health_, std::move(*keys), plugin_hooks_, pass_on_to(*aggregation_, *chains_, runtime_)}, settings_);
  api_ = api::make_api({*verbs_, *registry_, *store_, *chains_, plugins_->routes(), *health_, runtime_, *metrics_, tokens_.get(), std::string(kIssuer),
                        address + ":" + std::to_string(settings_.https_port), audit_, fairness_.get(), aggregation_.get(), front_proxy_.rules});
  http::ServerOptions options;
  options.address = settings_.bind_address;
  options.port = settings_.https_port;
  options.threads = settings_.network_threads;
  options.tls = tls();
  auto server = http::start_server(options, *api_, runtime_, *metrics_);
  if (!server) return server.error();
  server_ = std::move(*server);
  return {};
}

std::string RunningCluster::public_address() const {
  if (!any_address(settings_.bind_address)) return settings_.bind_address;
  const auto addresses = machine_addresses();
  return addresses.empty() ? "127.0.0.1" : addresses.front();
}

std::string RunningCluster::url() const {
  auto host = any_address(settings_.bind_address) ? "127.0.0.1" : settings_.bind_address;
  if (host.find(':') != std::string::npos) host = "[" + host + "]";
  return "https://" + host + ":" + std::to_string(server_ ? server_->port() : settings_.https_port);
}

base::Outcome<void> RunningCluster::write_kubeconfig() {
  if (auto noted = write_running_note(settings_); !noted) return noted;
  const auto text = admin_kubeconfig(identity_, url());
  if (auto kept = write_private_file(settings_.data_dir + "/admin.kubeconfig", text); !kept) return kept;
  auto wanted = settings_.write_kubeconfig;
  if (wanted.empty() && settings_.data_dir == kDefaultDataDir) wanted = kDefaultKubeconfig;
  if (wanted.empty()) return {};
  return write_private_file(wanted, text);
}

std::map<std::string, std::string> RunningCluster::plugin_facts() const {
  const auto address = public_address();
  std::map<std::string, std::string> facts{
      {"dataDir", settings_.data_dir},
      {"nodeName", settings_.node_name},
      {"caCertificate", identity_.ca.certificate_pem},
      {"apiUrl", url()},
      {"apiAddress", address},
      {"apiPort", std::to_string(server_->port())},
      {"serviceAddress", names_.service_address},
      {"serviceCidr", settings_.service_cidr},
      {"clusterCidr", settings_.cluster_cidr},
      {"clusterDomain", settings_.cluster_domain}};
  if (settings_.pod_max_pids) facts["podPidsLimit"] = std::to_string(*settings_.pod_max_pids);
  return facts;
}

void RunningCluster::start_plugins() { plugins_->start(plugin_facts()); }

void RunningCluster::renew_certificates() {
  const auto renewed = renew_due(identity_, settings_.data_dir, names_, runtime_);
  if (!renewed) return base::log_error("main", "certificates were not renewed", {{"what", renewed.error().message}});
  if (renewed->server) {
    if (auto replaced = server_->replace_certificate(tls()); !replaced) base::log_error("main", "the server certificate was not replaced", {{"what", replaced.error().message}});
    else base::log_info("main", "the server certificate was renewed");
  }
  if (renewed->admin)
    if (auto written = write_kubeconfig(); !written) base::log_error("main", "the admin's kubeconfig was not replaced", {{"what", written.error().message}});
  if (renewed->token_key) {
    if (auto rotated = tokens_->rotate(identity_.token_keys.signing); !rotated) base::log_error("main", "the key of tokens was not replaced", {{"what", rotated.error().message}});
    else base::log_info("main", "tokens are signed by another key");
  }
  if (renewed->front_proxy && settings_.proxy_client_cert_file.empty()) {
    front_proxy_.certificate = shown_certificate(identity_.front_proxy);
    aggregation_->show(front_proxy_.certificate);
  }
  tell_expiries();
}

void RunningCluster::tell_expiries() {
  for (const auto& [name, pair] : {std::pair<const char*, const auth::KeyPair*>{"ca", &identity_.ca}, {"server", &identity_.server}, {"admin", &identity_.admin}, {"front-proxy-ca", &identity_.front_proxy_ca}, {"front-proxy-client", &identity_.front_proxy}})
    metrics_->gauge("keelson_certificate_expiry_seconds", "End of a certificate's life, Unix time.", {{"certificate", name}}).set(expiry_of(*pair));
}

void RunningCluster::stop() {
  if (std::exchange(stopped_, true)) return;
  const auto deadline = runtime_.in_ms(kStopWithin_ms);
  if (server_) server_->stop();
  if (plugins_) plugins_->stop(deadline);
  if (aggregation_) aggregation_->stop();
  if (fairness_keeper_) fairness_keeper_->stop();
  if (fairness_) fairness_->stop();
  if (definitions_) definitions_->stop();
  if (event_expiry_) event_expiry_->stop();
  if (certificate_keeper_) certificate_keeper_->stop();
  if (admission_) admission_->stop();
  if (audit_) audit_->stop();
  if (oidc_) oidc_->stop();
  if (outgoing_) outgoing_->stop();
  if (webhooks_) webhooks_->stop();
  if (hub_) hub_->stop();
  if (store_) store_->stop();
}

}  // namespace

base::Outcome<std::unique_ptr<Cluster>> start_cluster(const Settings& settings, base::Runtime& runtime) {
  auto cluster = std::make_unique<RunningCluster>(settings, runtime);
  if (auto started = cluster->start(); !started) return started.error();
  return base::Outcome<std::unique_ptr<Cluster>>(std::move(cluster));
}

}  // namespace keelson::server

#include "core/aggregation/aggregation.hpp"

#include <algorithm>
#include <atomic>
#include <boost/json/serialize.hpp>
#include <map>
#include <mutex>
#include <set>

#include "core/aggregation/services.hpp"
#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/base/timed_turns.hpp"
#include "core/verbs/own_context.hpp"
#include "core/webhook/client_config.hpp"

namespace keelson::aggregation {
namespace {

namespace json = boost::json;

/// As whom backends are looked at: they may ask whether we may.
auth::Identity aggregator() {
  auth::Identity identity;
  identity.name = "system:kube-aggregator";
  identity.groups = {"system:masters"};
  return identity;
}

/// What is known of one backend.
struct Watched {
  std::shared_ptr<const Backend> backend;
  std::string meant;                  // the spec that it was made of, to notice changes
  Availability availability;          // empty: not decided yet
  bool fault = false;                 // its Service does not allow to ask it
  bool checking = false;
  int failures = 0, looks = 0;        // in a row; in all
  base::Monotonic next = 0;           // look again
  std::uint64_t generation = 0;       // of `meant`: late answers to an earlier one are dropped
  Offered offered;
};

struct Check {
  std::string name;
  std::uint64_t generation = 0;
  int pending = 1;                    // under the owner's mutex, like all below
  bool more = false, passed = false;
};

json::object only_paths_below(const json::object& document, const std::string& prefix) {
  json::object paths;
  if (const auto* all = document.if_contains("paths"); all && all->is_object())
    for (const auto& [path, item] : all->get_object())
      if (std::string_view(path).starts_with(prefix)) paths[path] = item;
  const auto* definitions = document.if_contains("definitions");
  return {{"paths", std::move(paths)}, {"definitions", definitions && definitions->is_object() ? *definitions : json::value(json::object())}};
}

class Aggregating final : public store::FeedSink, public std::enable_shared_from_this<Aggregating> {
 public:
  explicit Aggregating(AggregationParts parts) : parts_(std::move(parts)), certificate_(parts_.certificate), timed_(parts_.runtime, [this] {
          if (!nothing_new()) work();
        }) {}

  void start() {
    // Known before the first request: what was available is again.
    timed_.now([this] {
      subscription_ = parts_.store.subscribe(*this).first;
      kinds_changed_ = parts_.registry.on_change([weak = weak_from_this()](const kinds::CatalogRef&) {
        if (const auto self = weak.lock()) self->timed_.in_ms(kSettle_ms);
      });
      work();
    });
  }
  void stop();
  ApisRef apis() const {
    const std::lock_guard lock(mutex_);
    return apis_;
  }
  base::Outcome<webhook::Outbound> outbound(const Backend& backend, const auth::Identity& user);
  webhook::Outgoing& outgoing() { return parts_.outgoing; }
  void show(std::shared_ptr<const webhook::ClientCertificate> certificate) {
    const std::lock_guard lock(mutex_);
    certificate_ = std::move(certificate);
  }

 private:
  void on_changes(std::span<const store::Change> changes) override;
  bool nothing_new();
  void work();
  void keep_local(const Services& services);
  void update_watched(const Services& services, const store::Snapshot& snapshot);
  void watch_one(const std::string& name, const Service& service, const store::Snapshot& snapshot, base::Monotonic now);
  void publish();
  void tell(const Services& services);
  void write(const LocalChange& change, store::Revision trigger);
  void look(const std::shared_ptr<Check>& check);
  void looked(const std::shared_ptr<Check>& check, const std::string& url, const base::Outcome<webhook::Fetched>& outcome);
  void passed(const Check& check, const webhook::Fetched& fetched);
  void failed(const Check& check, const std::string& why);
  void fetch_openapi(const std::shared_ptr<const Backend>& backend, std::uint64_t generation);
  template <class Take>
  void fetch_document(const std::shared_ptr<const Backend>& backend, std::uint64_t generation, const std::string& path, Take take);
  Watched* current(const std::string& name, std::uint64_t generation);
  webhook::Outbound plain_get(webhook::Outbound outbound, std::string path) const;

  static verbs::Context context(store::Revision trigger) { return verbs::caused_by(trigger, verbs::own_context("aggregation", "system:apiserver", "kube-aggregator")); }
  static verbs::OnWritten noted(const char* what, const std::string& name) {
    return [what, name](const base::Outcome<verbs::Written>& outcome) {
      if (outcome || outcome.error().code == 409 || outcome.error().code == 404 || outcome.error().code == 503) return;   // changed or stopped meanwhile
      base::log_warn("aggregation", std::string("could not ") + what + " an APIService", {{"name", name}, {"what", outcome.error().message}});
    };
  }

  const AggregationParts parts_;
  std::shared_ptr<const webhook::ClientCertificate> certificate_;   // under mutex_
  std::unique_ptr<store::Subscription> subscription_;
  std::shared_ptr<void> kinds_changed_;
  std::atomic<std::uint64_t> turns_{0};                          // spreads requests over endpoints
  base::TimedTurns timed_;
  mutable std::mutex mutex_;
  bool starting_ = true;                                         // the work's own, like the next
  std::vector<std::string> served_;                              // groups and versions of the last turn
  std::map<std::string, Watched> watched_;                       // under mutex_, like all below
  std::set<std::string, std::less<>> namespaces_;                // whose Services and endpoints matter
  ApisRef apis_ = std::make_shared<Apis>();
  bool stored_changed_ = true;                                   // what is stored, since the last turn
  std::uint64_t generations_ = 0;
  bool stopped_ = false;
};

// --- when ------------------------------------------------------------------------------------------------------------

void Aggregating::on_changes(std::span<const store::Change> changes) {
  static const base::Atom own("apiservices.apiregistration.k8s.io"), services("services"), slices("endpointslices.discovery.k8s.io"), endpoints("endpoints");
  bool ours = false;
  {
    const std::lock_guard lock(mutex_);
    ours = std::any_of(changes.begin(), changes.end(), [&](const store::Change& change) {
      const auto& key = change.object->key();
      if (key.resource == own) return true;
      return !namespaces_.empty() && (key.resource == services || key.resource == slices || key.resource == endpoints) && namespaces_.contains(key.ns);
    });
    stored_changed_ |= ours;
  }
  if (ours) timed_.in_ms(kSettle_ms);
}

void Aggregating::stop() {
  subscription_.reset();
  kinds_changed_.reset();
  {
    const std::lock_guard lock(mutex_);
    stopped_ = true;
  }
  timed_.stop();
}

// --- what ------------------------------------------------------------------------------------------------------------

/// Definitions come by the thousand and APIServices speak of their groups and versions only: nothing is read when these are as they were.
/// Where there are servers elsewhere, each turn looks after them.
bool Aggregating::nothing_new() {
  const auto catalog = parts_.registry.current();
  std::vector<std::string> served;
  for (const auto& group : catalog->groups())
    for (const auto& version : catalog->versions(group)) served.push_back(version + "." + group);
  const bool as_before = served == served_;
  served_ = std::move(served);
  const std::lock_guard lock(mutex_);
  return !std::exchange(stored_changed_, false) && as_before && watched_.empty();
}

void Aggregating::work() {
  const auto snapshot = parts_.store.snapshot();
  const auto services = stored_services(snapshot);
  keep_local(services);
  update_watched(services, snapshot);
  publish();
  tell(services);
}

void Aggregating::keep_local(const Services& services) {
  for (const auto& change : local_changes(*parts_.registry.current(), services, starting_)) {
    const auto found = services.find(change.name);
    write(change, found == services.end() ? 0 : found->second.revision);
  }
  starting_ = false;
}

void Aggregating::write(const LocalChange& change, store::Revision trigger) {
  const auto kind = parts_.registry.current()->find(kApiGroup, "v1", kResource);
  if (!kind) return;
  if (change.what == LocalChange::What::create)
    return parts_.verbs.create(context(trigger), {kind, {}, {}, {}}, {kinds::Media::json, json::serialize(change.object)}, {}, noted("create", change.name));
  if (change.what == LocalChange::What::remove) return parts_.verbs.remove(context(trigger), {kind, {}, change.name, {}}, {}, noted("delete", change.name));
  const json::array patch{json::object{{"op", "replace"}, {"path", "/spec"}, {"value", change.object.at("spec")}}};
  parts_.verbs.patch(context(trigger), {kind, {}, change.name, {}}, kinds::PatchType::json, {kinds::Media::json, json::serialize(patch)}, {}, noted("update", change.name));
}

void Aggregating::update_watched(const Services& services, const store::Snapshot& snapshot) {
  std::vector<std::shared_ptr<Check>> checks;
  auto next = base::kForever;
  {
    const std::lock_guard lock(mutex_);
    const auto now = parts_.runtime.monotonic_ns();
    namespaces_.clear();
    std::erase_if(watched_, [&](const auto& entry) {
      const auto found = services.find(entry.first);
      return found == services.end() || found->second.local();
    });
    for (const auto& [name, service] : services) {
      if (service.local()) continue;
      watch_one(name, service, snapshot, now);
      auto& watched = watched_.at(name);
      namespaces_.insert(service_namespace(*watched.backend));
      if (watched.fault || watched.checking) continue;
      if (watched.next > now) {
        next = std::min(next, watched.next);
        continue;
      }
      watched.checking = true;
      checks.push_back(std::make_shared<Check>(Check{name, watched.generation}));
    }
  }
  for (const auto& check : checks) look(check);
  if (next != base::kForever) timed_.at(next);
}

void Aggregating::watch_one(const std::string& name, const Service& service, const store::Snapshot& snapshot, base::Monotonic now) {
  auto& watched = watched_[name];
  auto meant = json::serialize(*auth::find(service.object, {"spec"}));
  if (watched.meant != meant) {
    const bool first = watched.meant.empty();
    watched = {};
    watched.meant = std::move(meant);
    watched.backend = std::make_shared<Backend>(backend_of(name, service));
    watched.generation = ++generations_;
    watched.offered.backend = watched.backend;
    if (first) watched.availability = service.stored();
  }
  const auto fault = fault_of(*watched.backend, snapshot);
  if (fault) watched.availability = *fault;
  if (!fault && watched.fault) watched.next = now;   // it has come back: look at once
  watched.fault = fault.has_value();
  if (fault) watched.offered.stale = true;
}

void Aggregating::publish() {
  const std::lock_guard lock(mutex_);
  auto next = std::make_shared<Apis>();
  for (auto& [name, watched] : watched_) {
    const bool available = watched.availability.status == "True";
    if (watched.backend->available != available) {
      auto changed = std::make_shared<Backend>(*watched.backend);
      changed->available = available;
      watched.backend = std::move(changed);
    }
    watched.offered.backend = watched.backend;
    next->offered.push_back(watched.offered);
  }
  std::sort(next->offered.begin(), next->offered.end(), [](const Offered& a, const Offered& b) {
    return std::tie(a.backend->group, a.backend->version) < std::tie(b.backend->group, b.backend->version);
  });
  const auto same = [](const Offered& a, const Offered& b) {
    return a.backend == b.backend && a.stale == b.stale && a.resources == b.resources && a.openapi_v3_url == b.openapi_v3_url && a.openapi_v2 == b.openapi_v2;
  };
  if (!std::equal(next->offered.begin(), next->offered.end(), apis_->offered.begin(), apis_->offered.end(), same)) apis_ = std::move(next);
}

void Aggregating::tell(const Services& services) {
  const auto kind = parts_.registry.current()->find(kApiGroup, "v1", kResource);
  if (!kind) return;
  for (const auto& [name, service] : services) {
    Availability meant{"True", "Local", "Local APIServices are always available"};
    if (!service.local()) {
      const std::lock_guard lock(mutex_);
      const auto found = watched_.find(name);
      if (found == watched_.end() || found->second.availability.status.empty()) continue;
      meant = found->second.availability;
    }
    if (service.stored() == meant) continue;
    const auto patch = json::serialize(status_patch(service, meant, parts_.runtime.unix_s()));
    parts_.verbs.patch(context(service.revision), {kind, {}, name, "status"}, kinds::PatchType::merge, {kinds::Media::json, patch}, {}, noted("update the status of", name));
  }
}

// --- looking at a backend --------------------------------------------------------------------------------------------

base::Outcome<webhook::Outbound> Aggregating::outbound(const Backend& backend, const auth::Identity& user) {
  auto endpoint = webhook::endpoint_of(backend.config, parts_.store.snapshot(), turns_++);
  if (!endpoint) return endpoint.error();
  auto headers = identity_headers(user);
  if (!headers) return headers.error();
  webhook::Outbound out;
  out.endpoint = std::move(*endpoint);
  out.headers = std::move(*headers);
  out.verify = backend.verify;
  const std::lock_guard lock(mutex_);
  out.certificate = certificate_;
  return out;
}

webhook::Outbound Aggregating::plain_get(webhook::Outbound outbound, std::string path) const {
  outbound.endpoint.path = std::move(path);
  outbound.headers.emplace_back("Accept", "application/json");
  outbound.headers.emplace_back("User-Agent", "kube-aggregator");
  outbound.head_deadline = outbound.deadline = parts_.runtime.in_ms(kCheckTimeout_ms);
  return outbound;
}

Watched* Aggregating::current(const std::string& name, std::uint64_t generation) {
  const auto found = watched_.find(name);
  return !stopped_ && found != watched_.end() && found->second.generation == generation ? &found->second : nullptr;
}

void Aggregating::look(const std::shared_ptr<Check>& check) {
  std::shared_ptr<const Backend> backend;
  {
    const std::lock_guard lock(mutex_);
    const auto* watched = current(check->name, check->generation);
    if (!watched) return;
    backend = watched->backend;
  }
  const auto path = "/apis/" + backend->group + "/" + backend->version;
  auto request = outbound(*backend, aggregator());
  if (!request) return looked(check, "https://" + check->name + path, request.error());
  const auto url = "https://" + request->endpoint.host + ":" + request->endpoint.port + path;
  webhook::fetch(parts_.outgoing, plain_get(std::move(*request), path), kDiscoveryBytesMax, [weak = weak_from_this(), check, url](base::Outcome<webhook::Fetched> outcome) {
    if (const auto self = weak.lock()) self->looked(check, url, outcome);
  });
}

void Aggregating::looked(const std::shared_ptr<Check>& check, const std::string& url, const base::Outcome<webhook::Fetched>& outcome) {
  std::string why;
  if (!outcome) why = "failing or missing response from " + url + ": " + outcome.error().message;
  else if (outcome->status < 200 || outcome->status >= 300) why = "failing or missing response from " + url + ": bad status from " + url + ": " + std::to_string(outcome->status);
  int more = 0;
  {
    const std::lock_guard lock(mutex_);
    --check->pending;
    if (check->passed) return;
    if (why.empty()) check->passed = true;
    else if (!std::exchange(check->more, true)) more = check->pending = kMoreAttempts;
    else if (check->pending > 0) return;
  }
  if (more > 0) {
    while (more-- > 0) look(check);
    return;
  }
  why.empty() ? passed(*check, *outcome) : failed(*check, why);
  timed_.in_ms(0);
}

void Aggregating::passed(const Check& check, const webhook::Fetched& fetched) {
  boost::system::error_code broken;
  auto listed = base::json_of(fetched.body, broken);
  auto* resources = broken ? nullptr : auth::find(listed, {"resources"});
  std::shared_ptr<const Backend> backend;
  {
    const std::lock_guard lock(mutex_);
    auto* watched = current(check.name, check.generation);
    if (!watched) return;
    watched->checking = false;
    watched->failures = 0;
    watched->next = parts_.runtime.in_ms(kRecheck_ms);
    if (watched->fault) return;
    watched->availability = {"True", "Passed", "all checks passed"};
    watched->offered.stale = false;
    const json::array fresh = resources && resources->is_array() ? resources->get_array() : json::array();
    if (!watched->offered.resources || *watched->offered.resources != fresh) watched->offered.resources = std::make_shared<const json::array>(fresh);
    if (watched->looks++ % kLooksPerOpenApi == 0) backend = watched->backend;
  }
  if (backend) fetch_openapi(backend, check.generation);
}

void Aggregating::failed(const Check& check, const std::string& why) {
  const std::lock_guard lock(mutex_);
  auto* watched = current(check.name, check.generation);
  if (!watched) return;
  watched->checking = false;
  watched->looks = 0;
  const auto pause_ms = std::min(kRecheck_ms, kRetryMin_ms << std::min(watched->failures++, 5));
  watched->next = parts_.runtime.in_ms(pause_ms);
  watched->offered.stale = true;
  if (!watched->fault) watched->availability = {"False", "FailedDiscoveryCheck", why};
}

template <class Take>
void Aggregating::fetch_document(const std::shared_ptr<const Backend>& backend, std::uint64_t generation, const std::string& path, Take take) {
  auto request = outbound(*backend, aggregator());
  if (!request) return;
  webhook::fetch(parts_.outgoing, plain_get(std::move(*request), path), kOpenApiBytesMax, [weak = weak_from_this(), backend, generation, take](const base::Outcome<webhook::Fetched>& outcome) {
    const auto self = weak.lock();
    if (!self || !outcome || outcome->status != 200) return;
    boost::system::error_code broken;
    const auto document = base::json_of(outcome->body, broken);
    if (broken || !document.is_object()) return;
    {
      const std::lock_guard lock(self->mutex_);
      if (auto* watched = self->current(backend->name, generation)) take(watched->offered, document.get_object());
    }
    self->timed_.in_ms(0);
  });
}

void Aggregating::fetch_openapi(const std::shared_ptr<const Backend>& backend, std::uint64_t generation) {
  const auto place = "apis/" + backend->group + "/" + backend->version;
  fetch_document(backend, generation, "/openapi/v3", [place](Offered& offered, const json::object& index) {
    const std::string url(auth::text_at(json::value(index), {"paths", place, "serverRelativeURL"}));
    if (url.starts_with("/openapi/v3/" + place)) offered.openapi_v3_url = url;   // nobody is sent elsewhere
  });
  fetch_document(backend, generation, "/openapi/v2", [place](Offered& offered, const json::object& document) {
    auto mine = only_paths_below(document, "/" + place + "/");
    if (!offered.openapi_v2 || *offered.openapi_v2 != mine) offered.openapi_v2 = std::make_shared<const json::object>(std::move(mine));
  });
}

class RunningAggregation final : public Aggregation {
 public:
  explicit RunningAggregation(std::shared_ptr<Aggregating> aggregating) : aggregating_(std::move(aggregating)) { aggregating_->start(); }
  ~RunningAggregation() override { aggregating_->stop(); }
  ApisRef apis() const override { return aggregating_->apis(); }
  base::Outcome<webhook::Outbound> outbound(const Backend& backend, const auth::Identity& user) override { return aggregating_->outbound(backend, user); }
  webhook::Outgoing& outgoing() override { return aggregating_->outgoing(); }
  void show(std::shared_ptr<const webhook::ClientCertificate> certificate) override { aggregating_->show(std::move(certificate)); }
  void stop() override { aggregating_->stop(); }

 private:
  std::shared_ptr<Aggregating> aggregating_;
};

}  // namespace

const Offered* Apis::find(std::string_view group, std::string_view version) const {
  for (const auto& one : offered)
    if (one.backend->group == group && one.backend->version == version) return &one;
  return nullptr;
}

std::unique_ptr<Aggregation> make_aggregation(AggregationParts parts) {
  return std::make_unique<RunningAggregation>(std::make_shared<Aggregating>(std::move(parts)));
}

}  // namespace keelson::aggregation

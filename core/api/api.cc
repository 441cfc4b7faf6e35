#include "core/api/api.hpp"

#include "core/api/aggregated.hpp"
#include "core/api/attributes.hpp"
#include "core/api/auditing.hpp"
#include "core/api/core.hpp"
#include "core/api/impersonation.hpp"
#include "core/api/options.hpp"
#include "core/api/proxying.hpp"
#include "core/api/turns.hpp"
#include "core/api/warnings.hpp"
#include "core/base/log.hpp"
#include "core/http/server.hpp"
#include "core/kinds/body_kinds.hpp"

namespace keelson::api {
namespace {

/// base64url without padding, as the WebSocket subprotocol carries tokens.
std::string base64url_decode(std::string_view text) {
  std::string out;
  std::uint32_t bits = 0;
  int count = 0;
  for (const char c : text) {
    int value;
    if (c >= 'A' && c <= 'Z') value = c - 'A';
    else if (c >= 'a' && c <= 'z') value = c - 'a' + 26;
    else if (c >= '0' && c <= '9') value = c - '0' + 52;
    else if (c == '-') value = 62;
    else if (c == '_') value = 63;
    else break;
    bits = bits << 6 | static_cast<std::uint32_t>(value);
    count += 6;
    if (count >= 8) out += static_cast<char>(bits >> (count -= 8) & 0xff);
  }
  return out;
}

std::optional<std::string> bearer_token(const http::Request& request) {
  static constexpr std::string_view scheme = "Bearer ", protocol = "base64url.bearer.authorization.k8s.io.";
  const auto authorization = request.header("Authorization");
  if (authorization.size() > scheme.size() && http::same_text(authorization.substr(0, scheme.size()), scheme)) return std::string(authorization.substr(scheme.size()));
  const auto offered = request.joined("Sec-WebSocket-Protocol");
  const auto at = offered.find(protocol);
  if (at == std::string::npos) return std::nullopt;
  const auto rest = std::string_view(offered).substr(at + protocol.size());
  return base64url_decode(rest.substr(0, rest.find_first_of(", ")));
}

std::string manager_from_agent(std::string_view agent) { return std::string(agent.substr(0, std::min(agent.find('/'), kFieldManagerBytesMax))); }

class Api final : public http::RequestHandler {
 public:
  explicit Api(ApiParts parts) : core_(parts), process_metrics_(add_process_metrics(parts.runtime, parts.metrics)) {
    objects_metric_ = parts.metrics.on_scrape("apiserver_storage_objects", "Objects stored, by resource.", "gauge", [&store = parts.store](const auto& emit) {
      const auto snapshot = store.snapshot();
      for (const auto resource : snapshot.resources()) emit({{"resource", std::string(resource.text())}}, static_cast<double>(snapshot.count(resource)));
    });
  }

  void handle(http::Request request, std::shared_ptr<http::Responder> responder) override {
    auto call = std::make_shared<Call>(core_, std::move(request), std::move(responder));
    guarded(call, [&] {
      answer(call);
      call->bound();
    });
  }

 private:
  template <class Work>
  static void guarded(const CallRef& call, Work work) {
    try {
      work();
    } catch (const std::exception& broken) {
      base::log_error("api", "a request ended by an exception", {{"what", broken.what()}, {"request", call->context.request_id}});
      if (call->record) call->record->panicked = true;
      call->text(500, "This request caused apiserver to panic. Look in the logs for details.");
    }
  }
  void answer(const CallRef& call);
  void serve(const CallRef& call);
  base::Outcome<auth::Identity> who_asks(http::Request& request) const;
  bool identify(const CallRef& call, auth::Attributes& asked);
  void answer_resource(const CallRef& call);
  bool may_learn(const CallRef& call);
  bool find_kind(const CallRef& call);
  bool settle_form(const CallRef& call);
  bool offered(const CallRef& call);
  void perform(const CallRef& call);

  Core core_;
  std::vector<std::shared_ptr<void>> process_metrics_;
  std::shared_ptr<void> objects_metric_;
};

// Asked for, or by a tool that people read.
bool wants_pretty(const Call& call) {
  if (call.query.has("pretty")) return truthy(call.query, "pretty");
  const auto agent = call.request.header("User-Agent");
  return agent.starts_with("curl") || agent.starts_with("Wget") || agent.starts_with("Mozilla/5.0");
}

void Api::answer(const CallRef& call) {
  auto& context = call->context;
  const auto audit_id = call->request.header("Audit-ID");
  static constexpr std::size_t kAuditIdBytesMax = 64;
  context.request_id = audit_id.empty() || audit_id.size() > kAuditIdBytesMax ? base::uuid_v4(core_.parts.runtime) : std::string(audit_id);
  context.field_manager = manager_from_agent(call->request.header("User-Agent"));
  if (!core_.parts.fairness && core_.observer->in_flight() > kRequestsInFlightMax)
    return call->send(429, "text/plain; charset=utf-8", http::text_payload("Too many requests, please try again later.\n"), {{"Retry-After", "1"}});
  auto asked = attributes_of(call->info, nullptr);
  if (!identify(call, asked)) return;
  call->form.pretty = wants_pretty(*call);
  const auto timeout_ns = request_timeout_ns(call->query, http::kRequestTimeout_ms * base::kNanosPerMs);
  if (!timeout_ns) return call->fail(timeout_ns.error());
  context.deadline = core_.parts.runtime.monotonic_ns() + *timeout_ns;
  const auto entry = core_.parts.fairness ? take_turn(call, asked) : Entry::now;
  if (entry == Entry::waits) return wait_for_turn(call, [this, call] { guarded(call, [&] { serve(call); }); });
  if (entry == Entry::now) serve(call);
}

// Upstream counts from a request's arrival and answers none whose time is over before it began (filters/timeout.go).
void Api::serve(const CallRef& call) {
  if (!streams(call->info) && core_.parts.runtime.monotonic_ns() >= call->context.deadline) return call->overdue();
  if (!call->info.broken.empty()) return call->fail(base::internal("failed to create RequestInfo: " + call->info.broken));
  call->info.resource_request ? answer_resource(call) : answer_path(call);
}

base::Outcome<auth::Identity> Api::who_asks(http::Request& request) const {
  auto spoken = spoken_for(request, core_.parts.front_proxy);
  if (!spoken) return spoken.error();
  if (*spoken) return std::move(**spoken);
  auth::Credentials credentials;
  credentials.bearer_token = bearer_token(request);
  const auto& certificate = request.certificate;
  if (certificate && certificate->verified) credentials.certificate = &certificate->subject;
  if (certificate && !certificate->verified && !credentials.bearer_token) return base::unauthorized();
  return core_.parts.chains.authenticate(credentials);
}

bool Api::identify(const CallRef& call, auth::Attributes& asked) {
  auto user = who_asks(call->request);
  asked.user = user ? &*user : nullptr;
  if (core_.parts.audit) begin_audit(*call, asked);
  if (!user) return call->fail(user.error()), false;
  if (impersonates(call->request)) {
    user = acting_as(call->request, core_.parts.chains, std::move(*user));
    if (!user) return call->fail(user.error()), false;
    if (call->record) call->record->impersonated = *user;
  }
  call->context.user = std::move(*user);
  asked.user = &call->context.user;
  return true;
}

bool known_group_version(const kinds::Catalog& catalog, const RequestInfo& info) {
  for (const auto& version : catalog.versions(info.group))
    if (version == info.version) return true;
  return false;
}

// Who may not do it does not learn that it cannot be done. False: refused.
bool Api::may_learn(const CallRef& call) {
  return permitted(*call, attributes_of(call->info, &call->context.user));
}

// 404 for what is not served.
bool Api::find_kind(const CallRef& call) {
  auto& info = call->info;
  const auto catalog = core_.parts.registry.current();
  if ((info.prefix == "api") == info.group.empty()) call->kind = catalog->find(info.group, info.version, info.resource);
  const bool subresource_known = call->kind && (info.subresource.empty() || call->kind->subresource(info.subresource) != nullptr || route_of(*call) != nullptr);
  if (subresource_known) return true;
  if (!may_learn(call)) return false;
  if (known_group_version(*catalog, info)) return call->fail(base::no_such_resource()), false;
  call->text(404, "404 page not found\n");
  return false;
}

bool Api::settle_form(const CallRef& call) {
  const auto& verb = call->info.verb;
  Offer offer;
  offer.list = verb == "list" || verb == "deletecollection" || verb == "watch";
  offer.watch = verb == "watch";
  offer.protobuf = offer.routed = !call->kind->strategy.custom_resource;
  auto form = negotiate(call->request.joined("Accept"), offer);
  if (!form) return call->fail(form.error()), false;
  form->pretty |= call->form.pretty;
  call->form = std::move(*form);
  call->form_settled = true;
  return true;
}

// What clients can list but not watch is told by name; of other verbs the router knows nothing.
base::Error not_offered(const Call& call) {
  const auto& kind = *call.kind;
  const bool only_watch = call.info.verb == "watch" && call.info.subresource.empty() && kind.allows("list");
  return only_watch ? base::method_not_allowed(kind.group, kind.resource, "watch") : method_not_routed();
}

// Whether the URL's shape and the verb fit together and the kind offers the verb.
bool Api::offered(const CallRef& call) {
  const auto& info = call->info;
  const auto* sub = info.subresource.empty() ? nullptr : call->kind->subresource(info.subresource);
  const bool collection_write = info.name.empty() && (info.verb == "update" || info.verb == "patch");
  const bool named_create = info.verb == "create" && !info.name.empty() && !sub;
  const bool written_watch = info.watch_prefix && call->request.method != "GET";
  const bool unknown = info.verb.empty() || info.verb == "proxy" || !info.rest.empty() || written_watch;
  const bool misplaced = call->kind->namespaced && info.ns.empty() && !info.name.empty() && !info.name_from_selector && !info.watch_prefix;
  // Of all namespaces things are read, not written: nobody empties a cluster by leaving out a name.
  const bool everywhere = call->kind->namespaced && info.ns.empty() && (info.verb == "create" || info.verb == "deletecollection");
  const auto refuse = [&](const base::Error& why) {
    call->warnings.clear();   // no route, no word about the kind
    if (may_learn(call)) call->fail(why);
    return false;
  };
  // Upstream's router knows no HEAD; what serves custom resources takes it for GET.
  const bool head = call->request.method == "HEAD" && !call->kind->strategy.custom_resource;
  if (collection_write || named_create || unknown || everywhere || head) return refuse(method_not_routed());
  if (misplaced || (!call->kind->namespaced && !info.ns.empty() && info.resource != "namespaces")) return refuse(base::no_such_resource());
  bool has = call->kind->allows(info.verb) || kinds::definition_ends(*call->kind);
  if (sub) has = std::find(sub->verbs.begin(), sub->verbs.end(), info.verb) != sub->verbs.end();
  if (!has) return refuse(not_offered(*call));
  return true;
}

// Of a plugin's kind that is stored nowhere.
bool serves_all(const Call& call) { return call.info.subresource.empty() && call.kind->declared_by.starts_with("plugin:") && route_of(call) != nullptr; }

void Api::answer_resource(const CallRef& call) {
  if (answer_aggregated(call) || answer_review(call) || !find_kind(call)) return;
  if (!call->kind->deprecation.empty()) call->warnings.push_back(call->kind->deprecation);
  // Told before the name is looked at, as upstream does.
  if (call->info.verb == "patch" && call->info.subresource != "proxy")
    if (const auto form = patch_form(call->request.header("Content-Type"), call->kind->strategy.custom_resource); !form) return call->fail(form.error());
  if (const auto complaint = path_segment_complaint(call->info.name); !call->info.name.empty() && !complaint.empty())
    return call->fail(base::bad_request("Name parameter invalid: \"" + call->info.name + "\": " + complaint));
  if (answer_proxy(call)) return;
  if (serves_all(*call) && !offered(call)) return;
  if ((!call->info.subresource.empty() || serves_all(*call)) && answer_stream(call)) return;
  if (!settle_form(call) || !offered(call)) return;
  perform(call);
}

void Api::perform(const CallRef& call) {
  const auto& verb = call->info.verb;
  if (verb == "get") return answer_get(call);
  if (verb == "list") return answer_list(call);
  if (verb == "watch") return answer_watch(call);
  if (verb == "create") return answer_create(call);
  if (verb == "update") return answer_update(call);
  if (verb == "patch") return answer_patch(call);
  if (verb == "delete") return answer_delete(call);
  if (verb == "deletecollection") return answer_delete_collection(call);
  call->fail(method_not_routed());
}

}  // namespace

base::Error method_not_routed() {
  base::Error error;
  error.code = 405;
  error.reason = "MethodNotAllowed";
  error.message = "the server does not allow this method on the requested resource";
  return error;
}

std::unique_ptr<http::RequestHandler> make_api(ApiParts parts) { return std::make_unique<Api>(parts); }

}  // namespace keelson::api

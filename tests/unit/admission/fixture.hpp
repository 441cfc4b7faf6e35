// A cluster without HTTP on real time, with all of admission: webhooks really are called.
#pragma once
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <future>

#include "core/admission/admission.hpp"
#include "core/auth/json_access.hpp"
#include "core/base/base64.hpp"
#include "core/verbs/verbs.hpp"
#include "core/webhook/client.hpp"
#include "tests/unit/webhook/https_server.hpp"

namespace keelson::admission_test {

namespace json = boost::json;
using test::HttpsReply;
using test::HttpsRequest;
using test::HttpsServer;
using verbs::WriteOptions;
using verbs::Written;

class Cluster {
 public:
  Cluster()
      : runtime(base::real_runtime()), metrics(base::make_metrics()), store(store::make_memory_store(*runtime, *metrics)), hub(watch::make_hub(*store, *runtime, *metrics)),
        registry(kinds::make_registry()), chains(auth::make_chains()), client(webhook::make_client(*runtime, *metrics)) {
    auth::add_default_admission(*chains);
    verbs = verbs::make_verbs({*store, *hub, *registry, *chains, nullptr, *runtime, *metrics});
    admission = admission::make_admission({*chains, *registry, *store, *runtime, *metrics, client.get()});
    admission->start(*verbs);
    admin.user.name = "admin";
    admin.user.uid = "u-1";
    admin.user.groups = {"system:masters", "system:authenticated"};
    admin.field_manager = "test";
    for (const std::string ns : {"default", "kube-system"}) {
      must(create("v1/namespaces", "", R"({"metadata":{"name":")" + ns + R"("}})"));
      must(create("v1/serviceaccounts", ns, R"({"metadata":{"name":"default"}})"));
    }
  }
  ~Cluster() {
    admission->stop();
    client->stop();
    hub->stop();
    store->stop();
  }

  verbs::Target target(std::string_view what, std::string ns, std::string name = "") const {
    std::vector<std::string> parts;
    for (std::size_t from = 0, to; from <= what.size(); from = to + 1) {
      to = std::min(what.find('/', from), what.size());
      parts.emplace_back(what.substr(from, to - from));
    }
    const bool core = parts[0] == "v1";
    verbs::Target out;
    out.kind = core ? registry->current()->find("", "v1", parts[1]) : registry->current()->find(parts[0], parts[1], parts[2]);
    if (!out.kind) throw std::runtime_error("no kind " + std::string(what));
    if (const std::size_t own = core ? 2 : 3; parts.size() > own) out.subresource = parts[own];
    out.ns = std::move(ns);
    out.name = std::move(name);
    return out;
  }

  using Outcome = base::Outcome<Written>;
  std::future<Outcome> start(const std::function<void(verbs::OnWritten)>& call) {
    auto promise = std::make_shared<std::promise<Outcome>>();
    call([promise](Outcome outcome) { promise->set_value(std::move(outcome)); });
    return promise->get_future();
  }
  std::future<Outcome> creating(std::string_view what, std::string ns, std::string body, WriteOptions options = {}) {
    return start([&](auto done) { verbs->create(admin, target(what, std::move(ns)), {kinds::Media::json, std::move(body)}, options, std::move(done)); });
  }
  Outcome create(std::string_view what, std::string ns, std::string body, WriteOptions options = {}) { return creating(what, std::move(ns), std::move(body), options).get(); }
  Outcome update(std::string_view what, std::string ns, std::string name, std::string body) {
    return start([&](auto done) { verbs->update(admin, target(what, ns, name), {kinds::Media::json, std::move(body)}, {}, std::move(done)); }).get();
  }
  Outcome patch(std::string_view what, std::string ns, std::string name, std::string body, WriteOptions options = {}) {
    return start([&](auto done) { verbs->patch(admin, target(what, ns, name), kinds::PatchType::merge, {kinds::Media::json, std::move(body)}, options, std::move(done)); }).get();
  }
  Outcome remove(std::string_view what, std::string ns, std::string name) {
    return start([&](auto done) { verbs->remove(admin, target(what, ns, name), {}, std::move(done)); }).get();
  }
  static store::ObjectRef must(Outcome written) {
    if (!written) FAIL(written.error().message);
    return written->object;
  }
  /// What is stored, changed beside admission and validation: as another version of this server may have left it.
  void store_as_it_was(std::string_view what, std::string ns, std::string name, const std::function<void(json::object&)>& change) {
    const auto before = stored(what, std::move(ns), std::move(name));
    auto body = json::parse(before->body());
    change(body.as_object());
    body.at("metadata").at("resourceVersion") = std::string(store::kRevisionSlotBytes - 1, '#');
    auto text = json::serialize(body);
    const auto slot = text.find('#');
    store::Commit commit;
    commit.writes.push_back({store::Operation::update, before->key(), store::Draft(copy_of(before->columns()), text, slot), store::Durability::synced});
    std::promise<bool> done;
    store->commit(std::move(commit), [&](const store::CommitOutcome& outcome) { done.set_value(outcome.committed.has_value()); });
    if (!done.get_future().get()) throw std::runtime_error("not stored");
  }
  store::ObjectRef stored(std::string_view what, std::string ns, std::string name) { return store->snapshot().get({target(what, ns).kind->storage_key, ns, name}); }
  /// True when `holds` is within half a minute.
  bool eventually(const std::function<bool()>& holds) {
    const auto deadline = runtime->in_ms(30'000);
    while (!holds()) {
      if (runtime->monotonic_ns() > deadline) return false;
      std::this_thread::yield();
    }
    return true;
  }
  std::string message(Outcome outcome) { return outcome ? std::string("no failure") : outcome.error().message; }

  /// A configuration with one webhook over configmaps; `more` adds or replaces fields of the webhook.
  void webhook(const std::string& kind, const std::string& name, const HttpsServer& server, const std::string& more = "{}") {
    json::value hook = json::parse(R"({"sideEffects":"None","admissionReviewVersions":["v1"],"timeoutSeconds":5,
      "rules":[{"operations":["CREATE","UPDATE","DELETE"],"apiGroups":[""],"apiVersions":["v1"],"resources":["configmaps"]}]})");
    auto& fields = hook.get_object();
    fields["name"] = name + ".example.com";
    fields["clientConfig"] = {{"url", server.url("/" + name)}, {"caBundle", base::base64_encode(server.ca.certificate_pem)}};
    const auto given = json::parse(more);
    for (const auto& [key, value] : given.get_object()) fields[key] = value;
    must(create("admissionregistration.k8s.io/v1/" + kind, "", json::serialize(json::object{{"metadata", {{"name", name}}}, {"webhooks", json::array{hook}}})));
  }

  std::unique_ptr<base::Runtime> runtime;
  std::unique_ptr<base::Metrics> metrics;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<watch::Hub> hub;
  std::unique_ptr<kinds::Registry> registry;
  std::unique_ptr<auth::Chains> chains;
  std::unique_ptr<webhook::Client> client;
  std::unique_ptr<verbs::Verbs> verbs;
  std::unique_ptr<admission::Admission> admission;
  verbs::Context admin;
};

inline constexpr const char* kValidating = "validatingwebhookconfigurations";
inline constexpr const char* kMutating = "mutatingwebhookconfigurations";

/// The review that a webhook got.
inline json::value asked(const HttpsRequest& request) { return json::parse(request.body); }
/// A right answer; `response` has what follows the uid.
inline HttpsReply answered(const HttpsRequest& request, json::object response) {
  response["uid"] = *auth::find(asked(request), {"request", "uid"});
  return {.body = json::serialize(json::object{{"apiVersion", "admission.k8s.io/v1"}, {"kind", "AdmissionReview"}, {"response", std::move(response)}})};
}
inline HttpsReply patched(const HttpsRequest& request, const std::string& operations) {
  return answered(request, {{"allowed", true}, {"patchType", "JSONPatch"}, {"patch", base::base64_encode(operations)}});
}
inline std::string config_map(const std::string& name, const std::string& more = "") { return R"({"metadata":{"name":")" + name + "\"" + more + "}}"; }
inline bool holds(const std::string& text, const std::string& part) {
  if (text.find(part) != std::string::npos) return true;
  UNSCOPED_INFO(text);
  return false;
}

}  // namespace keelson::admission_test

// A cluster without HTTP: real store, engine, admission and verbs on virtual time.
#pragma once
#include <boost/json/parse.hpp>
#include <boost/json/serialize.hpp>
#include <catch2/catch.hpp>
#include <iostream>

#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"
#include "core/base/simulated_runtime.hpp"
#include "core/verbs/verbs.hpp"

namespace keelson::verbs_test {

namespace json = boost::json;
using verbs::DeleteOptions;
using verbs::WriteOptions;
using verbs::Written;

inline json::value parsed(const store::ObjectRef& object) { return base::json_of(object->body()); }
/// The text at a dotted path, "" when there is none.
inline std::string at(const store::ObjectRef& object, auth::Path path) { return std::string(auth::text_at(parsed(object), path)); }
inline std::int64_t number(const store::ObjectRef& object, auth::Path path) { return auth::integer_at(parsed(object), path, -999); }
inline bool has(const store::ObjectRef& object, auth::Path path) { return auth::find(parsed(object), path) != nullptr; }

class Cluster {
 public:
  explicit Cluster(std::uint64_t seed = 1)
      : runtime(base::simulated_runtime(seed)), metrics(base::make_metrics()), store(store::make_memory_store(*runtime, *metrics)), hub(watch::make_hub(*store, *runtime, *metrics)),
        registry(kinds::make_registry()), chains(auth::make_chains()), tokens(std::move(*auth::make_token_issuer(auth::make_ec_key_pem(), "https://kubernetes.default.svc", *runtime))) {
    auth::add_default_admission(*chains);
    chains->add(tokens->authenticator(*store));
    verbs = verbs::make_verbs({*store, *hub, *registry, *chains, tokens.get(), *runtime, *metrics});
    admin.user.name = "system:admin";
    admin.user.groups = {"system:masters", "system:authenticated"};
    admin.field_manager = "test";
    for (const std::string ns : {"default", "kube-system", "other"}) {
      must(create("v1/namespaces", "", R"({"metadata":{"name":")" + ns + R"("}})"));
      must(create("v1/serviceaccounts", ns, R"({"metadata":{"name":"default"}})"));
    }
  }
  ~Cluster() {
    hub->stop();
    store->stop();
    runtime->settle();
  }

  /// "v1/pods", "apps/v1/deployments", with "/scale" a subresource.
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

  template <class T>
  base::Outcome<T> wait(const std::function<void(std::function<void(base::Outcome<T>)>)>& call) {
    std::optional<base::Outcome<T>> outcome;
    call([&](base::Outcome<T> result) {
      REQUIRE_FALSE(outcome.has_value());
      outcome.emplace(std::move(result));
    });
    for (int i = 0; !outcome && i < 200; ++i) runtime->advance(100 * base::kNanosPerMs);
    REQUIRE(outcome.has_value());
    return std::move(*outcome);
  }

  base::Outcome<Written> create(std::string_view what, std::string ns, std::string body, WriteOptions options = {}) { return create_at(target(what, std::move(ns)), std::move(body), options); }
  base::Outcome<Written> create_at(verbs::Target where, std::string body, WriteOptions options = {}) {
    return wait<Written>([&](auto done) { verbs->create(admin, where, {kinds::Media::json, std::move(body)}, options, done); });
  }
  base::Outcome<Written> update(std::string_view what, std::string ns, std::string name, std::string body, WriteOptions options = {}) {
    return wait<Written>([&](auto done) { verbs->update(admin, target(what, ns, name), {kinds::Media::json, std::move(body)}, options, done); });
  }
  base::Outcome<Written> patch(std::string_view what, std::string ns, std::string name, std::string body, kinds::PatchType type = kinds::PatchType::merge, WriteOptions options = {}) {
    return wait<Written>([&](auto done) { verbs->patch(admin, target(what, ns, name), type, {kinds::Media::json, std::move(body)}, options, done); });
  }
  base::Outcome<Written> remove(std::string_view what, std::string ns, std::string name, DeleteOptions options = {}) {
    return wait<Written>([&](auto done) { verbs->remove(admin, target(what, ns, name), options, done); });
  }
  base::Outcome<store::ObjectRef> get(std::string_view what, std::string ns, std::string name, verbs::ReadOptions options = {}) {
    return wait<store::ObjectRef>([&](auto done) { verbs->get(admin, target(what, ns, name), options, done); });
  }
  base::Outcome<verbs::Listed> list(std::string_view what, std::string ns, verbs::ListOptions options = {}) {
    return wait<verbs::Listed>([&](auto done) { verbs->list(admin, target(what, ns), options, done); });
  }

  static store::ObjectRef must(base::Outcome<Written> written) {
    if (!written) FAIL(written.error().message);
    return written->object;
  }
  store::ObjectRef stored(std::string_view what, std::string ns, std::string name) { return store->snapshot().get({target(what, ns).kind->storage_key, ns, name}); }
  store::Revision revision() const { return store->snapshot().revision(); }
  void sleep_s(std::int64_t seconds) { runtime->advance(seconds * base::kNanosPerSecond); }

  /// A pod that is bound to a node, unless `node` is empty.
  store::ObjectRef pod(const std::string& name, const std::string& node = "n1", const std::string& more_metadata = "") {
    auto made = must(create("v1/pods", "default", R"({"metadata":{"name":")" + name + "\"" + more_metadata + R"(},"spec":{"containers":[{"name":"c","image":"i"}]}})"));
    if (node.empty()) return made;
    return must(create_at(target("v1/pods/binding", "default", name), R"({"metadata":{"name":")" + name + R"("},"target":{"kind":"Node","name":")" + node + "\"}}"));
  }

  std::unique_ptr<base::SimulatedRuntime> runtime;
  std::unique_ptr<base::Metrics> metrics;
  std::unique_ptr<store::Store> store;
  std::unique_ptr<watch::Hub> hub;
  std::unique_ptr<kinds::Registry> registry;
  std::unique_ptr<auth::Chains> chains;
  std::unique_ptr<auth::TokenIssuer> tokens;
  std::unique_ptr<verbs::Verbs> verbs;
  verbs::Context admin;
};

/// The error of something that has to fail.
template <class T>
base::Error error_of(const base::Outcome<T>& outcome) {
  if (outcome.has_value()) {
    FAIL_CHECK("succeeded");
    return {};
  }
  return outcome.error();
}

}  // namespace keelson::verbs_test

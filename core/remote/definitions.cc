#include "core/remote/definitions.hpp"

#include <boost/json.hpp>

#include "core/auth/json_access.hpp"
#include "core/base/json_value.hpp"
#include "core/base/log.hpp"
#include "core/kinds/engine.hpp"
#include "core/plugins/calls.hpp"
#include "core/remote/informers.hpp"

namespace keelson::remote {

namespace json = boost::json;

namespace {

constexpr const char* kDefinitions = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

bool established(const json::value& definition) {
  const auto* conditions = auth::list_at(definition, {"status", "conditions"});
  if (conditions == nullptr) return false;
  for (const auto& condition : *conditions)
    if (auth::text_at(condition, {"type"}) == "Established" && auth::text_at(condition, {"status"}) == "True") return true;
  return false;
}

base::Error told(const std::string& what, base::Error error) {
  error.message = what + ": " + error.message;
  return error;
}

base::Outcome<void> wait_until_established(Client& client, base::Runtime& runtime, const std::string& name) {
  const auto deadline = runtime.in_ms(kEstablished_ms);
  const auto waiter = runtime.waiter();
  for (;;) {
    const auto answer = ask(client, runtime, {"GET", kDefinitions + ("/" + name)});
    boost::system::error_code failed;
    if (answer && established(base::json_of(*answer, failed))) return {};
    if (!answer && answer.error().code != 404) return told("kind " + name, answer.error());
    if (runtime.monotonic_ns() > deadline) return base::timeout("kind " + name + " is not established");
    waiter->wait_until(runtime.in_ms(kEstablishedLook_ms));
  }
}

base::Outcome<void> install_one(Client& client, base::Runtime& runtime, const std::string& declared, InstallKinds when, const std::string& manager) {
  auto definition = kinds::parse(kinds::Media::yaml, declared, {});
  if (!definition) return definition.error();
  const std::string name(auth::text_at(*definition, {"metadata", "name"}));
  const auto path = kDefinitions + ("/" + name);
  const auto there = ask(client, runtime, {"GET", path});
  if (!there && there.error().code != 404) return told("kind " + name, there.error());
  if (!there && when == InstallKinds::never) return told("kind " + name + " is not installed, and is not to be", there.error());
  if (!there || when == InstallKinds::always) {
    definition->get_object().erase("status");
    const auto put = ask(client, runtime, {"PATCH", path + "?force=true&fieldManager=" + escaped(manager), "application/apply-patch+yaml", json::serialize(*definition)});
    if (!put) return told("kind " + name + " was not installed", put.error());
    base::log_info("remote", "kind installed", {{"definition", name}});
  }
  return wait_until_established(client, runtime, name);
}

}  // namespace

base::Outcome<std::string> ask(Client& client, base::Runtime& runtime, Request request) {
  return body_of(plugins::await<base::Outcome<Answer>>(runtime, [&](auto done) { client.send(std::move(request), std::move(done)); }));
}

base::Outcome<void> install_definitions(Client& client, base::Runtime& runtime, const std::vector<std::string>& declared, InstallKinds when, const std::string& manager) {
  for (const auto& one : declared)
    if (auto installed = install_one(client, runtime, one, when, manager); !installed) return installed;
  return {};
}

void learn_definitions(Client& client, base::Runtime& runtime, kinds::Registry& registry) {
  const auto answer = ask(client, runtime, {"GET", kDefinitions});
  boost::system::error_code failed;
  const auto all = answer ? base::json_of(*answer, failed) : json::value();
  const auto* items = answer ? auth::list_at(all, {"items"}) : nullptr;
  if (items == nullptr) return base::log_info("remote", "other custom resources are not known", {{"why", answer ? "no list" : answer.error().message}});
  for (const auto& item : *items) {
    auto versions = kinds::kinds_from_crd(item);
    if (!versions || versions->empty() || registry.current()->by_storage_key(versions->front().storage_key)) continue;
    for (auto& kind : *versions) kind.declared_by = "crd:" + std::string(auth::text_at(item, {"metadata", "name"}));
    if (const auto installed = registry.install_versions(std::move(*versions)); !installed)
      base::log_warn("remote", "a custom resource is not understood", {{"why", installed.error().message}});
  }
}

}  // namespace keelson::remote

#include "support.hpp"

#include <algorithm>

#include "core/kinds/crd/schema_rules.hpp"

namespace kinds_test {
using namespace keelson::kinds;

json::value js(std::string_view text) {
  std::string quoted(text);
  std::replace(quoted.begin(), quoted.end(), '\'', '"');
  return json::parse(quoted);
}

json::value crontab_crd(std::string_view spec) {
  return js("{'metadata':{'name':'crontabs.stable.example.com'},'spec':{'group':'stable.example.com','scope':'Namespaced','names':{'plural':'crontabs','kind':'CronTab','shortNames':['ct']},"
            "'versions':[{'name':'v1','served':true,'storage':true,'subresources':{'status':{},'scale':{'specReplicasPath':'.spec.replicas','statusReplicasPath':'.status.replicas'}},"
            "'additionalPrinterColumns':[{'name':'Spec','type':'string','jsonPath':'.spec.cronSpec'}],'selectableFields':[{'jsonPath':'.spec.cronSpec'}],"
            "'schema':{'openAPIV3Schema':{'description':'A cron tab.','type':'object','properties':{'spec':" +
            std::string(spec) + ",'status':{'type':'object','x-kubernetes-preserve-unknown-fields':true}}}}}]}}");
}

std::string violations(std::string_view spec_schema, std::string_view spec) {
  const auto kinds = kinds_from_crd(crontab_crd(spec_schema));
  REQUIRE(kinds.has_value());
  std::vector<keelson::base::Cause> causes;
  validate_rules(*kinds->front().type, js("{'spec':" + std::string(spec) + "}"), "", causes);
  std::string text;
  for (const auto& cause : causes) text += (text.empty() ? "" : "\n") + cause.field + ": " + cause.message;
  std::replace(text.begin(), text.end(), '"', '\'');
  return text;
}

std::string crd_refusal(const json::value& crd) {
  const auto kinds = kinds_from_crd(crd);
  if (kinds) return "accepted";
  CHECK(kinds.error().code == 422);
  std::string text;
  for (const auto& cause : kinds.error().causes) text += (text.empty() ? "" : "\n") + cause.field + ": " + cause.message;
  return text;
}

CatalogRef catalog_with(const json::value& crd) {
  auto registry = make_registry();
  auto kinds = kinds_from_crd(crd);
  REQUIRE(kinds.has_value());
  for (auto& kind : *kinds) REQUIRE(registry->install(std::move(kind)).has_value());
  return registry->current();
}

CatalogRef catalog_with_crontab() {
  return catalog_with(crontab_crd("{'type':'object','description':'Wanted.','required':['cronSpec'],'properties':{'cronSpec':{'type':'string','description':'When.'},'any':{'nullable':true,'type':'string'}}}"));
}

}  // namespace kinds_test

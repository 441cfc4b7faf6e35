// Rules of endpoints, address ranges and webhook configurations, with the texts of Kubernetes.
#include <catch2/catch.hpp>

#include "tests/unit/kinds/support.hpp"

using namespace keelson::kinds;

namespace {

/// The object's fields beside its metadata, with single quotes.
json::value object_of(const Kind& kind, std::string_view rest, std::string_view name) {
  std::string text = "{'metadata':{'name':'" + std::string(name) + "','uid':'u'" + (kind.namespaced ? ",'namespace':'d'" : "") + "}," + std::string(rest) + "}";
  for (char& c : text)
    if (c == '\'') c = '"';
  return defaulted(kind, text);
}

std::string said(std::string_view api, std::string_view kind, std::string_view rest, std::string_view before = "", std::string_view name = "a") {
  const auto k = builtin(api, kind);
  const auto now = object_of(*k, rest, name);
  const auto old = object_of(*k, before.empty() ? rest : before, name);
  std::string text;
  for (const auto& cause : validate(*k, now, before.empty() ? nullptr : &old, "")) text += (text.empty() ? "" : " | ") + cause.field + ": " + cause.message;
  return text;
}

constexpr std::string_view kNet = "networking.k8s.io/v1", kHooks = "admissionregistration.k8s.io/v1";

std::string hook(std::string_view more, std::string_view name = "a.b.c") {
  return "'webhooks':[{'name':'" + std::string(name) + "','clientConfig':{'url':'https://x/y'},'sideEffects':'None','admissionReviewVersions':['v1']" + std::string(more) + "}]";
}

}  // namespace

TEST_CASE("endpoints have addresses that others can reach, and ports") {
  CHECK(said("v1", "Endpoints", "'subsets':[{'addresses':[{'ip':'10.0.0.1'}],'ports':[{'port':80}]}]") == "");
  CHECK(said("v1", "Endpoints", "'subsets':[{}]") == "subsets[0]: Required value: must specify `addresses` or `notReadyAddresses`");
  CHECK(said("v1", "Endpoints", "'subsets':[{'addresses':[{'ip':'127.0.0.1'}]}]") == "subsets[0].addresses[0].ip: Invalid value: \"127.0.0.1\": may not be in the loopback range (127.0.0.0/8, ::1/128)");
  CHECK(said("v1", "Endpoints", "'subsets':[{'addresses':[{'ip':'10.0.0.1'}],'ports':[{'port':80},{'port':0,'name':'b'}]}]") ==
        "subsets[0].ports[0].name: Required value | subsets[0].ports[1].port: Invalid value: 0: must be between 1 and 65535, inclusive");
}

TEST_CASE("address ranges stay, and addresses are named after themselves") {
  CHECK(said(kNet, "ServiceCIDR", "'spec':{'cidrs':['10.0.0.0/16']}") == "");
  CHECK(said(kNet, "ServiceCIDR", "'spec':{'cidrs':[]}") == "spec.cidrs: Required value: at least one CIDR required");
  CHECK(said(kNet, "ServiceCIDR", "'spec':{'cidrs':['10.0.0.0/16','10.1.0.0/16']}").find("may specify no more than one IP for each IP family") != std::string::npos);
  CHECK(said(kNet, "ServiceCIDR", "'spec':{'cidrs':['10.0.0.0/16','fd00::/108']}", "'spec':{'cidrs':['10.0.0.0/16']}") == "");
  CHECK(said(kNet, "ServiceCIDR", "'spec':{'cidrs':['10.1.0.0/16']}", "'spec':{'cidrs':['10.0.0.0/16']}").find("field is immutable") != std::string::npos);
  const std::string parent = "'spec':{'parentRef':{'resource':'services','name':'s'}}";
  CHECK(said(kNet, "IPAddress", parent, "", "10.0.0.1") == "");
  CHECK(said(kNet, "IPAddress", parent, "", "ten").find("metadata.name: Invalid value: \"ten\": must be a valid IP address") == 0);
}

TEST_CASE("webhook configurations say who is asked, about what and how long") {
  for (const std::string_view kind : {"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}) {
    CHECK(said(kHooks, kind, hook("")) == "");
    CHECK(said(kHooks, kind, hook("", "a.b")) == "webhooks[0].name: Invalid value: \"a.b\": should be a domain with at least three segments separated by dots");
    CHECK(said(kHooks, kind, hook(",'timeoutSeconds':31")) == "webhooks[0].timeoutSeconds: Invalid value: 31: the timeout value must be between 1 and 30 seconds");
    CHECK(said(kHooks, kind, hook(",'failurePolicy':'Maybe'")) == "webhooks[0].failurePolicy: Unsupported value: \"Maybe\": supported values: \"Fail\", \"Ignore\"");
    CHECK(said(kHooks, kind, hook(",'rules':[{'operations':['CREATE'],'apiGroups':[''],'apiVersions':['v1']}]")) == "webhooks[0].rules[0].resources: Required value");
  }
  CHECK(said(kHooks, "ValidatingWebhookConfiguration", "'webhooks':[{'name':'a.b.c','clientConfig':{},'admissionReviewVersions':['v2']}]") ==
        "webhooks[0].sideEffects: Required value: must specify one of None, NoneOnDryRun | webhooks[0].clientConfig: Required value: exactly one of url or service is required | "
        "webhooks[0].admissionReviewVersions: Invalid value: [\"v2\"]: must include at least one of v1, v1beta1");
}

TEST_CASE("webhooks have no side effects and speak a known version, unless they were let in otherwise") {
  const auto with = [](std::string_view effects, std::string_view versions) {
    return "'webhooks':[{'name':'a.b.c','clientConfig':{'url':'https://x/y'},'sideEffects':'" + std::string(effects) + "','admissionReviewVersions':[" + std::string(versions) + "]}]";
  };
  for (const std::string_view kind : {"ValidatingWebhookConfiguration", "MutatingWebhookConfiguration"}) {
    for (const std::string effects : {"Some", "Unknown"}) {
      const auto wrong = "webhooks[0].sideEffects: Unsupported value: \"" + effects + "\": supported values: \"None\", \"NoneOnDryRun\"";
      CHECK(said(kHooks, kind, with(effects, "'v1'")) == wrong);
      CHECK(said(kHooks, kind, with(effects, "'v1'"), with("None", "'v1'")) == wrong);
      CHECK(said(kHooks, kind, with(effects, "'v1','v1beta1'"), with("Some", "'v1'")) == "");
    }
    CHECK(said(kHooks, kind, with("NoneOnDryRun", "'v1'")) == "");
    for (const std::string effects : {"", "Maybe"})
      CHECK(said(kHooks, kind, with(effects, "'v1'")) == "webhooks[0].sideEffects: Unsupported value: \"" + effects + "\": supported values: \"None\", \"NoneOnDryRun\"");
    CHECK(said(kHooks, kind, hook(",'failurePolicy':''")) == "webhooks[0].failurePolicy: Unsupported value: \"\": supported values: \"Fail\", \"Ignore\"");
    CHECK(said(kHooks, kind, hook(",'matchPolicy':''")) == "webhooks[0].matchPolicy: Unsupported value: \"\": supported values: \"Equivalent\", \"Exact\"");
    CHECK(said(kHooks, kind, with("None", "'v3'"), with("None", "'v2'")) == "");
    CHECK(said(kHooks, kind, with("None", "'v3'"), with("None", "'v1'")) == "webhooks[0].admissionReviewVersions: Invalid value: [\"v3\"]: must include at least one of v1, v1beta1");
    CHECK(said(kHooks, kind, with("None", "'v1','v1'")) == "webhooks[0].admissionReviewVersions[1]: Invalid value: \"v1\": duplicate version");
    CHECK(said(kHooks, kind, with("None", "'v1','1v'")).find("webhooks[0].admissionReviewVersions[1]: Invalid value: \"1v\": a DNS-1035 label must consist of") == 0);
  }
}

// URLs, media types and query options, without a server.
#include <catch2/catch.hpp>

#include "core/api/health.hpp"
#include "core/api/negotiate.hpp"
#include "core/api/request_info.hpp"
#include "core/api/text.hpp"
#include "core/api/warnings.hpp"

using namespace keelson;
using namespace keelson::api;
using namespace keelson::http;

namespace {

std::string shown(std::string_view method, std::string_view path, std::string_view query = {}) {
  const auto info = resolve(method, path, Query(query));
  if (!info.resource_request) return "path " + info.verb;
  return info.verb + " g=" + info.group + " v=" + info.version + " ns=" + info.ns + " r=" + info.resource + " n=" + info.name + " s=" + info.subresource;
}

}  // namespace

TEST_CASE("URLs mean what upstream's resolver says") {
  CHECK(shown("GET", "/") == "path get");
  CHECK(shown("GET", "/api") == "path get");
  CHECK(shown("GET", "/api/v1") == "path get");
  CHECK(shown("GET", "/apis/apps/v1") == "path get");
  CHECK(shown("GET", "/api/v1/pods") == "list g= v=v1 ns= r=pods n= s=");
  CHECK(shown("GET", "/api/v1/pods", "watch=1") == "watch g= v=v1 ns= r=pods n= s=");
  CHECK(shown("GET", "/api/v1/pods", "watch=false") == "list g= v=v1 ns= r=pods n= s=");
  CHECK(shown("GET", "/api/v1/watch/namespaces/a/pods/b") == "watch g= v=v1 ns=a r=pods n=b s=");
  CHECK(shown("GET", "/api/v1/namespaces") == "list g= v=v1 ns= r=namespaces n= s=");
  CHECK(shown("GET", "/api/v1/namespaces/a") == "get g= v=v1 ns=a r=namespaces n=a s=");
  CHECK(shown("PUT", "/api/v1/namespaces/a/finalize") == "update g= v=v1 ns=a r=namespaces n=a s=finalize");
  CHECK(shown("GET", "/api/v1/namespaces/a/pods/b/log") == "get g= v=v1 ns=a r=pods n=b s=log");
  CHECK(shown("DELETE", "/api/v1/namespaces/a/pods") == "deletecollection g= v=v1 ns=a r=pods n= s=");
  CHECK(shown("PATCH", "/apis/apps/v1/namespaces/a/deployments/d/scale") == "patch g=apps v=v1 ns=a r=deployments n=d s=scale");
  CHECK(shown("POST", "/apis/apps/v1/namespaces/a/deployments") == "create g=apps v=v1 ns=a r=deployments n= s=");
  CHECK(shown("GET", "/api/v1/pods", "fieldSelector=metadata.name%3Dx") == "list g= v=v1 ns= r=pods n=x s=");
  CHECK(resolve("GET", "/api/v1/watch", Query()).broken != "");
}

TEST_CASE("names in paths that could climb are refused") {
  CHECK(path_segment_complaint("..") == "may not be '..'");
  CHECK(path_segment_complaint(".") == "may not be '.'");
  CHECK(path_segment_complaint("a%b") == "may not contain '%'");
  CHECK(path_segment_complaint("a.b").empty());
}

TEST_CASE("Accept picks the first clause that can be met") {
  const auto form = [](std::string_view accept, Offer offer = {}) { return negotiate(accept, offer); };
  CHECK(form("")->content_type() == "application/json");
  CHECK(form("*/*")->content_type() == "application/json");
  CHECK(form("application/yaml")->content_type() == "application/yaml");
  CHECK(form("application/vnd.kubernetes.protobuf, application/json")->media == Encoding::protobuf);
  CHECK(form("application/json, application/vnd.kubernetes.protobuf")->media == Encoding::json);
  CHECK(form("*/*, application/*, application/yaml")->media == Encoding::yaml);
  CHECK(form("application/vnd.kubernetes.protobuf, application/json", {.protobuf = false})->media == Encoding::json);
  CHECK(form("application/vnd.kubernetes.protobuf;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", {.protobuf = false})->media == Encoding::protobuf);
  CHECK(form("application/vnd.kubernetes.protobuf;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1;g=meta.k8s.io")->media == Encoding::json);
  CHECK(form("application/vnd.kubernetes.protobuf;stream=watch", {.list = true, .watch = true})->stream_type() == "application/vnd.kubernetes.protobuf;stream=watch");
  CHECK(form("application/json;stream=other").error().code == 406);
  CHECK(form("application/json;pretty=1")->pretty);
  CHECK(form("application/json;q=0, application/yaml;q=0.1")->media == Encoding::yaml);
  CHECK(form("application/json;q=0.1, application/yaml")->content_type() == "application/yaml");
  CHECK(form("application/json;q=nan, application/yaml;q=0.9")->media == Encoding::yaml);
  CHECK(form("application/json;q=x, application/yaml;q=5")->media == Encoding::yaml);
  CHECK(form("application/json;q=0")->media == Encoding::json);
  CHECK(form("application/json;q=-1")->media == Encoding::json);
  CHECK(form("application/*;q=0.9, application/yaml;q=0.1")->media == Encoding::yaml);
  CHECK(form("application/yaml;q=0.1, application/*;q=0.9")->media == Encoding::json);
  CHECK(form("application/json;as=;g=;v=")->media == Encoding::json);
  CHECK(form("application/*")->media == Encoding::json);
  for (const std::string_view part : {"application/*", "application/*;q=0.1", "*", "application/*;as=Table;g=meta.k8s.io;v=v1"}) CHECK(form(part, {.routed = true}).error().code == 406);
  CHECK(form("application/*, application/yaml;q=0.1", {.routed = true})->media == Encoding::yaml);
  CHECK(form("application/*, */*", {.routed = true})->media == Encoding::json);
  CHECK(form("application/json;q=0.5, application/yaml;q=inf")->media == Encoding::yaml);
  CHECK(form("text/html").error().code == 406);
  CHECK(form("text/html").error().message == "only the following media types are accepted: application/json, application/yaml, application/vnd.kubernetes.protobuf");
  CHECK(form("text/html", {.watch = true}).error().message == "only the following media types are accepted: application/json;stream=watch, application/vnd.kubernetes.protobuf;stream=watch");
  CHECK(form("application/yaml", {.watch = true}).error().code == 406);
  const auto table = form("application/json;as=Table;v=v1;g=meta.k8s.io,application/json;as=Table;v=v1beta1;g=meta.k8s.io,application/json", {.list = true});
  CHECK((table->as == Form::As::table && table->version == "v1"));
  CHECK(form("application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io,application/json", {.list = true})->as == Form::As::partial_list);
  CHECK(form("application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io", {.list = true}).error().code == 406);
  CHECK(form("application/json;as=Table;v=v9;g=meta.k8s.io,application/json")->as == Form::As::object);
}

TEST_CASE("patch types are told apart, and strategic merge is not for custom resources") {
  CHECK(patch_form("application/strategic-merge-patch+json", false)->type == kinds::PatchType::strategic);
  CHECK(patch_form("application/strategic-merge-patch+json", true).error().code == 415);
  CHECK(patch_form("application/apply-patch+yaml", true)->type == kinds::PatchType::apply);
  CHECK(patch_form("application/json", false).error().reason == "UnsupportedMediaType");
  CHECK(read_body("text/html", "{}").error().code == 415);
  CHECK(read_body("application/json; charset=utf-8", "{}")->media == kinds::Media::json);
  CHECK(read_body("application/vnd.kubernetes.protobuf", "{}").error().code == 400);
}

TEST_CASE("members are found in JSON text without parsing it") {
  const std::string_view text = R"({"a": "x\"}{", "metadata":{"name":"n","resourceVersion":"12"   ,"labels":{"a":"b"}},"n":3})";
  CHECK(member(text, "metadata") == R"({"name":"n","resourceVersion":"12"   ,"labels":{"a":"b"}})");
  CHECK(member(text, "n") == "3");
  CHECK(member(text, "missing").empty());
  CHECK(member(member(text, "metadata"), "name") == "\"n\"");
}

TEST_CASE("YAML reads back as the same values") {
  CHECK(json_to_yaml(R"({"b":[1,{"x":"z","l":[]}],"a":"true","c":"multi\nline\n","d":{},"e":"1","f":null,"g":"plain text"})") ==
        "a: \"true\"\nb:\n- 1\n- l: []\n  x: z\nc: |\n  multi\n  line\nd: {}\ne: \"1\"\nf: null\ng: plain text\n");
}

TEST_CASE("health reports name each check") {
  const auto checks = make_health_checks();
  const auto ping = checks->add("ping", [] { return std::string(); }, api::HealthChecks::Counts::live);
  auto bad = checks->add("plugin-x", [] { return std::string("stuck"); });
  auto report = checks->run("readyz", "", {});
  CHECK_FALSE(report.well);
  CHECK(report.verbose == "[+]ping ok\n[-]plugin-x failed: stuck\nreadyz check failed\n");
  CHECK(checks->run("livez", "", {}).well);
  CHECK(checks->run("readyz", "", {"plugin-x"}).well);
  CHECK(checks->run("readyz", "ping", {}).well);
  CHECK_FALSE(checks->run("readyz", "nothing", {}).known);
  bad.reset();
  CHECK(checks->run("readyz", "", {}).well);
}

TEST_CASE("what is only told does not make the server unready, but is there to be asked for") {
  const auto checks = make_health_checks();
  std::string why = "one is given a pause";
  const auto told = checks->add("webhooks", [&] { return why; }, api::HealthChecks::Counts::told);
  const auto report = checks->run("readyz", "", {});
  CHECK(report.well);
  CHECK(report.verbose == "[-]webhooks failed, does not count: one is given a pause\nreadyz check passed\n");
  CHECK_FALSE(checks->run("readyz", "webhooks", {}).well);
  CHECK_FALSE(checks->run("livez", "webhooks", {}).known);
  why.clear();
  CHECK(checks->run("readyz", "webhooks", {}).well);
}

TEST_CASE("warnings are told once, and shortened when they are more than an answer's headers bear") {
  const auto told = [](const std::vector<std::string>& texts) {
    Headers headers;
    append_warnings(headers, texts);
    std::vector<std::string> out;
    for (const auto& [name, text] : headers) out.push_back(text);
    return out;
  };
  const auto as_header = [](const std::string& text) { return "299 - \"" + text + "\""; };
  CHECK(told({"a \"b\"\n", "c", "c"}) == std::vector<std::string>{"299 - \"a \\\"b\\\" \"", "299 - \"c\""});
  CHECK(told({std::string(4096, 'x')}) == std::vector{as_header(std::string(4096, 'x'))});
  CHECK(told({std::string(4097, 'x'), "short"}) == std::vector{as_header(std::string(256, 'x')), as_header("short")});
  std::string accented, shortened;
  for (int i = 0; i < 5000; ++i) (i < 256 ? shortened : accented) += "é";
  CHECK(told({shortened + accented}) == std::vector{as_header(shortened)});
  std::vector<std::string> many;
  for (int i = 0; i < 1000; ++i) many.push_back(std::to_string(i) + std::string(300, 'y'));
  CHECK(told(many).size() == kWarningsTotalMax / kWarningShortenedMax);
}

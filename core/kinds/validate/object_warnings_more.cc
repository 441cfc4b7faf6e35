// What kinds that make no pods are warned of.
#include <algorithm>

#include "core/kinds/base64.hpp"
#include "core/kinds/crd/schema_formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/validate/object_warnings_parts.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

using Texts = std::vector<std::string>;

constexpr std::string_view kClassAnnotation = "volume.beta.kubernetes.io/storage-class";

void warn_of_service(const json::value& object, Texts& texts) {
  const auto* spec = at_path(object, "spec");
  const bool named = text_of(member(spec, "type")) == "ExternalName", headless = text_of(member(spec, "clusterIP")) == "None", outside = length_of(member(spec, "externalIPs")) > 0;
  if (headless && !text_of(member(spec, "loadBalancerIP")).empty()) texts.emplace_back("spec.loadBalancerIP is ignored for headless services");
  if (headless && outside) texts.emplace_back("spec.externalIPs is ignored for headless services");
  if (headless && text_of(member(spec, "sessionAffinity")) == "ClientIP") texts.emplace_back("spec.SessionAffinity is ignored for headless services");
  if (named && outside) texts.emplace_back("spec.externalIPs is ignored when spec.type is \"ExternalName\"");
  if (outside && !named && !headless) texts.emplace_back("spec.externalIPs is deprecated and may no longer be implemented in some clusters");
  if (text_of(member(spec, "trafficDistribution")) == "PreferClose") texts.emplace_back("spec.trafficDistribution: \"PreferClose\" is deprecated; use \"PreferSameZone\"");
}

void warn_of_claim(const json::value& object, Texts& texts) {
  if (member(at_path(object, "metadata.annotations"), kClassAnnotation))
    texts.push_back("metadata.annotations[" + std::string(kClassAnnotation) + "]: deprecated since v1.8; use \"storageClassName\" attribute instead");
  const auto amount = Quantity::parse(text_of(at_path(object, "spec.resources.requests.storage")));
  if (amount && !amount->is_whole()) texts.push_back("spec.resources.requests[storage]: fractional byte value \"" + amount->text() + "\" is invalid, must be an integer");
}

void warn_of_class(const json::value& object, Texts& texts) {
  const Path topologies("allowedTopologies");
  each_element(member(&object, "allowedTopologies"), topologies, [&](const json::value& topology, const Path& at) {
    const auto expressions = at.child("matchLabelExpressions");
    each_element(member(&topology, "matchLabelExpressions"), expressions, [&](const json::value& expression, const Path& here) {
      if (const auto text = old_node_label(text_of(member(&expression, "key"))); !text.empty()) texts.push_back(here.child("key").text() + ": " + text);
    });
  });
}

/// The types of all PEM blocks in `text`.
std::vector<std::string_view> pem_blocks(std::string_view text) {
  constexpr std::string_view kBegin = "-----BEGIN ", kDashes = "-----";
  std::vector<std::string_view> types;
  for (std::size_t at = 0; (at = text.find(kBegin, at)) != std::string_view::npos;) {
    at += kBegin.size();
    const auto end = text.find(kDashes, at);
    if (end == std::string_view::npos) break;
    const auto type = text.substr(at, end - at);
    const auto last = text.find("-----END " + std::string(type) + "-----", end);
    if (last == std::string_view::npos) continue;
    types.push_back(type);
    at = last;
  }
  return types;
}

std::string listed(const std::vector<std::string_view>& types) {
  std::string out = "[";
  for (const auto type : types) out.append(out.size() > 1 ? " " : "").append(type);
  return out + "]";
}

/// What is no pair of certificate and key as PEM; whether they belong together is left to who uses them.
void warn_of_secret(const json::value& object, Texts& texts) {
  if (text_at(object, "type") != "kubernetes.io/tls") return;
  const auto* data = member(&object, "data");
  const auto blocks_of = [&](std::string_view key, std::string& text) {
    text = base64_decode(text_of(member(data, key))).value_or("");
    return pem_blocks(text);
  };
  const auto is_key = [](std::string_view type) { return type == "PRIVATE KEY" || type.ends_with(" PRIVATE KEY"); };
  std::string certificate, key;
  const auto certificates = blocks_of("tls.crt", certificate), keys = blocks_of("tls.key", key);
  if (certificates.empty()) return texts.emplace_back("tls: failed to find any PEM data in certificate input"), void();
  if (std::find(certificates.begin(), certificates.end(), "CERTIFICATE") == certificates.end()) {
    if (certificates.size() == 1 && certificates[0].ends_with("PRIVATE KEY"))
      return texts.emplace_back("tls: failed to find certificate PEM data in certificate input, but did find a private key; PEM inputs may have been switched"), void();
    return texts.push_back("tls: failed to find \"CERTIFICATE\" PEM block in certificate input after skipping PEM blocks of the following types: " + listed(certificates));
  }
  if (keys.empty()) return texts.emplace_back("tls: failed to find any PEM data in key input"), void();
  if (std::any_of(keys.begin(), keys.end(), is_key)) return;
  if (keys.size() == 1 && keys[0] == "CERTIFICATE") return texts.emplace_back("tls: found a certificate rather than a key in the PEM for the private key"), void();
  texts.push_back("tls: failed to find PEM block with type ending in \"PRIVATE KEY\" in key input after skipping PEM blocks of the following types: " + listed(keys));
}

bool is_known_format(std::string_view type, std::string_view format) {
  if (type.empty() || type == "string") return format_check(format) != nullptr;
  if (type == "integer") return format == "int32" || format == "int64";
  return type == "number" && (format == "float" || format == "double");
}

/// Formats that a definition's schema names and nobody checks, each once.
void collect_unknown_formats(const json::value* schema, Texts& formats) {
  const auto* object = as_object(schema);
  if (!object) return;
  const auto format = text_of(member(schema, "format"));
  if (!format.empty() && !is_known_format(text_of(member(schema, "type")), format) && std::find(formats.begin(), formats.end(), format) == formats.end()) formats.emplace_back(format);
  for (const auto& [word, value] : *object) {
    const bool schemas_by_name = word == "properties" || word == "patternProperties" || word == "definitions" || word == "dependencies";
    if (const auto* named = schemas_by_name ? value.if_object() : nullptr)
      for (const auto& each : *named) collect_unknown_formats(&each.value(), formats);
    else if (const auto* list = word == "items" || word == "allOf" || word == "anyOf" || word == "oneOf" ? value.if_array() : nullptr)
      for (const auto& each : *list) collect_unknown_formats(&each, formats);
    else if (word == "items" || word == "not" || word == "additionalProperties" || word == "additionalItems")
      collect_unknown_formats(&value, formats);
  }
}

Texts unknown_formats(const json::value& definition) {
  Texts formats;
  const Path versions("versions");
  each_element(at_path(definition, "spec.versions"), versions, [&](const json::value& version, const Path&) { collect_unknown_formats(at_path(version, "schema.openAPIV3Schema"), formats); });
  return formats;
}

/// Of formats that no version had before.
void warn_of_definition(const json::value& object, const json::value* old, Texts& texts) {
  const auto before = old ? unknown_formats(*old) : Texts();
  for (const auto& format : unknown_formats(object))
    if (std::find(before.begin(), before.end(), format) == before.end()) texts.push_back("unrecognized format " + shown_value(std::string_view(format)));
}

}  // namespace

void warn_of_others(const Kind& kind, const json::value& object, const json::value* old, Texts& texts) {
  const auto is = [&](std::string_view group, std::string_view name) { return kind.kind == name && kind.group == group; };
  if (is("", "Service")) return warn_of_service(object, texts);
  if (is("", "Secret")) return warn_of_secret(object, texts);
  if (is("apiextensions.k8s.io", "CustomResourceDefinition")) return warn_of_definition(object, old, texts);
  if (is("", "PersistentVolumeClaim")) return warn_of_claim(object, texts);
  if (is("storage.k8s.io", "StorageClass")) return warn_of_class(object, texts);
  if (old) return;
  if (is("networking.k8s.io", "Ingress") && member(at_path(object, "metadata.annotations"), "kubernetes.io/ingress.class"))
    texts.emplace_back("annotation \"kubernetes.io/ingress.class\" is deprecated, please use 'spec.ingressClassName' instead");
  const auto* spec = at_path(object, "spec");
  if (is("storage.k8s.io", "CSIDriver") && length_of(member(spec, "tokenRequests")) > 0 && !member(spec, "serviceAccountTokenInSecrets"))
    texts.emplace_back("spec.serviceAccountTokenInSecrets is unset; if supported by this CSI driver, set to true to prevent possible logging of tokens in volume attributes");
}

}  // namespace keelson::kinds

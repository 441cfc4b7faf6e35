// CustomResourceDefinition: its names, what of it may change, and its schemas, by compiling them.
#include <algorithm>
#include <set>

#include "core/kinds/crd/compiled_definitions.hpp"
#include "core/kinds/crd/names.hpp"
#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kApprovedAnnotation = "api-approved.kubernetes.io";

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + ('a' - 'A'));
  return out;
}

std::string joined(const Complaints& complaints) {
  std::string text;
  for (const auto& one : complaints) text += (text.empty() ? "" : ",") + std::string(one);
  return text;
}

void label(const Path& path, std::string_view value, FieldErrors& errors) {
  if (value.empty()) return;
  if (const auto why = joined(check_label_1035(value)); !why.empty()) errors.invalid(path, value, why);
}

void kind_name(const Path& path, std::string_view value, FieldErrors& errors) {
  if (value.empty()) return;
  if (const auto why = joined(check_label_1035(lower(value))); !why.empty()) errors.invalid(path, value, "may have mixed case, but should otherwise match: " + why);
}

void validate_group(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto group = text_at(spec, "group");
  if (group.empty()) return errors.required(path.child("group"));
  if (const auto why = joined(check_subdomain_1123(group)); !why.empty()) errors.invalid(path.child("group"), group, why);
  else if (group.find('.') == std::string_view::npos) errors.invalid(path.child("group"), group, "should be a domain with at least one dot");
}

void validate_names(const json::value* names, const Path& path, FieldErrors& errors) {
  for (const std::string_view name : {"plural", "singular", "kind", "listKind"})
    if (text_of(member(names, name)).empty()) errors.required(path.child(name));
  label(path.child("plural"), text_of(member(names, "plural")), errors);
  label(path.child("singular"), text_of(member(names, "singular")), errors);
  kind_name(path.child("kind"), text_of(member(names, "kind")), errors);
  kind_name(path.child("listKind"), text_of(member(names, "listKind")), errors);
  const auto labels = [&](std::string_view list) {
    const auto here = path.child(list);
    each_element(member(names, list), here, [&](const json::value& name, const Path& at) {
      if (const auto why = joined(check_label_1035(text_of(&name))); !why.empty()) errors.invalid(at, text_of(&name), why);
    });
  };
  labels("shortNames");
  const auto kind = text_of(member(names, "kind"));
  if (!kind.empty() && kind == text_of(member(names, "listKind"))) errors.invalid(path.child("listKind"), kind, "kind and listKind may not be the same");
  labels("categories");
}

void validate_stored(const Candidate& candidate, FieldErrors& errors) {
  static const json::array none;
  const Path status("status"), path = status.child("storedVersions");
  const auto *stored = at_path(candidate.object, "status.storedVersions"), *versions = at_path(candidate.object, "spec.versions");
  if (length_of(stored) == 0) return errors.invalid(path, stored, "must have at least one stored version");
  const auto& names = stored->get_array();
  std::set<std::string_view> noted, defined;
  for (const auto& name : names) noted.insert(text_of(&name));
  for (const auto& version : versions && versions->is_array() ? versions->get_array() : none) {
    const auto name = text_of(member(&version, "name"));
    defined.insert(name);
    if (truth_of(member(&version, "storage")) && !noted.contains(name)) errors.invalid(path, stored, "must have the storage version " + std::string(name));
  }
  for (std::size_t i = 0; i < names.size(); ++i) {
    const std::string name(text_of(&names[i]));
    if (defined.contains(name)) continue;
    errors.invalid(path.index(i), name, "missing from spec.versions; " + name + " was previously a storage version, and must remain in spec.versions until a storage migration ensures " +
                   "no data remains persisted in " + name + " and removes " + name + " from status.storedVersions");
  }
}

void validate_unchanged(const Candidate& candidate, FieldErrors& errors) {
  const Path spec("spec"), names = spec.child("names");
  const auto keep = [&](std::string_view path, const Path& at) { immutable(at_path(candidate.object, path), at_path(*candidate.old, path), at, errors); };
  if (has_condition(*candidate.old, "Established")) {
    keep("spec.scope", spec.child("scope"));
    keep("spec.names.kind", names.child("kind"));
  }
  keep("spec.group", spec.child("group"));
  keep("spec.names.plural", names.child("plural"));
}

void validate_review_versions(const json::value* versions, const Path& path, FieldErrors& errors) {
  const auto* list = as_array(versions);
  if (!list || list->empty()) return errors.required(path);
  bool known = false;
  for (std::size_t i = 0; i < list->size(); ++i) {
    const auto version = text_of(&(*list)[i]);
    const auto here = list->begin() + static_cast<std::ptrdiff_t>(i);
    if (std::find(list->begin(), here, *here) != here) {
      errors.invalid(path.index(i), version, "duplicate version");
      continue;
    }
    errors.invalid_each(path.index(i), version, check_label_1035(version));
    known |= version == "v1" || version == "v1beta1";
  }
  if (!known) errors.invalid(path, versions, "must include at least one of v1, v1beta1");
}

// Paths are those of upstream's inner form.
void validate_conversion(const json::value* conversion, const Path& path, FieldErrors& errors) {
  if (!conversion) return;
  const auto strategy = text_of(member(conversion, "strategy"));
  const auto client_path = path.child("webhookClientConfig"), versions_path = path.child("conversionReviewVersions");
  if (strategy.empty()) errors.required(path.child("strategy"));
  else errors.one_of(path.child("strategy"), strategy, {"None", "Webhook"});
  const auto* webhook = member(conversion, "webhook");
  const auto *client = member(webhook, "clientConfig"), *versions = member(webhook, "conversionReviewVersions");
  if (strategy == "Webhook") {
    if (!client) errors.required(client_path, "required when strategy is set to Webhook");
    else validate_webhook_client(*client, client_path, errors);
    validate_review_versions(versions, versions_path, errors);
    return;
  }
  if (client) errors.forbidden(client_path, "should not be set when strategy is not set to Webhook");
  if (length_of(versions) != 0) errors.forbidden(versions_path, "should not be set when strategy is not set to Webhook");
}

enum class Approval { missing, bypassed, approved, invalid };

Approval approval_of(const json::value& definition) {
  const auto text = text_of(member(at_path(definition, "metadata.annotations"), kApprovedAnnotation));
  if (text.empty()) return Approval::missing;
  if (text.starts_with("unapproved")) return Approval::bypassed;
  const auto scheme = text.find("://");
  return scheme != std::string_view::npos && scheme > 0 && text.size() > scheme + 3 && text[scheme + 3] != '/' ? Approval::approved : Approval::invalid;
}

/// Groups of the community ask for a word of who approved of them.
void validate_approval(const Candidate& candidate, FieldErrors& errors) {
  const auto group = text_at(candidate.object, "spec.group");
  if (group != "k8s.io" && group != "kubernetes.io" && !group.ends_with(".k8s.io") && !group.ends_with(".kubernetes.io")) return;
  const auto now = approval_of(candidate.object);
  if (candidate.old && approval_of(*candidate.old) == now) return;
  const Path metadata("metadata"), annotations = metadata.child("annotations"), path = annotations.key(kApprovedAnnotation);
  const std::string why = "protected groups must have approval annotation \"" + std::string(kApprovedAnnotation) + "\"", see = ", see https://github.com/kubernetes/enhancements/pull/1111";
  if (now == Approval::missing) errors.required(path, why + see);
  if (now == Approval::invalid)
    errors.invalid(path, text_of(member(at_path(candidate.object, "metadata.annotations"), kApprovedAnnotation)), why + " with either a URL or a reason starting with \"unapproved\"" + see);
}

std::vector<base::Cause> compile_definition(const Candidate& candidate) {
  auto kinds = kinds_from_crd(candidate.object);
  if (kinds && !candidate.old) keep_compiled(text_at(candidate.object, "metadata.uid"), std::move(*kinds));
  if (kinds) return {};
  auto causes = kinds.error().causes;
  if (causes.empty()) causes.push_back({"FieldValueInvalid", kinds.error().message, "spec"});
  return causes;
}

}  // namespace

void validate_definition(const Candidate& candidate, FieldErrors& errors) {
  static const json::value nothing = json::object();
  const auto* given = at_path(candidate.object, "spec");
  const auto& spec = given ? *given : nothing;
  // What has not changed has been judged, perhaps by other rules.
  if (candidate.old && (candidate.subresource == "status" || same(&spec, at_path(*candidate.old, "spec")))) return candidate.subresource == "status" ? void() : validate_stored(candidate, errors);
  const std::string plural(text_at(spec, "names.plural")), group(text_at(spec, "group"));
  const auto name = text_at(candidate.object, "metadata.name");
  const Path metadata("metadata"), path("spec");
  if (!candidate.old && !name.empty() && name != plural + '.' + group) errors.invalid(metadata.child("name"), name, "must be spec.names.plural+\".\"+spec.group");
  validate_group(spec, path, errors);
  const auto scope = text_at(spec, "scope");
  const auto names = path.child("names");
  if (scope.empty()) errors.required(path.child("scope"));
  else errors.one_of(path.child("scope"), scope, {"Cluster", "Namespaced"});
  const auto compiled = compile_definition(candidate);
  const DefinitionVersions versions(spec, compiled);
  versions.validate_each(path, errors);
  validate_names(member(&spec, "names"), names, errors);
  versions.validate_shared(path, errors);
  validate_conversion(member(&spec, "conversion"), path.child("conversion"), errors);
  if (candidate.old) validate_unchanged(candidate, errors);
  validate_stored(candidate, errors);
  validate_approval(candidate, errors);
  const auto* keeps = member(&spec, "preserveUnknownFields");
  if (truth_of(keeps) && !(candidate.old && truth_at(*candidate.old, "spec.preserveUnknownFields")))
    errors.invalid(path.child("preserveUnknownFields"), keeps, "cannot set to true, set x-kubernetes-preserve-unknown-fields to true in spec.versions[*].schema instead");
  // Nothing that cannot be compiled is let through.
  if (errors.empty())
    for (const auto& cause : compiled) errors.add(cause);
}

}  // namespace keelson::kinds

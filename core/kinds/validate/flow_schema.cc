// FlowSchema: whose requests it is about, and which.
#include <algorithm>
#include <array>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/more.hpp"

namespace keelson::kinds {
namespace {

constexpr std::string_view kAll = "*";
constexpr std::array<std::string_view, 2> kDistinguishers{"ByNamespace", "ByUser"};
constexpr std::array<std::string_view, 9> kVerbs{"create", "delete", "deletecollection", "get", "list", "patch", "proxy", "update", "watch"};
constexpr std::int64_t kExemptPrecedence = 1;

/// A kind of subject, and the field that says more of it.
struct SubjectKind { std::string_view kind, field; };
constexpr SubjectKind kSubjects[] = {{"ServiceAccount", "serviceAccount"}, {"User", "user"}, {"Group", "group"}};

bool has(const json::value* list, std::string_view text) {
  const auto* elements = as_array(list);
  return elements && std::any_of(elements->begin(), elements->end(), [&](const json::value& one) { return text_of(&one) == text; });
}

/// True when there are more to look at: a list with `*` says all by that, and nothing else may be in it.
bool validate_list(const json::value* list, const Path& path, std::string_view missing, std::string_view others, FieldErrors& errors) {
  if (length_of(list) == 0) return errors.required(path, missing), false;
  if (!has(list, kAll)) return true;
  if (length_of(list) > 1) errors.invalid(path, list, "if '*' is present, must not specify other " + std::string(others));
  return false;
}

void validate_verbs(const json::value& rule, const Path& path, FieldErrors& errors) {
  const auto here = path.child("verbs");
  const auto* verbs = member(&rule, "verbs");
  if (!validate_list(verbs, here, "verbs must contain at least one value", "verbs", errors)) return;
  const auto& all = verbs->get_array();
  if (!std::all_of(all.begin(), all.end(), [](const json::value& verb) { return std::find(kVerbs.begin(), kVerbs.end(), text_of(&verb)) != kVerbs.end(); })) errors.not_supported(here, verbs, kVerbs);
}

void validate_account(const json::value& account, const Path& path, FieldErrors& errors) {
  const auto name = text_of(member(&account, "name")), ns = text_of(member(&account, "namespace"));
  if (name.empty()) errors.required(path.child("name"));
  else if (name != kAll) errors.invalid_each(path.child("name"), name, check_subdomain_1123(name));
  if (ns.empty()) errors.required(path.child("namespace"), "must specify namespace for service account");
  else errors.invalid_each(path.child("namespace"), ns, check_label_1123(ns));
}

void validate_subject(const json::value& subject, const Path& path, FieldErrors& errors) {
  const auto kind = text_of(member(&subject, "kind"));
  const auto* own = std::find_if(std::begin(kSubjects), std::end(kSubjects), [&](const SubjectKind& one) { return one.kind == kind; });
  if (own == std::end(kSubjects)) {
    errors.one_of(path.child("kind"), kind, {"Group", "ServiceAccount", "User"});
    return;
  }
  const auto here = path.child(own->field);
  const std::string field(own->field);
  if (const auto* said = member(&subject, own->field); !said) errors.required(here, field + " is required when subject kind is '" + std::string(kind) + "'");
  else if (kind == "ServiceAccount") validate_account(*said, here, errors);
  else if (text_of(member(said, "name")).empty()) errors.required(here.child("name"));
  for (const auto& other : kSubjects)
    if (&other != own && member(&subject, other.field))
      errors.forbidden(path.child(other.field), std::string(other.field) + " is forbidden when subject kind is not '" + std::string(other.kind) + "'");
}

void validate_resource_rule(const json::value& rule, const Path& path, FieldErrors& errors) {
  validate_verbs(rule, path, errors);
  validate_list(member(&rule, "apiGroups"), path.child("apiGroups"), "resource rules must supply at least one api group", "api groups", errors);
  validate_list(member(&rule, "resources"), path.child("resources"), "resource rules must supply at least one resource", "resources", errors);
  const auto here = path.child("namespaces");
  const auto* namespaces = member(&rule, "namespaces");
  if (length_of(namespaces) == 0 && truth_of(member(&rule, "clusterScope"))) return;
  if (!validate_list(namespaces, here, "resource rules that are not cluster scoped must supply at least one namespace", "namespaces", errors)) return;
  each_element(namespaces, here, [&](const json::value& ns, const Path& at) {
    for (const auto& why : check_label_1123(text_of(&ns))) errors.invalid(at, text_of(&ns), "each member of this list must be '*' or a DNS-1123 label; " + std::string(why));
  });
}

std::string_view url_complaint(std::string_view url) {
  if (url.empty()) return "must not be empty";
  if (url == "/") return {};
  if (!url.starts_with('/')) return "must start with slash";
  if (url.find(' ') != std::string_view::npos) return "must not contain white-space";
  if (url.find("//") != std::string_view::npos) return "must not contain double slash";
  const auto star = url.find('*');
  const bool suffix = star == std::string_view::npos || (star + 1 == url.size() && url.ends_with("/*"));
  return suffix ? std::string_view() : "wildcard can only do suffix matching";
}

void validate_url_rule(const json::value& rule, const Path& path, FieldErrors& errors) {
  validate_verbs(rule, path, errors);
  const auto here = path.child("nonResourceURLs");
  const auto* urls = member(&rule, "nonResourceURLs");
  if (!validate_list(urls, here, "nonResourceURLs must contain at least one value", "non-resource URLs", errors)) return;
  each_element(urls, here, [&](const json::value& url, const Path& at) {
    if (const auto why = url_complaint(text_of(&url)); !why.empty()) errors.invalid(at, text_of(&url), why);
  });
}

}  // namespace

void validate_flow_schema(const Candidate& candidate, FieldErrors& errors) {
  if (!candidate.subresource.empty()) return;
  const Path path("spec");
  const auto* spec = at_path(candidate.object, "spec");
  const auto* precedence = member(spec, "matchingPrecedence");
  if (integer_of(precedence) == kExemptPrecedence && text_at(candidate.object, "metadata.name") != "exempt")
    errors.invalid(path.child("matchingPrecedence"), precedence, "only the schema named 'exempt' may have matchingPrecedence 1");
  if (const auto* method = member(spec, "distinguisherMethod"); method && std::find(kDistinguishers.begin(), kDistinguishers.end(), text_of(member(method, "type"))) == kDistinguishers.end()) {
    const json::value shown = json::object{{"Type", text_of(member(method, "type"))}};   // upstream shows its own struct
    const auto here = path.child("distinguisherMethod");
    errors.not_supported(here.child("type"), &shown, kDistinguishers);
  }
  const auto rules = path.child("rules");
  each_element(member(spec, "rules"), rules, [&](const json::value& rule, const Path& at) {
    const auto subjects = at.child("subjects"), resources = at.child("resourceRules"), urls = at.child("nonResourceRules");
    if (length_of(member(&rule, "subjects")) == 0) errors.required(subjects, "subjects must contain at least one value");
    each_element(member(&rule, "subjects"), subjects, [&](const json::value& subject, const Path& here) { validate_subject(subject, here, errors); });
    if (length_of(member(&rule, "resourceRules")) + length_of(member(&rule, "nonResourceRules")) == 0) errors.required(at, "at least one of resourceRules and nonResourceRules has to be non-empty");
    each_element(member(&rule, "resourceRules"), resources, [&](const json::value& one, const Path& here) { validate_resource_rule(one, here, errors); });
    each_element(member(&rule, "nonResourceRules"), urls, [&](const json::value& one, const Path& here) { validate_url_rule(one, here, errors); });
  });
}

}  // namespace keelson::kinds

#include "core/kinds/body_kinds.hpp"

#include <algorithm>
#include <vector>

#include "core/kinds/type.hpp"

namespace keelson::kinds {
namespace {

struct Body {
  std::string_view type, group, version, resource;
  std::string_view older = {};   ///< a version that is taken as well
};

constexpr Body kBodies[] = {
    {"autoscaling/v1.Scale", "autoscaling", "v1", "scales"},
    {"policy/v1.Eviction", "policy", "v1", "evictions", "v1beta1"},   // upstream: EvictionREST.AcceptsGroupVersion
    {"core/v1.Binding", "", "v1", "bindings"},
    {"authentication/v1.TokenRequest", "authentication.k8s.io", "v1", "tokenrequests"},
    {"authentication/v1.TokenReview", "authentication.k8s.io", "v1", "tokenreviews"},
    {"authentication/v1.SelfSubjectReview", "authentication.k8s.io", "v1", "selfsubjectreviews"},
    {"authorization/v1.SubjectAccessReview", "authorization.k8s.io", "v1", "subjectaccessreviews"},
    {"authorization/v1.LocalSubjectAccessReview", "authorization.k8s.io", "v1", "localsubjectaccessreviews"},
    {"authorization/v1.SelfSubjectAccessReview", "authorization.k8s.io", "v1", "selfsubjectaccessreviews"},
    {"authorization/v1.SelfSubjectRulesReview", "authorization.k8s.io", "v1", "selfsubjectrulesreviews"},
    {"meta/v1.DeleteOptions", "", "v1", "deleteoptions"},
};

Kind made_of(const Body& body) {
  Kind out;
  out.group = body.group;
  out.version = body.version;
  out.kind = body.type.substr(body.type.rfind('.') + 1);
  out.resource = body.resource;
  if (!body.older.empty()) out.other_versions.emplace_back(body.older);
  // No deleter: the type is one of the static tables.
  out.type = std::shared_ptr<const Type>(builtin_type(body.type), [](const Type*) {});
  return out;
}

}  // namespace

const Kind& body_kind(std::string_view kind) {
  static const std::vector<Kind> kinds = [] {
    std::vector<Kind> out;
    std::transform(std::begin(kBodies), std::end(kBodies), std::back_inserter(out), made_of);
    return out;
  }();
  return *std::find_if(kinds.begin(), kinds.end(), [&](const Kind& one) { return one.kind == kind; });
}

bool definition_ends(const Kind& kind) { return kind.declared_by.starts_with("crd:") && !kind.allows("create"); }

}  // namespace keelson::kinds

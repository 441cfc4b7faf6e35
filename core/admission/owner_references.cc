#include "core/admission/owner_references.hpp"

#include <algorithm>

#include "core/auth/admission.hpp"
#include "core/auth/json_access.hpp"

namespace keelson::admission {
namespace {

namespace json = boost::json;
using auth::AdmissionRequest;
using Operation = AdmissionRequest::Operation;

const json::array& owners_of(const json::value* object) {
  static const json::array none;
  const auto* owners = object ? auth::list_at(*object, {"metadata", "ownerReferences"}) : nullptr;
  return owners ? *owners : none;
}

bool blocks(const json::value& owner) { return auth::flag_at(owner, {"blockOwnerDeletion"}); }

/// Whether the object has held up that owner before.
bool blocked_before(const json::array& before, const json::value& owner) {
  return std::any_of(before.begin(), before.end(), [&](const json::value& one) { return auth::text_at(one, {"uid"}) == auth::text_at(owner, {"uid"}) && blocks(one); });
}

class OwnerReferences final : public auth::AdmissionUnit, public auth::AnswersAtOnce {
 public:
  OwnerReferences(const auth::Chains& chains, const kinds::Registry& registry) : chains_(chains), registry_(registry) {}
  std::string_view name() const override { return "OwnerReferencesPermissionEnforcement"; }
  bool reads_managers(const AdmissionRequest&) override { return false; }
  bool handles(Operation operation, const kinds::Kind& kind, std::string_view subresource) const override {
    if (operation != Operation::create && operation != Operation::update) return false;
    return kind.storage_key.text() != "pods" || subresource != "status";
  }
  bool reads_objects(const AdmissionRequest& request) override { return !request.keeps_metadata; }
  bool rests_on(const AdmissionRequest&, auth::Grounds&) override { return true; }   // without a look at the spec
  bool passes(const AdmissionRequest& request) override { return request.keeps_metadata; }
  void validate(AdmissionRequest& request, std::function<void(base::Outcome<void>)> done) override { done(check(request)); }

 private:
  base::Outcome<void> check(const AdmissionRequest& request) const {
    const auto &before = owners_of(request.old), &now = owners_of(request.object);
    if (before == now) return {};
    if (request.operation != Operation::create) {
      auto asked = about(request, request.kind->group, request.kind->version, request.kind->resource);
      asked.verb = "delete";
      asked.subresource = request.subresource;
      asked.ns = request.ns;
      asked.name = request.name;
      if (const auto verdict = chains_.authorize(asked); verdict.decision != auth::Decision::allow)
        return auth::refused(request, "cannot set an ownerRef on a resource you can't delete: " + verdict.reason + ", <nil>");
    }
    for (const auto& owner : now)
      if (blocks(owner) && !blocked_before(before, owner))
        if (auto allowed = may_block(request, owner); !allowed) return allowed;
    return {};
  }

  base::Outcome<void> may_block(const AdmissionRequest& request, const json::value& owner) const {
    const std::string api_version(auth::text_at(owner, {"apiVersion"})), kind(auth::text_at(owner, {"kind"}));
    const auto slash = api_version.find('/');
    const auto group = slash == std::string::npos ? std::string() : api_version.substr(0, slash);
    const auto version = slash == std::string::npos ? api_version : api_version.substr(slash + 1);
    const auto found = registry_.current()->by_kind(group, version, kind);
    if (!found)
      return auth::refused(request, "cannot set blockOwnerDeletion in this case because cannot find RESTMapping for APIVersion " + api_version + " Kind " + kind +
                                        ": no matches for kind \"" + kind + "\" in version \"" + api_version + "\"");
    auto asked = about(request, found->group, found->version, found->resource);
    asked.verb = "update";
    asked.subresource = "finalizers";
    asked.name = auth::text_at(owner, {"name"});
    if (found->namespaced) asked.ns = request.ns;
    const auto verdict = chains_.authorize(asked);
    if (verdict.decision == auth::Decision::allow) return {};
    return auth::refused(request, "cannot set blockOwnerDeletion if an ownerReference refers to a resource you can't set finalizers on: " + verdict.reason + ", <nil>");
  }

  static auth::Attributes about(const AdmissionRequest& request, const std::string& group, const std::string& version, const std::string& resource) {
    auth::Attributes asked;
    asked.user = request.user;
    asked.group = group;
    asked.version = version;
    asked.resource = resource;
    return asked;
  }

  const auth::Chains& chains_;
  const kinds::Registry& registry_;
};

}  // namespace

std::shared_ptr<auth::AdmissionUnit> owner_references(const auth::Chains& chains, const kinds::Registry& registry) { return std::make_shared<OwnerReferences>(chains, registry); }

}  // namespace keelson::admission

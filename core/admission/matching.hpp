// Matching: which requests a webhook or a policy is about: rules, and selectors of namespaces and objects.
//
// Threads: immutable values. Errors: a namespace that is gone, as 404.
#pragma once
#include <boost/json/value.hpp>

#include "core/auth/auth.hpp"
#include "core/auth/json_access.hpp"
#include "core/kinds/catalog.hpp"

namespace keelson::admission {

namespace json = boost::json;
using auth::AdmissionRequest;
using auth::find;
using auth::flag_at;
using auth::integer_at;
using auth::list_at;
using auth::text_at;

/// "CREATE", "UPDATE", "DELETE", "CONNECT".
std::string_view operation_name(AdmissionRequest::Operation operation);
/// The texts in a list of texts.
std::vector<std::string> texts_at(const json::value& value, auth::Path path);
/// A stored body; null when it is not JSON.
json::value body_of(const store::Object& object, json::storage_ptr memory = {});
/// As upstream has it for admission: a Namespace lies in itself.
std::string namespace_of(const AdmissionRequest& request);
/// `object` in the form of `kind`, apart from what only a conversion webhook could change.
json::value in_form_of(const kinds::Kind& kind, const json::value& object);
/// The kind that the request's objects are of, where the request is shown as one about `as`.
const kinds::Kind& form_of(const AdmissionRequest& request, const kinds::Kind& as);
/// `object` of the request as it is shown then.
json::value shown(const AdmissionRequest& request, const kinds::Kind& as, const json::value& object);

class LabelSelector {
 public:
  /// Of meta.k8s.io/v1; null or {} match everything.
  static LabelSelector of(const json::value* selector);
  bool empty() const { return requirements_.empty(); }
  bool matches(const json::object& labels) const;

 private:
  struct Requirement { std::string key, op; std::vector<std::string> values; };
  std::vector<Requirement> requirements_;
};

struct Rule {
  std::vector<std::string> operations, groups, versions, resources, names;
  std::string scope;
  static Rule of(const json::value& rule);
  /// Of a request as if it were about `kind`.
  bool matches(const AdmissionRequest& request, const kinds::Kind& kind) const;
  /// Whether it matches in any version, all of which have the same resource, if the name is right.
  bool is_about(const AdmissionRequest& request) const;
};

class Matcher {
 public:
  /// Of an entry of a webhook configuration.
  static Matcher of_webhook(const json::value& webhook);
  /// Of MatchResources; null: everything.
  static Matcher of_resources(const json::value* resources);
  /// As which kind the request is to be shown; null when it does not match.
  base::Outcome<kinds::KindRef> match(const AdmissionRequest& request, const kinds::Catalog& catalog) const;
  /// Whether it matches or cannot say. Of an object its labels count alone, as for match().
  bool may_match(const AdmissionRequest& request, const kinds::Catalog& catalog) const;
  /// Whether it matches some such request: of the operation and resource, whatever the name, the namespace and the objects are.
  bool wants(const AdmissionRequest& request, const kinds::Catalog& catalog) const;

 private:
  kinds::KindRef by_rules(const AdmissionRequest& request, const kinds::Catalog& catalog) const;
  base::Outcome<bool> by_namespace(const AdmissionRequest& request) const;
  bool by_object(const AdmissionRequest& request) const;

  std::vector<Rule> rules_, excluded_;
  LabelSelector namespaces_, objects_;
  bool equivalent_ = true;
  bool everything_ = false;   ///< no rules mean all resources
};

/// What admission by objects must not hold up: or nobody could repair it.
bool exempt(const kinds::Kind& kind);

}  // namespace keelson::admission

// The rules are those of pkg/apis/storage, node and rbac.
#include "core/kinds/validate/classes.hpp"

#include <map>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/more.hpp"

namespace keelson::kinds {
namespace {

constexpr std::int64_t kTokenLife_s_min = 600, kTokenLife_s_max = std::int64_t{1} << 32, kUpdatePeriod_s_min = 10;
constexpr std::size_t kNodeIdBytesMax = 256;

/// The labels that a term asks for, each with its values.
using Topology = std::map<std::string_view, std::set<std::string_view>>;

Topology validate_topology(const json::value& term, const Path& path, FieldErrors& errors) {
  Topology topology;
  each_element(member(&term, "matchLabelExpressions"), path, [&](const json::value& expression, const Path& at) {
    const auto key = text_of(member(&expression, "key"));
    const auto* values = member(&expression, "values");
    const auto values_path = at.child("values");
    std::set<std::string_view> seen;
    if (length_of(values) == 0) errors.required(values_path);
    each_element(values, values_path, [&](const json::value& value, const Path& here) {
      if (!seen.insert(text_of(&value)).second) errors.duplicate(here, text_of(&value));
    });
    errors.invalid_each(at.child("key"), key, check_label_key(key));
    if (!topology.emplace(key, std::move(seen)).second) errors.duplicate(at.child("key"), key);
  });
  return topology;
}

void validate_tokens(const json::value* requests, const Path& path, FieldErrors& errors) {
  std::set<std::string_view> audiences;
  each_element(requests, path, [&](const json::value& request, const Path& at) {
    const auto audience = text_of(member(&request, "audience"));
    if (!audiences.insert(audience).second) return errors.duplicate(at.child("audience"), audience);
    const auto* life = member(&request, "expirationSeconds");
    const auto here = at.child("expirationSeconds");
    if (life && integer_of(life) < kTokenLife_s_min) errors.invalid(here, life, "may not specify a duration less than 10 minutes");
    if (integer_of(life) > kTokenLife_s_max) errors.invalid(here, life, "may not specify a duration larger than 2^32 seconds");
  });
}

}  // namespace

void validate_storage_class(const Candidate& candidate, FieldErrors& errors) {
  if (candidate.old) return;
  const auto* terms = member(&candidate.object, "allowedTopologies");
  std::vector<Topology> before(length_of(terms));   // as upstream begins: a term that asks for nothing is there already
  each_element(terms, Path("allowedTopologies"), [&](const json::value& term, const Path& at) {
    const auto path = at.child("matchLabelExpressions");
    auto topology = validate_topology(term, path, errors);
    for (const auto& one : before)
      if (one == topology) errors.duplicate(path, "");
    before.push_back(std::move(topology));
  });
}

void validate_csi_driver(const Candidate& candidate, FieldErrors& errors) {
  const Path path("spec");
  const auto* spec = at_path(candidate.object, "spec");
  if (const auto* policy = member(spec, "fsGroupPolicy")) errors.one_of(path.child("fsGroupPolicy"), text_of(policy), {"File", "None", "ReadWriteOnceWithFSType"});
  validate_tokens(member(spec, "tokenRequests"), path.child("tokenRequests"), errors);
  const auto modes = path.child("volumeLifecycleModes"), period_path = path.child("nodeAllocatableUpdatePeriodSeconds");
  each_element(member(spec, "volumeLifecycleModes"), modes, [&](const json::value& mode, const Path&) { errors.one_of(modes, text_of(&mode), {"Persistent", "Ephemeral"}); });
  const auto *period = member(spec, "nodeAllocatableUpdatePeriodSeconds"), *in_secrets = member(spec, "serviceAccountTokenInSecrets");
  if (period && integer_of(period) < kUpdatePeriod_s_min) errors.invalid(period_path, period, "must be greater than or equal to 10 seconds");
  if (in_secrets && length_of(member(spec, "tokenRequests")) == 0)
    errors.invalid(path.child("serviceAccountTokenInSecrets"), in_secrets, "serviceAccountTokenInSecrets is set but no tokenRequests are specified");
}

void validate_csi_node(const Candidate& candidate, FieldErrors& errors) {
  const Path spec("spec"), drivers = spec.child("drivers");
  std::set<std::string_view> names;
  each_element(at_path(candidate.object, "spec.drivers"), drivers, [&](const json::value& driver, const Path& at) {
    const auto name = text_of(member(&driver, "name")), id = text_of(member(&driver, "nodeID"));
    const auto allocatable = at.child("allocatable");
    validate_driver_name(name, at.child("name"), errors);
    if (id.empty()) errors.required(at.child("nodeID"));
    if (id.size() > kNodeIdBytesMax) errors.invalid(at.child("nodeID"), id, "must be 256 characters or less");
    not_negative(at_path(driver, "allocatable.count"), allocatable.child("count"), errors);
    if (!names.insert(name).second) errors.duplicate(at.child("name"), name);
    std::set<std::string_view> keys;
    each_element(member(&driver, "topologyKeys"), at, [&](const json::value& one, const Path&) {
      const auto key = text_of(&one);
      if (key.empty()) errors.required(at);
      if (!keys.insert(key).second) errors.duplicate(at, key);
      errors.invalid_each(at, key, check_label_key(key));
    });
  });
}

void validate_runtime_class(const Candidate& candidate, FieldErrors& errors) {
  if (candidate.old) return;
  const Path scheduling("scheduling");
  if (const auto* fixed = at_path(candidate.object, "overhead.podFixed")) {
    const json::value as_limits{{"limits", *fixed}};
    validate_resources(&as_limits, Path("overhead"), {}, errors);
  }
  validate_labels(at_path(candidate.object, "scheduling.nodeSelector"), scheduling.child("nodeSelector"), errors);
  const auto path = scheduling.child("tolerations");
  const auto* tolerations = at_path(candidate.object, "scheduling.tolerations");
  validate_tolerations(tolerations, path, errors);
  std::set<std::string> seen;
  each_element(tolerations, path, [&](const json::value& one, const Path& at) {
    std::string key;
    for (const std::string_view field : {"key", "operator", "value", "effect"}) key.append(text_of(member(&one, field))) += '\n';
    if (!seen.insert(std::move(key)).second) errors.duplicate(at, &one);
  });
}

void validate_cluster_role(const Candidate& candidate, FieldErrors& errors) {
  const auto* rule = member(&candidate.object, "aggregationRule");
  if (!rule) return;
  const Path path("aggregationRule"), selectors = path.child("clusterRoleSelectors");
  const auto* given = member(rule, "clusterRoleSelectors");
  if (length_of(given) == 0) errors.required(selectors, "at least one clusterRoleSelector required if aggregationRule is non-nil");
  each_element(given, selectors, [&](const json::value& selector, const Path& at) {
    const auto before = errors.size();
    validate_label_selector(&selector, at, errors);
    if (errors.size() != before) errors.invalid(at, nullptr, "invalid label selector.");
  });
}

}  // namespace keelson::kinds

// Namespace, Node, ConfigMap, Secret, Event and Lease.
#include <array>
#include <set>

#include "core/kinds/base64.hpp"
#include "core/kinds/conform.hpp"
#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/parse.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/resource_names.hpp"
#include "core/kinds/validate/new_addresses.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kDataBytesMax = 1'048'576;       // of a ConfigMap or Secret
constexpr std::size_t kReasonMax = 128, kNoteMax = 1'024;

void validate_keys(const json::value* data, const Path& path, FieldErrors& errors) {
  const auto* entries = as_object(data);
  if (!entries) return;
  for (const auto& entry : *entries) errors.invalid_each(path.key(entry.key()), entry.key(), check_config_key(entry.key()));
}

// What says `immutable: true` neither changes nor stops saying so.
void validate_frozen(const Candidate& candidate, std::initializer_list<std::string_view> fields, FieldErrors& errors) {
  if (!candidate.old || !truth_at(*candidate.old, "immutable")) return;
  constexpr std::string_view why = "field is immutable when `immutable` is set";
  if (!truth_at(candidate.object, "immutable")) errors.forbidden(Path("immutable"), why);
  for (const auto field : fields)
    if (!same(at_path(candidate.object, field), at_path(*candidate.old, field))) errors.forbidden(Path(field), why);
}

void require_key(const json::value* data, std::string_view key, FieldErrors& errors) {
  if (!member(data, key)) errors.required(Path("data").key(key));
}

void require_json(const json::value* data, std::string_view key, FieldErrors& errors) {
  const auto path = Path("data");
  const auto* value = member(data, key);
  if (!value) return errors.required(path.key(key));
  const auto text = base64_decode(text_of(value)).value_or("");
  auto parsed = parse_json(text, {});
  if (parsed.fault.empty() && !parsed.value.is_object() && !parsed.value.is_null())
    parsed.fault = "json: cannot unmarshal " + std::string(go_word(parsed.value)) + " into Go value of type map[string]interface {}";
  if (!parsed.fault.empty()) errors.invalid(path.key(key), "<secret contents redacted>", parsed.fault);
}

void validate_secret_type(const Candidate& candidate, const json::value* data, FieldErrors& errors) {
  const auto type = text_at(candidate.object, "type");
  if (type == "kubernetes.io/tls") {
    require_key(data, "tls.crt", errors);
    require_key(data, "tls.key", errors);
  } else if (type == "kubernetes.io/dockerconfigjson") {
    require_json(data, ".dockerconfigjson", errors);
  } else if (type == "kubernetes.io/dockercfg") {
    require_json(data, ".dockercfg", errors);
  } else if (type == "kubernetes.io/basic-auth") {
    if (member(data, "username") || member(data, "password")) return;
    require_key(data, "username", errors);
    require_key(data, "password", errors);
  } else if (type == "kubernetes.io/ssh-auth") {
    if (text_of(member(data, "ssh-privatekey")).empty()) errors.required(Path("data").key("ssh-privatekey"));
  } else if (type == "kubernetes.io/service-account-token") {
    const auto metadata = Path("metadata");
    const auto annotations = metadata.child("annotations");
    constexpr std::string_view name = "kubernetes.io/service-account.name";
    if (text_of(member(at_path(candidate.object, "metadata.annotations"), name)).empty()) errors.required(annotations.key(name));
  }
}

void validate_taints(const json::value* taints, const Path& path, FieldErrors& errors) {
  std::set<std::pair<std::string_view, std::string_view>> seen;
  each_element(taints, path, [&](const json::value& taint, const Path& at) {
    const auto key = text_of(member(&taint, "key")), value = text_of(member(&taint, "value")), effect = text_of(member(&taint, "effect"));
    errors.invalid_each(at.child("key"), key, check_label_key(key));
    errors.invalid_each(at.child("value"), value, check_label_value(value));
    if (effect.empty()) errors.required(at.child("effect"));
    else errors.one_of(at.child("effect"), effect, {"NoSchedule", "PreferNoSchedule", "NoExecute"});
    if (!seen.emplace(key, effect).second) errors.duplicate(at, &taint);
  });
}

void validate_pod_ranges(const Candidate& candidate, const Path& path, FieldErrors& errors) {
  const auto* ranges = at_path(candidate.object, "spec.podCIDRs");
  const auto here = path.child("podCIDRs");
  std::set<bool> families;
  each_element(ranges, here, [&](const json::value& range, const Path& at) {
    const auto text = text_of(&range);
    errors.invalid_each(at, text, check_new_cidr(text));
    families.insert(text.find(':') != std::string_view::npos);
  });
  if (families.size() < length_of(ranges)) errors.invalid(here, ranges, "may specify no more than one CIDR for each IP family");
}

void validate_node_amounts(const json::value& node, FieldErrors& errors) {
  const Path status("status");
  for (const std::string_view which : {"capacity", "allocatable"}) {
    const auto path = status.child(which);
    const auto* amounts = as_object(member(at_path(node, "status"), which));
    if (!amounts) continue;
    for (const auto& [name, value] : *amounts) {
      const auto amount = Quantity::parse(text_of(&value));
      const auto here = path.child(name);
      if (amount && amount->sign() < 0) errors.invalid(here, &value, kNotNegative);
      if (amount && is_whole_resource(name) && !amount->is_whole()) errors.invalid(here, &value, "must be an integer");
    }
  }
}

// The rules are those of pkg/apis/core/validation/events.go, which names fields as core/v1 does, whichever version was asked for.

/// Who tells of an event that has a time of its own, and what was done.
void validate_event_report(const Candidate& candidate, bool fresh, FieldErrors& errors) {
  const auto within = [&](std::string_view field) {
    const auto text = text_at(candidate.object, field);
    if (text.empty()) errors.required(Path(field));
    if (text.size() > kReasonMax) errors.invalid(Path(field), "", "can have at most " + std::to_string(kReasonMax) + " characters");
  };
  const std::string_view by = fresh ? "reportingController" : "reportingComponent";
  const auto controller = text_at(candidate.object, by);
  if (controller.empty()) errors.required(Path(by));
  errors.invalid_each(Path(by), controller, check_label_key(controller));
  for (const std::string_view field : {"reportingInstance", "action", "reason"}) within(field);
  if (text_at(candidate.object, fresh ? "note" : "message").size() > kNoteMax) errors.invalid(Path("message"), "", "can have at most " + std::to_string(kNoteMax) + " characters");
}

/// Where the subject of an event is. A cluster's own has no namespace, its events are in one all the same.
void validate_event_place(const Candidate& candidate, std::string_view about, bool timed, FieldErrors& errors) {
  const auto ns = text_at(candidate.object, "metadata.namespace"), of_subject = text_of(member(at_path(candidate.object, about), "namespace"));
  const bool fits = of_subject.empty() ? ns == "default" || ns == "kube-system" || ns.empty() : timed || of_subject == ns;
  if (!fits) errors.invalid(Path("involvedObject.namespace"), of_subject, "does not match event.namespace");
}

/// What only events of core/v1 say, and how it is told there.
constexpr std::pair<std::string_view, std::string_view> kDeprecatedOfEvents[] = {
    {"deprecatedFirstTimestamp", "firstTimestamp"}, {"deprecatedLastTimestamp", "lastTimestamp"}, {"deprecatedCount", "count"}, {"deprecatedSource", "source"}};

/// Only of those made in events.k8s.io.
void validate_new_event(const Candidate& candidate, FieldErrors& errors) {
  const auto* series = at_path(candidate.object, "series");
  const auto type = text_at(candidate.object, "type");
  if (series && integer_of(member(series, "count")) < 2) errors.invalid(Path("series.count"), "", "should be at least 2");
  if (series && text_of(member(series, "lastObservedTime")).empty()) errors.required(Path("series.lastObservedTime"));
  if (text_at(candidate.object, "eventTime").empty()) errors.required(Path("eventTime"));
  if (type != "Normal" && type != "Warning") errors.invalid(Path("type"), "", "has invalid value: " + std::string(type));
  for (const auto& [field, name] : kDeprecatedOfEvents)
    if (const auto* value = at_path(candidate.object, field); value && !is_zero(*value)) errors.invalid(Path(name), "", "needs to be unset");
}

}  // namespace

void validate_namespace(const Candidate& candidate, FieldErrors& errors) {
  const Path spec("spec"), status("status");
  const auto finalizers = spec.child("finalizers");
  each_element(at_path(candidate.object, "spec.finalizers"), finalizers, [&](const json::value& finalizer, const Path&) {
    const auto name = text_of(&finalizer);
    errors.invalid_each(spec.child("finalizers"), name, check_label_key(name));
    if (name.find('/') == std::string_view::npos && name != "kubernetes" && name != "orphan" && name != "foregroundDeletion")
      errors.invalid(spec.child("finalizers"), name, "name is neither a standard finalizer name nor is it fully qualified");
  });
  if (candidate.subresource != "status") return;
  const auto phase = text_at(candidate.object, "status.phase");
  const bool deleting = at_path(candidate.object, "metadata.deletionTimestamp") != nullptr;
  if (deleting && phase == "Active") errors.invalid(status.child("phase"), phase, "may only be 'Active' if `deletionTimestamp` is empty");
  if (!deleting && phase == "Terminating") errors.invalid(status.child("phase"), phase, "may only be 'Terminating' if `deletionTimestamp` is not empty");
}

void validate_node(const Candidate& candidate, FieldErrors& errors) {
  const Path metadata("metadata"), spec("spec"), status("status");
  const auto addresses = status.child("addresses");
  validate_taints(at_path(candidate.object, "spec.taints"), metadata.child("taints"), errors);   // told of metadata, as upstream does
  validate_node_amounts(candidate.object, errors);
  validate_pod_ranges(candidate, spec, errors);
  if (!candidate.old) return;
  std::set<std::string> seen;
  each_element(at_path(candidate.object, "status.addresses"), addresses, [&](const json::value& address, const Path& at) {
    const auto key = std::string(text_of(member(&address, "type"))) + "/" + std::string(text_of(member(&address, "address")));
    if (!seen.insert(key).second) errors.duplicate(at, &address);
  });
  const auto* ranges = at_path(*candidate.old, "spec.podCIDRs");
  if (length_of(ranges) > 0 && !same(ranges, at_path(candidate.object, "spec.podCIDRs")))
    errors.forbidden(spec.child("podCIDRs"), "node updates may not change podCIDR except from \"\" to valid");
  const auto provider = text_at(*candidate.old, "spec.providerID");
  if (!provider.empty() && provider != text_at(candidate.object, "spec.providerID"))
    errors.forbidden(spec.child("providerID"), "node updates may not change providerID except from \"\" to valid");
}

void validate_config_map(const Candidate& candidate, FieldErrors& errors) {
  const auto *data = at_path(candidate.object, "data"), *binary = at_path(candidate.object, "binaryData");
  validate_keys(data, Path("data"), errors);
  std::size_t bytes = 0;
  if (const auto* entries = as_object(data))
    for (const auto& [key, value] : *entries) {
      bytes += text_of(&value).size();
      if (member(binary, key)) errors.invalid(Path("data").key(key), key, "duplicate of key present in binaryData");
    }
  validate_keys(binary, Path("binaryData"), errors);
  if (const auto* entries = as_object(binary))
    for (const auto& entry : *entries) bytes += base64_decoded_size(text_of(&entry.value()));
  if (bytes > kDataBytesMax) errors.too_long(Path(""), kDataBytesMax);
  validate_frozen(candidate, {"data", "binaryData"}, errors);
}

void validate_secret(const Candidate& candidate, FieldErrors& errors) {
  const auto* data = at_path(candidate.object, "data");
  std::size_t bytes = 0;
  validate_keys(data, Path("data"), errors);
  if (const auto* entries = as_object(data))
    for (const auto& entry : *entries) bytes += base64_decoded_size(text_of(&entry.value()));
  if (bytes > kDataBytesMax) errors.too_long(Path("data"), kDataBytesMax);
  validate_secret_type(candidate, data, errors);
  if (candidate.old) immutable(at_path(candidate.object, "type"), at_path(*candidate.old, "type"), Path("type"), errors);
  validate_frozen(candidate, {"data"}, errors);
}

void validate_event(const Candidate& candidate, FieldErrors& errors) {
  const bool fresh = candidate.kind.group == "events.k8s.io", timed = !text_at(candidate.object, "eventTime").empty();
  validate_event_place(candidate, fresh ? "regarding" : "involvedObject", timed, errors);
  if (timed) validate_event_report(candidate, fresh, errors);
  if (fresh && !candidate.old) validate_new_event(candidate, errors);
}

void validate_lease(const Candidate& candidate, FieldErrors& errors) {
  const Path spec("spec");
  const auto* duration = at_path(candidate.object, "spec.leaseDurationSeconds");
  if (duration && integer_of(duration) <= 0) errors.invalid(spec.child("leaseDurationSeconds"), duration, "must be greater than 0");
  not_negative(at_path(candidate.object, "spec.leaseTransitions"), spec.child("leaseTransitions"), errors);
}

}  // namespace keelson::kinds

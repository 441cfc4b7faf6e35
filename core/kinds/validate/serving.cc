// Who serves an API, and how many requests at once.
//
// The rules are those of kube-aggregator's pkg/apis/apiregistration/validation and of pkg/apis/flowcontrol/validation.
#include <cmath>

#include "core/kinds/base64.hpp"
#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/more.hpp"

namespace keelson::kinds {
namespace {

constexpr std::int64_t kGroupPriorityMax = 20'000, kVersionPriorityMax = 1000, kPercentMax = 100, kQueuesMax = 10'000'000;
constexpr int kHashBitsMax = 60;

/// Of an APIService that somebody else serves.
void validate_service_reference(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* service = member(&spec, "service");
  const auto here = path.child("service"), insecure = path.child("insecureSkipTLSVerify");
  for (const std::string_view field : {"namespace", "name"})
    if (text_of(member(service, field)).empty()) errors.required(here.child(field));
  for (const auto& why : check_port_number(integer_of(member(service, "port"), 443))) errors.invalid(here.child("port"), member(service, "port"), "port is not valid: " + std::string(why));
  if (truth_of(member(&spec, "insecureSkipTLSVerify")) && !text_of(member(&spec, "caBundle")).empty())
    errors.invalid(insecure, member(&spec, "insecureSkipTLSVerify"), "may not be true if caBundle is present");
}

void validate_percent(const json::value* percent, const Path& path, FieldErrors& errors) {
  if (percent && (integer_of(percent) < 0 || integer_of(percent) > kPercentMax)) errors.invalid(path, percent, "must be between 0 and 100, inclusive");
}

void validate_shares(const json::value* level, const Path& path, FieldErrors& errors) {
  const auto* shares = member(level, "nominalConcurrencyShares");
  if (shares && integer_of(shares) < 0) errors.invalid(path.child("nominalConcurrencyShares"), shares, "must be a non-negative integer");
}

void validate_queuing(const json::value* queuing, const Path& path, FieldErrors& errors) {
  const auto *length = member(queuing, "queueLengthLimit"), *queues = member(queuing, "queues"), *hand = member(queuing, "handSize");
  const auto deck = integer_of(queues), size = integer_of(hand);
  const auto hand_path = path.child("handSize");
  if (integer_of(length) <= 0) errors.invalid(path.child("queueLengthLimit"), length, "must be positive");
  if (deck <= 0) errors.invalid(path.child("queues"), queues, "must be positive");
  else if (deck > kQueuesMax) errors.invalid(path.child("queues"), queues, "must not be greater than " + std::to_string(kQueuesMax));
  if (size <= 0) return errors.invalid(hand_path, hand, "must be positive");
  if (size > deck) return errors.invalid(hand_path, hand, "should not be greater than queues (" + std::to_string(deck) + ")");
  // As many bits as shuffling a flow's hand takes; a flow's hash has only so many.
  if (std::ceil(std::log2(static_cast<double>(deck)) * static_cast<double>(size)) > kHashBitsMax)
    errors.invalid(hand_path, hand, "required entropy bits of deckSize " + std::to_string(deck) + " and handSize " + std::to_string(size) + " should not be greater than " + std::to_string(kHashBitsMax));
}

void validate_limit_response(const json::value* response, const Path& path, FieldErrors& errors) {
  const auto type = text_of(member(response, "type"));
  const auto* queuing = member(response, "queuing");
  const auto here = path.child("queuing");
  if (type == "Reject") {
    if (queuing) errors.forbidden(here, "must be nil if limited.limitResponse.type is not Limited");
  } else if (type == "Queue") {
    if (!queuing) errors.required(here, "must not be empty if limited.limitResponse.type is Limited");
    else validate_queuing(queuing, here, errors);
  } else if (type.empty()) {
    errors.required(path.child("type"));
  } else {
    errors.one_of(path.child("type"), type, {"Queue", "Reject"});
  }
}

void validate_limited(const json::value* limited, const Path& path, FieldErrors& errors) {
  if (!limited) return errors.required(path, "must not be empty when type is Limited");
  validate_shares(limited, path, errors);
  validate_limit_response(member(limited, "limitResponse"), path.child("limitResponse"), errors);
  validate_percent(member(limited, "lendablePercent"), path.child("lendablePercent"), errors);
  const auto* borrowed = member(limited, "borrowingLimitPercent");
  if (borrowed && integer_of(borrowed) < 0) errors.invalid(path.child("borrowingLimitPercent"), borrowed, "if specified, must be a non-negative integer");
}

}  // namespace

void validate_api_service(const Candidate& candidate, FieldErrors& errors) {
  if (!candidate.subresource.empty()) return;
  const Path metadata("metadata"), path("spec");
  const auto* spec = at_path(candidate.object, "spec");
  const auto name = text_at(candidate.object, "metadata.name"), group = text_of(member(spec, "group")), version = text_of(member(spec, "version"));
  const auto wanted = std::string(version) + "." + std::string(group);
  if (!name.empty() && check_path_segment(name).empty() && name != wanted) errors.invalid(metadata.child("name"), name, "must be `spec.version+\".\"+spec.group`: \"" + wanted + "\"");
  if (!group.empty()) errors.invalid_each(path.child("group"), group, check_subdomain_1123(group));
  else if (version != "v1") errors.required(path.child("group"), "only v1 may have an empty group and it better be legacy kube");
  errors.invalid_each(path.child("version"), version, check_label_1035(version));
  const auto *group_priority = member(spec, "groupPriorityMinimum"), *version_priority = member(spec, "versionPriority");
  if (integer_of(group_priority) <= 0 || integer_of(group_priority) > kGroupPriorityMax) errors.invalid(path.child("groupPriorityMinimum"), group_priority, "must be positive and less than 20000");
  if (integer_of(version_priority) <= 0 || integer_of(version_priority) > kVersionPriorityMax) errors.invalid(path.child("versionPriority"), version_priority, "must be positive and less than 1000");
  if (!spec) return;
  if (member(spec, "service")) return validate_service_reference(*spec, path, errors);
  if (const auto* bundle = member(spec, "caBundle"); !text_of(bundle).empty()) errors.invalid(path.child("caBundle"), std::to_string(base64_decoded_size(text_of(bundle))) + " bytes", "local APIServices may not have a caBundle");
  if (const auto* insecure = member(spec, "insecureSkipTLSVerify"); truth_of(insecure)) errors.invalid(path.child("insecureSkipTLSVerify"), insecure, "local APIServices may not have insecureSkipTLSVerify");
}

void validate_priority_level(const Candidate& candidate, FieldErrors& errors) {
  if (!candidate.subresource.empty()) return;
  const Path path("spec"), at = path.child("type");
  const auto* spec = at_path(candidate.object, "spec");
  const auto type = text_of(member(spec, "type"));
  const auto *limited = member(spec, "limited"), *exempt = member(spec, "exempt");
  const auto exempt_path = path.child("exempt"), limited_path = path.child("limited");
  if ((text_at(candidate.object, "metadata.name") == "exempt") != (type == "Exempt")) errors.invalid(at, type, "must be 'Exempt' if and only if `name` is 'exempt'");
  if (type == "Exempt") {
    if (limited) errors.forbidden(limited_path, "must be nil if the type is not Limited");
    validate_shares(exempt, exempt_path, errors);
    validate_percent(member(exempt, "lendablePercent"), exempt_path.child("lendablePercent"), errors);
  } else if (type == "Limited") {
    if (exempt) errors.forbidden(exempt_path, "must be nil if the type is Limited");
    validate_limited(limited, limited_path, errors);
  } else if (type.empty()) {
    errors.required(at);
  } else {
    errors.one_of(at, type, {"Exempt", "Limited"});
  }
}

}  // namespace keelson::kinds

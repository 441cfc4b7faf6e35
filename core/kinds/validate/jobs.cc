// The rules are those of pkg/apis/batch/validation: validateJobSpec.
#include "core/kinds/validate/jobs.hpp"

#include <charconv>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/internal_form.hpp"

namespace keelson::kinds {
namespace {

constexpr std::int64_t kIndexedMax = 100'000, kManyIndexedMax = 10'000;
constexpr std::size_t kRulesMax = 20, kExitCodesMax = 255, kIndexesBytesMax = 64 * 1024, kManagerBytesMax = 63;
constexpr std::string_view kIndexedOnly = "requires indexed completion mode";
constexpr std::string_view kCounts[] = {"parallelism", "completions", "activeDeadlineSeconds", "backoffLimit", "ttlSecondsAfterFinished", "backoffLimitPerIndex", "maxFailedIndexes"};
constexpr std::string_view kPathLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/%._~!$&'()*+,;=:-";

/// Without the value, whose place the reason takes.
void tell(const Path& path, std::string_view detail, FieldErrors& errors) { errors.add(base::Cause{"FieldValueInvalid", "Invalid value: " + std::string(detail), path.text()}); }

void validate_manager(const json::value* manager, const Path& path, FieldErrors& errors) {
  if (!manager) return;
  const auto name = text_of(manager);
  const auto slash = name.find('/');
  if (name.empty()) return errors.required(path);
  if (slash == std::string_view::npos || slash == 0 || slash + 1 == name.size()) {
    errors.invalid(path, name, "must be a domain-prefixed path (such as \"acme.io/foo\")");
  } else {
    const auto host = name.substr(0, slash), rest = name.substr(slash + 1);
    errors.invalid_each(path, host, check_subdomain_1123(host));
    if (rest.find_first_not_of(kPathLetters) != std::string_view::npos)
      errors.invalid(path, rest, "Invalid path (regex used for validation is '[A-Za-z0-9/\\-._~%!$&'()*+,;=:]+')");
  }
  if (name.size() > kManagerBytesMax) errors.too_long(path, kManagerBytesMax);
}

void validate_many_indexes(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto *most = member(&spec, "maxFailedIndexes"), *parallelism = member(&spec, "parallelism");
  constexpr std::string_view kDetail = "must be less than or equal to 10000 when completions are above 100000 and used with backoff limit per index";
  if (!most) errors.required(path.child("maxFailedIndexes"), "must be specified when completions is above 100000");
  if (integer_of(parallelism) > kManyIndexedMax) errors.invalid(path.child("parallelism"), parallelism, kDetail);
  if (integer_of(most) > kManyIndexedMax) errors.invalid(path.child("maxFailedIndexes"), most, kDetail);
}

void validate_mode(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* given = member(&spec, "completionMode");
  const auto mode = text_of(given);
  const auto *completions = member(&spec, "completions"), *parallelism = member(&spec, "parallelism"), *most = member(&spec, "maxFailedIndexes");
  const bool per_index = member(&spec, "backoffLimitPerIndex");
  if (given) errors.one_of(path.child("completionMode"), mode, {"NonIndexed", "Indexed"});
  if (mode == "Indexed") {
    if (!completions) errors.required(path.child("completions"), "when completion mode is Indexed");
    if (integer_of(parallelism) > kIndexedMax) errors.invalid(path.child("parallelism"), parallelism, "must be less than or equal to 100000 when completion mode is Indexed");
    if (completions && most && integer_of(most) > integer_of(completions)) errors.invalid(path.child("maxFailedIndexes"), most, "must be less than or equal to completions");
    if (integer_of(most) > kIndexedMax) errors.invalid(path.child("maxFailedIndexes"), most, "must be less than or equal to 100000");
    if (integer_of(completions) > kIndexedMax && per_index) validate_many_indexes(spec, path, errors);
  } else if (!given || mode == "NonIndexed") {
    for (const std::string_view field : {"backoffLimitPerIndex", "maxFailedIndexes"})
      if (const auto* value = member(&spec, field)) errors.invalid(path.child(field), value, kIndexedOnly);
  }
}

void validate_exit_codes(const json::value* codes, const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto op = text_of(member(codes, "operator"));
  if (op.empty()) errors.required(path.child("operator"), R"(valid values: ["In" "NotIn"])");
  else errors.one_of(path.child("operator"), op, {"In", "NotIn"});
  if (const auto* name = member(codes, "containerName")) {
    bool found = false;
    for (const std::string_view list : {"containers", "initContainers"})
      each_element(member(at_path(spec, "template.spec"), list), path, [&](const json::value& container, const Path&) { found |= text_of(member(&container, "name")) == text_of(name); });
    if (!found) errors.invalid(path.child("containerName"), name, "must be one of the container or initContainer names in the pod template");
  }
  const auto* values = member(codes, "values");
  const auto here = path.child("values");
  if (length_of(values) == 0) errors.invalid(here, values, "at least one value is required");
  else if (length_of(values) > kExitCodesMax) errors.too_many(here, length_of(values), kExitCodesMax);
  std::set<std::int64_t> seen;
  bool ordered = true;
  std::int64_t before = 0;
  each_element(values, here, [&](const json::value& value, const Path& at) {
    const auto code = integer_of(&value);
    if (code == 0 && op == "In") errors.invalid(at, &value, "must not be 0 for the In operator");
    if (!seen.empty()) ordered &= before <= code;
    if (!seen.insert(code).second) errors.duplicate(at, &value);
    before = code;
  });
  if (!ordered) errors.invalid(here, values, "must be ordered");
}

void validate_conditions(const json::value* conditions, const Path& path, FieldErrors& errors) {
  if (length_of(conditions) > kRulesMax) errors.too_many(path, length_of(conditions), kRulesMax);
  each_element(conditions, path, [&](const json::value& condition, const Path& at) {
    const auto type = text_of(member(&condition, "type")), status = text_of(member(&condition, "status"));
    errors.invalid_each(at.child("type"), type, check_label_key(type));
    if (status.empty()) errors.required(at.child("status"), R"(valid values: ["False" "True" "Unknown"])");
    else errors.one_of(at.child("status"), status, {"False", "True", "Unknown"});
  });
}

void validate_failure_rule(const json::value& rule, const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto action = text_of(member(&rule, "action"));
  const auto here = path.child("action");
  if (action.empty()) errors.required(here, R"(valid values: ["Count" "FailIndex" "FailJob" "Ignore"])");
  else if (errors.one_of(here, action, {"Count", "FailIndex", "FailJob", "Ignore"}) && action == "FailIndex" && !member(&spec, "backoffLimitPerIndex"))
    errors.invalid(here, action, "requires the backoffLimitPerIndex to be set");
  const auto *codes = member(&rule, "onExitCodes"), *conditions = member(&rule, "onPodConditions");
  const bool has_conditions = length_of(conditions) > 0;
  if (codes) validate_exit_codes(codes, spec, path.child("onExitCodes"), errors);
  validate_conditions(conditions, path.child("onPodConditions"), errors);
  if (codes && has_conditions) tell(path, "specifying both OnExitCodes and OnPodConditions is not supported", errors);
  if (!codes && !has_conditions) tell(path, "specifying one of OnExitCodes and OnPodConditions is required", errors);
}

/// A number of an index; what is wrong with it otherwise.
std::string read_index(std::string_view text, std::int64_t completions, std::int64_t& index) {
  auto digits = text;
  if (digits.starts_with('+')) digits.remove_prefix(1);
  const auto read = std::from_chars(digits.data(), digits.data() + digits.size(), index);
  if (read.ec != std::errc() || read.ptr != digits.data() + digits.size()) return "cannot convert string to integer for index: " + shown_value(text);
  return index >= completions ? "too large index: " + shown_value(text) : std::string();
}

std::string not_increasing(std::int64_t before, std::int64_t now) { return "non-increasing order, previous: " + std::to_string(before) + ", current: " + std::to_string(now); }

/// "0,2-4": how many those are, or what is wrong with them.
std::string read_indexes(std::string_view text, std::int64_t completions, std::int64_t& total) {
  std::int64_t sum = 0, last = 0;
  for (bool first = true; !text.empty() || !first; first = false) {
    const auto comma = text.find(',');
    const auto part = text.substr(0, comma);
    const auto dash = part.find('-');
    if (dash != std::string_view::npos && part.find('-', dash + 1) != std::string_view::npos)
      return "the fragment " + shown_value(part) + " violates the requirement that an index interval can have at most two parts separated by '-'";
    std::int64_t from = 0, to = 0;
    if (auto why = read_index(part.substr(0, dash), completions, from); !why.empty()) return why;
    to = from;
    if (dash != std::string_view::npos) {
      if (auto why = read_index(part.substr(dash + 1), completions, to); !why.empty()) return why;
      if (from >= to) return not_increasing(from, to);
    }
    if (!first && last >= from) return not_increasing(last, from);
    sum += to - from + 1;
    last = to;
    if (comma == std::string_view::npos) break;
    text.remove_prefix(comma + 1);
  }
  total = sum;
  return {};
}

/// `completions` may be null: then nothing is compared with them.
void validate_success_rule(const json::value& rule, const json::value* completions, const Path& path, FieldErrors& errors) {
  const auto *count = member(&rule, "succeededCount"), *indexes = member(&rule, "succeededIndexes");
  if (!count && !indexes) errors.required(path, "at least one of succeededCount or succeededIndexes must be specified");
  if (!completions) return;
  std::int64_t total = 0;
  if (indexes) {
    const auto here = path.child("succeededIndexes");
    if (text_of(indexes).size() > kIndexesBytesMax) errors.too_long(here, kIndexesBytesMax);
    if (const auto why = read_indexes(text_of(indexes), integer_of(completions), total); !why.empty()) errors.invalid(here, indexes, "error parsing succeededIndexes: " + why);
  }
  if (!count) return;
  const auto here = path.child("succeededCount");
  const auto most = [](std::int64_t number) { return "must be less than or equal to " + std::to_string(number); };
  not_negative(count, here, errors);
  if (integer_of(count) > integer_of(completions)) errors.invalid(here, count, most(integer_of(completions)) + " (the number of specified completions)");
  if (indexes && integer_of(count) > total) errors.invalid(here, count, most(total) + " (the number of indexes in the specified succeededIndexes field)");
}

void validate_success(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* policy = member(&spec, "successPolicy");
  if (!policy) return;
  const auto* given = member(policy, "rules");
  const auto rules = path.child("rules");
  if (text_of(member(&spec, "completionMode")) != "Indexed") {
    json::array shown_rules;
    each_element(given, rules, [&](const json::value& rule, const Path&) { shown_rules.emplace_back(internal_form(&rule, {"succeededIndexes", "succeededCount"})); });
    const json::value shown{{"Rules", given ? json::value(std::move(shown_rules)) : json::value(nullptr)}};
    return errors.invalid(path, &shown, kIndexedOnly);
  }
  if (length_of(given) == 0) errors.required(rules, "at least one rules must be specified when the successPolicy is specified");
  if (length_of(given) > kRulesMax) errors.too_many(rules, length_of(given), kRulesMax);
  each_element(given, rules, [&](const json::value& rule, const Path& at) { validate_success_rule(rule, member(&spec, "completions"), at, errors); });
}

}  // namespace

void validate_job_policies(const json::value& spec, const Path& path, FieldErrors& errors) {
  for (const auto field : kCounts) {
    not_negative(member(&spec, field), path.child(field), errors);
    if (field == "maxFailedIndexes" && member(&spec, field) && !member(&spec, "backoffLimitPerIndex")) errors.required(path.child("backoffLimitPerIndex"), "when maxFailedIndexes is specified");
  }
  validate_manager(member(&spec, "managedBy"), path.child("managedBy"), errors);
  validate_mode(spec, path, errors);
  const auto* failures = member(&spec, "podFailurePolicy");
  const auto failures_path = path.child("podFailurePolicy"), rules = failures_path.child("rules");
  if (const auto count = length_of(member(failures, "rules")); count > kRulesMax) errors.too_many(rules, count, kRulesMax);
  each_element(member(failures, "rules"), rules, [&](const json::value& rule, const Path& at) { validate_failure_rule(rule, spec, at, errors); });
  validate_success(spec, path.child("successPolicy"), errors);
  const auto* replacement = member(&spec, "podReplacementPolicy");
  const auto at = path.child("podReplacementPolicy");
  if (replacement && failures) errors.one_of(at, text_of(replacement), {"Failed"});
  else if (replacement) errors.one_of(at, text_of(replacement), {"Failed", "TerminatingOrFailed"});
}

}  // namespace keelson::kinds

// Job and CronJob.
#include <array>
#include <charconv>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/time_zones.hpp"
#include "core/kinds/validate/jobs.hpp"
#include "core/kinds/validate/more.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kCronNameBytesMax = 52;

void validate_restart(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto pod_template = path.child("template"), pod = pod_template.child("spec"), here = pod.child("restartPolicy");
  const auto policy = text_at(spec, "template.spec.restartPolicy");
  if (policy.empty() || policy == "Always") return errors.required(here, R"(valid values: "OnFailure", "Never")");
  if (errors.one_of(here, policy, {"OnFailure", "Never"}) && policy != "Never" && member(&spec, "podFailurePolicy"))
    errors.invalid(here, policy, R"(only "Never" is supported when podFailurePolicy is specified)");
}

/// What Jobs and the templates of CronJobs have alike.
void validate_job_spec(const json::value& spec, const Path& path, FieldErrors& errors) {
  validate_job_policies(spec, path, errors);
  validate_pod_template(member(&spec, "template"), path.child("template"), errors);
  validate_restart(spec, path, errors);
}

/// Unless it is said to be chosen by hand, a selector asks for nothing but what is made for it.
void validate_generated_selector(const json::value& job, const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto* selector = member(&spec, "selector");
  if (!selector || truth_of(member(&spec, "manualSelector"))) return;
  const auto here = path.child("selector");
  FieldErrors unreadable;
  validate_label_selector(selector, here, unreadable);
  if (!unreadable.empty()) return;
  json::object labels;
  for (const std::string_view prefix : {"", "batch.kubernetes.io/"}) {
    labels[std::string(prefix) + "controller-uid"] = text_at(job, "metadata.uid");
    labels[std::string(prefix) + "job-name"] = text_at(job, "metadata.name");
  }
  const json::value made(std::move(labels));
  if (!selector_matches(selector, &made)) errors.invalid(here, selector, "`selector` not auto-generated");
}

void validate_job_selector(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto *selector = member(&spec, "selector"), *labels = at_path(spec, "template.metadata.labels");
  const auto here = path.child("selector"), pods = path.child("template"), metadata = pods.child("metadata");
  const auto before = errors.size();
  if (!selector) errors.required(here);
  else validate_label_selector(selector, here, errors);
  // No selector selects nothing.
  if (errors.size() != before && selector) return;
  if (!selector || !selector_matches(selector, labels)) errors.invalid(metadata.child("labels"), labels, "`selector` does not match template `labels`");
}

/// While a Job waits for its first start, those who queue jobs may still say where its pods go.
json::value without_scheduling(const json::value* pod_template) {
  if (!pod_template) return nullptr;
  json::value rest(*pod_template, json::storage_ptr());
  if (auto* metadata = as_object(member(&rest, "metadata"))) metadata->erase("labels"), metadata->erase("annotations");
  if (auto* spec = as_object(member(&rest, "spec")))
    for (const std::string_view field : {"nodeSelector", "affinity", "tolerations", "schedulingGates"}) spec->erase(field);
  return rest;
}

void validate_job_update(const json::value& spec, const json::value& old, const Path& path, FieldErrors& errors) {
  const auto* before = at_path(old, "spec");
  const auto keep = [&](std::string_view field) { immutable(member(&spec, field), member(before, field), path.child(field), errors); };
  keep("selector");
  const bool waiting = truth_at(old, "spec.suspend") && !at_path(old, "status.startTime");
  if (waiting) {
    const auto now = without_scheduling(member(&spec, "template")), then = without_scheduling(member(before, "template"));
    if (!same(&now, &then)) errors.invalid(path.child("template"), member(&spec, "template"), kImmutable);
  } else {
    keep("template");
  }
  if (same(member(&spec, "completions"), member(before, "completions"))) return;
  if (text_of(member(&spec, "completionMode")) != "Indexed") return keep("completions");
  if (!same(member(&spec, "completions"), member(&spec, "parallelism")))
    errors.invalid(path.child("completions"), member(&spec, "completions"), "can only be modified in tandem with " + path.child("parallelism").text());
}

void validate_job_status(const Candidate& candidate, FieldErrors& errors) {
  const Path path("status");
  for (const std::string_view field : {"active", "succeeded", "failed", "ready", "terminating"}) {
    const auto here = path.child(field);
    not_negative(member(at_path(candidate.object, "status"), field), here, errors);
  }
  const auto count = [](const json::value& job, std::string_view field) { return integer_of(member(at_path(job, "status"), field)); };
  for (const std::string_view field : {"succeeded", "failed"})
    if (candidate.old && count(candidate.object, field) < count(*candidate.old, field))
      errors.invalid(path.child(field), member(at_path(candidate.object, "status"), field), "cannot decrease the " + std::string(field) + " counter");
  const auto *now = at_path(candidate.object, "status.startTime"), *before = candidate.old ? at_path(*candidate.old, "status.startTime") : nullptr;
  if (before && !truth_at(candidate.object, "spec.suspend") && !same(now, before)) errors.required(path.child("startTime"), "startTime cannot be removed for unsuspended job");
}

// --- schedules ---

struct CronField {
  int least, most;
  std::string_view names;   ///< of three letters each, from the field's first number
};
constexpr std::array<CronField, 5> kCronFields{{{0, 59, ""}, {0, 23, ""}, {1, 31, ""}, {1, 12, "janfebmaraprmayjunjulaugsepoctnovdec"}, {0, 6, "sunmontuewedthufrisat"}}};
constexpr std::string_view kMacros[] = {"@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"};

std::string cron_number(std::string_view text, const CronField& field, int& number) {
  std::string lower(text);
  for (char& c : lower) c = static_cast<char>(c >= 'A' && c <= 'Z' ? c + 32 : c);
  if (const auto at = field.names.find(lower); lower.size() == 3 && at != std::string_view::npos && at % 3 == 0) {
    number = static_cast<int>(at / 3) + field.least;
    return {};
  }
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  if (parsed.ec != std::errc() || parsed.ptr != text.data() + text.size())
    return "failed to parse int from " + std::string(text) + ": strconv.Atoi: parsing " + shown_value(text) + ": invalid syntax";
  return number < 0 ? "negative number (" + std::to_string(number) + ") not allowed: " + std::string(text) : std::string();
}

std::string cron_range(std::string_view text, const CronField& field) {
  const auto slash = text.find('/');
  const auto range = text.substr(0, slash);
  int first = field.least, last = field.most, step = 1;
  if (range != "*" && range != "?") {
    const auto dash = range.find('-');
    if (auto why = cron_number(range.substr(0, dash), field, first); !why.empty()) return why;
    last = slash == std::string_view::npos ? first : field.most;
    if (dash != std::string_view::npos)
      if (auto why = cron_number(range.substr(dash + 1), field, last); !why.empty()) return why;
  }
  if (slash != std::string_view::npos)
    if (auto why = cron_number(text.substr(slash + 1), field, step); !why.empty()) return why;
  const std::string shown(text);
  if (first < field.least) return "beginning of range (" + std::to_string(first) + ") below minimum (" + std::to_string(field.least) + "): " + shown;
  if (last > field.most) return "end of range (" + std::to_string(last) + ") above maximum (" + std::to_string(field.most) + "): " + shown;
  if (first > last) return "beginning of range (" + std::to_string(first) + ") beyond end of range (" + std::to_string(last) + "): " + shown;
  return step == 0 ? "step of range should be a positive number: " + shown : std::string();
}

std::string cron_fault(std::string_view schedule) {
  if (schedule.starts_with('@')) {
    for (const auto macro : kMacros)
      if (schedule == macro) return {};
    return schedule.starts_with("@every ") ? std::string() : "unrecognized descriptor: " + std::string(schedule);
  }
  std::vector<std::string_view> fields;
  for (std::size_t at = 0; (at = schedule.find_first_not_of(" \t", at)) != std::string_view::npos;) {
    const auto end = std::min(schedule.find_first_of(" \t", at), schedule.size());
    fields.push_back(schedule.substr(at, end - at));
    at = end;
  }
  if (fields.size() != kCronFields.size()) {
    std::string all;
    for (const auto field : fields) all.append(all.empty() ? "" : " ").append(field);
    return "expected exactly 5 fields, found " + std::to_string(fields.size()) + ": [" + all + "]";
  }
  for (std::size_t i = 0; i < fields.size(); ++i)
    for (auto rest = fields[i]; !rest.empty();) {
      const auto comma = rest.find(',');
      if (auto why = cron_range(rest.substr(0, comma), kCronFields[i]); !why.empty()) return why;
      rest = comma == std::string_view::npos ? std::string_view() : rest.substr(comma + 1);
    }
  return {};
}

void validate_schedule(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto schedule = text_of(member(&spec, "schedule"));
  const auto here = path.child("schedule"), zone_path = path.child("timeZone");
  if (schedule.empty()) errors.required(here);
  else if (schedule.find("TZ") != std::string_view::npos) errors.invalid(here, schedule, "cannot use TZ or CRON_TZ in schedule, use timeZone field instead");
  else if (const auto why = cron_fault(schedule); !why.empty()) errors.invalid(here, schedule, why);
  const auto* zone = member(&spec, "timeZone");
  if (!zone) return;
  const auto name = text_of(zone);
  constexpr std::string_view kIana = "timeZone must be an explicit time zone as defined in https://www.iana.org/time-zones";
  if (name.empty()) errors.invalid(zone_path, name, "timeZone must be nil or non-empty string");
  else if (name == "Local" || name == "local" || name == "LOCAL") errors.invalid(zone_path, name, kIana);
  else if (!known_time_zone(name)) errors.invalid(zone_path, name, "unknown time zone " + std::string(name));
}

}  // namespace

void validate_job(const Candidate& candidate, FieldErrors& errors) {
  if (candidate.subresource == "status") return validate_job_status(candidate, errors);
  const auto* spec = at_path(candidate.object, "spec");
  const Path path("spec");
  if (!spec) return errors.required(path);
  if (candidate.old) {
    const bool same_template = same(at_path(*candidate.old, "spec.template"), member(spec, "template"));
    if (same_template) validate_job_policies(*spec, path, errors);
    else validate_job_spec(*spec, path, errors);
    return validate_job_update(*spec, *candidate.old, path, errors);
  }
  validate_generated_selector(candidate.object, *spec, path, errors);
  validate_job_spec(*spec, path, errors);
  validate_job_selector(*spec, path, errors);
  const auto name = text_at(candidate.object, "metadata.name");
  const auto completions = integer_of(member(spec, "completions"));
  if (text_of(member(spec, "completionMode")) != "Indexed" || completions <= 0 || !text_at(candidate.object, "metadata.generateName").empty()) return;
  const auto pod = std::string(name) + "-" + std::to_string(completions - 1);
  const Path metadata("metadata");
  if (!check_label_1123(pod).empty()) errors.invalid(metadata.child("name"), name, "will not able to create pod with invalid DNS label: " + pod);
}

void validate_cron_job(const Candidate& candidate, FieldErrors& errors) {
  if (candidate.subresource == "status") return;
  const auto* spec = at_path(candidate.object, "spec");
  const Path path("spec"), metadata("metadata");
  if (!spec) return errors.required(path);
  validate_schedule(*spec, path, errors);
  errors.one_of(path.child("concurrencyPolicy"), text_of(member(spec, "concurrencyPolicy")), {"Allow", "Forbid", "Replace"});
  const auto* job = at_path(*spec, "jobTemplate.spec");
  const auto job_template = path.child("jobTemplate"), job_path = job_template.child("spec");
  if (job && !(candidate.old && same(at_path(*candidate.old, "spec.jobTemplate"), member(spec, "jobTemplate")))) {
    validate_job_spec(*job, job_path, errors);
    if (const auto* selector = member(job, "selector")) errors.invalid(job_path.child("selector"), selector, "`selector` will be auto-generated");
    if (truth_of(member(job, "manualSelector"))) errors.not_supported(job_path.child("manualSelector"), "true", std::array<std::string_view, 2>{"nil", "false"});
  }
  const auto name = text_at(candidate.object, "metadata.name");
  if (!candidate.old && name.size() > kCronNameBytesMax) errors.invalid(metadata.child("name"), name, "must be no more than 52 characters");
}

}  // namespace keelson::kinds

#include "core/api/options.hpp"

#include <algorithm>
#include <boost/json/object.hpp>
#include <boost/json/serialize.hpp>
#include <charconv>
#include <cstdio>
#include <cstdlib>

#include "core/http/http.hpp"
#include "core/kinds/body_kinds.hpp"

namespace keelson::api {
namespace {

namespace json = boost::json;

std::string quoted(std::string_view text) { return json::serialize(json::string(text)); }

std::string as_json(const std::vector<std::string>& values) { return json::serialize(json::array(values.begin(), values.end())); }

base::Cause forbidden(std::string field, std::string_view why) { return {"FieldValueForbidden", "Forbidden: " + std::string(why), std::move(field)}; }

base::Cause unsupported(std::string field, std::string value, std::string_view supported) {
  return {"FieldValueNotSupported", "Unsupported value: " + std::move(value) + ": supported values: " + std::string(supported), std::move(field)};
}

base::Error refused(std::string_view options, std::vector<base::Cause> causes) { return base::invalid("meta.k8s.io", options, "", std::move(causes)); }

base::Outcome<std::int64_t> whole(std::int64_t value) { return {boost::system::in_place_value, value}; }

/// Go's strconv.ParseInt, base 10.
base::Outcome<std::int64_t> number(std::string_view text) {
  std::int64_t value = 0;
  const auto* end = text.data() + text.size();
  const auto* begin = text.starts_with('+') ? text.data() + 1 : text.data();
  const auto [at, error] = std::from_chars(begin, end, value);
  if (error == std::errc() && at == end) return whole(value);
  const bool range = error == std::errc::result_out_of_range;
  return base::bad_request("strconv.ParseInt: parsing " + quoted(text) + (range ? ": value out of range" : ": invalid syntax"));
}

base::Outcome<std::optional<std::int64_t>> optional_number(const Query& query, std::string_view key) {
  if (query.get(key).empty()) return std::optional<std::int64_t>();
  const auto value = number(query.get(key));
  if (!value) return value.error();
  return std::optional<std::int64_t>(*value);
}

base::Outcome<std::optional<store::Revision>> revision(std::string_view text) {
  if (text.empty()) return std::optional<store::Revision>();
  store::Revision value = 0;
  const auto [at, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error == std::errc() && at == text.data() + text.size()) return std::optional(value);
  const bool range = error == std::errc::result_out_of_range;
  return base::bad_request("invalid resource version: resourceVersion: Invalid value: " + quoted(text) + ": strconv.ParseUint: parsing " + quoted(text) +
                           (range ? ": value out of range" : ": invalid syntax"));
}

constexpr const char* kIgnoreReadError = "ignoreStoreReadErrorWithClusterBreakingPotential";
constexpr std::string_view kNotOlderThan = "NotOlderThan";
constexpr std::string_view kExact = "Exact";

std::vector<base::Cause> list_complaints(const Query& query) {
  std::vector<base::Cause> causes;
  const auto match = query.get("resourceVersionMatch"), version = query.get("resourceVersion");
  if (!match.empty()) {
    if (version.empty()) causes.push_back(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden unless resourceVersion is provided"));
    if (!query.get("continue").empty()) causes.push_back(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"));
    if (match != kExact && match != kNotOlderThan) causes.push_back(unsupported("resourceVersionMatch", quoted(match), R"("Exact", "NotOlderThan", "")"));
    if (match == kExact && version == "0") causes.push_back(forbidden("resourceVersionMatch", R"(resourceVersionMatch "exact" is forbidden for resourceVersion "0")"));
  }
  if (query.has("sendInitialEvents")) causes.push_back(forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
  return causes;
}

std::vector<base::Cause> watch_complaints(const Query& query) {
  std::vector<base::Cause> causes;
  const auto match = query.get("resourceVersionMatch");
  const bool initial = query.has("sendInitialEvents");
  if (initial && match != kNotOlderThan) causes.push_back(forbidden("resourceVersionMatch", "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"));
  if (match.empty()) return causes;
  if (!initial) causes.push_back(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided"));
  if (match != kNotOlderThan) causes.push_back(unsupported("resourceVersionMatch", quoted(match), R"("NotOlderThan")"));
  if (!query.get("continue").empty()) causes.push_back(forbidden("resourceVersionMatch", "resourceVersionMatch is forbidden when continue is provided"));
  return causes;
}

base::Outcome<void> fill_read(verbs::ReadOptions& read, const Query& query) {
  const auto version = revision(query.get("resourceVersion"));
  if (!version) return version.error();
  read.revision = *version;
  const auto match = query.get("resourceVersionMatch");
  if (match == kExact) read.match = verbs::ReadOptions::Match::exact;
  if (match == kNotOlderThan) read.match = verbs::ReadOptions::Match::not_older_than;
  return {};
}

void check_dry_run(const std::vector<std::string>& values, std::vector<base::Cause>& causes) {
  if (std::any_of(values.begin(), values.end(), [](const auto& value) { return value != "All"; }))
    causes.push_back(unsupported("dryRun", as_json(values), R"("All")"));
}

void check_manager(std::string_view manager, std::vector<base::Cause>& causes) {
  if (manager.size() > kFieldManagerBytesMax)
    causes.push_back({"FieldValueTooLong", "Too long: may not be more than " + std::to_string(kFieldManagerBytesMax) + " bytes", "fieldManager"});
  for (std::size_t at = 0; at < manager.size(); ++at) {
    const auto c = static_cast<unsigned char>(manager[at]);
    if (c >= 0x20 && c != 0x7f) continue;
    char where[64];
    std::snprintf(where, sizeof where, ": invalid character U+%04X (at position %zu)", c, at);
    causes.push_back({"FieldValueInvalid", "Invalid value: " + quoted(manager) + where, "fieldManager"});
    return;
  }
}

void check_validation(std::string_view mode, verbs::WriteOptions& write, std::vector<base::Cause>& causes) {
  if (mode == "Ignore") write.validation = kinds::FieldValidation::ignore;
  else if (mode == "Strict") write.validation = kinds::FieldValidation::strict;
  else if (!mode.empty() && mode != "Warn") causes.push_back(unsupported("fieldValidation", quoted(mode), R"("", "Ignore", "Strict", "Warn")"));
}

void check_propagation(const verbs::DeleteOptions& options, std::vector<base::Cause>& causes) {
  if (!options.propagation) return;
  const auto& policy = *options.propagation;
  if (options.orphan_dependents)
    causes.push_back({"FieldValueInvalid", "Invalid value: " + quoted(policy) + ": orphanDependents and deletionPropagation cannot be both set", "propagationPolicy"});
  if (policy != "Foreground" && policy != "Background" && policy != "Orphan")
    causes.push_back(unsupported("propagationPolicy", quoted(policy), R"("Foreground", "Background", "Orphan", "nil")"));
}

/// Deleting what cannot be read takes nothing into account, so nothing may be asked of it.
void check_ignore(const verbs::DeleteOptions& options, bool dry_run, std::vector<base::Cause>& causes) {
  if (!options.ignore_read_error) return;
  const auto alone = [&](bool given, const char* other) {
    if (given) causes.push_back({"FieldValueInvalid", std::string("Invalid value: true: cannot be set together with .") + other, kIgnoreReadError});
  };
  alone(dry_run, "dryRun");
  alone(options.propagation.has_value(), "propagationPolicy");
  alone(options.orphan_dependents.has_value(), "orphanDependents");
  alone(options.grace_period_s.has_value(), "gracePeriodSeconds");
  alone(options.uid || options.resource_version, "preconditions");
}

std::optional<std::string> text_of(const json::object& object, std::string_view key) {
  const auto* value = object.if_contains(key);
  if (!value || !value->is_string()) return std::nullopt;
  return std::string(value->as_string());
}

/// Any group and version may call them its own: `kind` is all that is looked at.
base::Outcome<json::object> read_delete_options(const verbs::Body& body) {
  auto parsed = kinds::parse(body.media, body.bytes, {});
  if (!parsed) return parsed.error();
  if (auto* given = parsed->if_object()) {
    if (const auto kind = text_of(*given, "kind"); kind && !kind->empty() && *kind != "DeleteOptions")
      return base::bad_request("the object provided is unrecognized (must be of type DeleteOptions): couldn't get version/kind; got kind " + quoted(*kind));
    given->erase("kind");
    given->erase("apiVersion");
  }
  auto decoded = kinds::decode_value(kinds::body_kind("DeleteOptions"), std::move(*parsed), kinds::FieldValidation::ignore);
  if (!decoded) return decoded.error();
  return std::move(decoded->object.as_object());
}

verbs::DeleteOptions delete_options_of(const json::object& object, std::vector<std::string>& dry_run) {
  verbs::DeleteOptions options;
  if (const auto* grace = object.if_contains("gracePeriodSeconds"); grace && grace->is_int64()) options.grace_period_s = grace->as_int64();
  if (const auto* orphan = object.if_contains("orphanDependents"); orphan && orphan->is_bool()) options.orphan_dependents = orphan->as_bool();
  if (const auto* ignore = object.if_contains(kIgnoreReadError); ignore && ignore->is_bool()) options.ignore_read_error = ignore->as_bool();
  options.propagation = text_of(object, "propagationPolicy");
  if (const auto* conditions = object.if_contains("preconditions"); conditions && conditions->is_object()) {
    options.uid = text_of(conditions->as_object(), "uid");
    options.resource_version = text_of(conditions->as_object(), "resourceVersion");
  }
  if (const auto* values = object.if_contains("dryRun"); values && values->is_array())
    for (const auto& value : values->as_array())
      if (value.is_string()) dry_run.emplace_back(value.as_string());
  return options;
}

base::Outcome<verbs::DeleteOptions> delete_options_of(const Query& query, std::vector<std::string>& dry_run) {
  verbs::DeleteOptions options;
  const auto grace = optional_number(query, "gracePeriodSeconds");
  if (!grace) return grace.error();
  options.grace_period_s = *grace;
  if (query.has("orphanDependents")) options.orphan_dependents = truthy(query, "orphanDependents");
  options.ignore_read_error = truthy(query, kIgnoreReadError);
  if (query.has("propagationPolicy")) options.propagation = std::string(query.get("propagationPolicy"));
  if (query.has("uid")) options.uid = std::string(query.get("uid"));
  if (query.has("resourceVersion")) options.resource_version = std::string(query.get("resourceVersion"));
  dry_run = query.all("dryRun");
  return options;
}

}  // namespace

base::Outcome<verbs::ReadOptions> read_query(const Query& query) {
  verbs::ReadOptions read;
  if (auto filled = fill_read(read, query); !filled) return filled.error();
  return read;
}

base::Outcome<ListQuery> list_query(const RequestInfo& info, const Query& query, const kinds::Kind& kind) {
  ListQuery result;
  result.watch = info.verb == "watch";
  const auto limit = optional_number(query, "limit");
  if (!limit) return limit.error();
  const auto timeout = optional_number(query, "timeoutSeconds");
  if (!timeout) return timeout.error();
  auto causes = result.watch ? watch_complaints(query) : list_complaints(query);
  if (!causes.empty()) return refused("ListOptions", std::move(causes));
  if (auto filled = fill_read(result.list, query); !filled) return filled.error();
  std::string fields(query.get("fieldSelector"));
  if (!info.name.empty() && !info.name_from_selector) {
    if (fields.find("metadata.name") != std::string::npos && fields != "metadata.name=" + info.name)
      return base::bad_request("fieldSelector metadata.name doesn't match requested name");
    fields += (fields.empty() ? "" : ",") + ("metadata.name=" + info.name);
  }
  auto selector = watch::parse_selector(kind, query.get("labelSelector"), fields);
  if (!selector) return selector.error();
  result.list.selector = std::move(*selector);
  result.list.limit = std::max<std::int64_t>(limit->value_or(0), 0);
  result.list.continue_token = query.get("continue");
  result.bookmarks = truthy(query, "allowWatchBookmarks");
  result.initial_events = truthy(query, "sendInitialEvents");
  result.timeout_s = *timeout;
  return result;
}

base::Outcome<WriteQuery> write_query(const Query& query, std::string_view what, bool apply) {
  WriteQuery result;
  std::vector<base::Cause> causes;
  result.field_manager = query.get("fieldManager");
  if (what == "PatchOptions") {
    if (apply && result.field_manager.empty()) causes.push_back({"FieldValueRequired", "Required value: is required for apply patch", "fieldManager"});
    if (!apply && query.has("force")) causes.push_back(forbidden("force", "may not be specified for non-apply patch"));
  }
  check_manager(result.field_manager, causes);
  const auto dry_run = query.all("dryRun");
  check_dry_run(dry_run, causes);
  check_validation(query.get("fieldValidation"), result.write, causes);
  if (!causes.empty()) return refused(what, std::move(causes));
  result.write.dry_run = !dry_run.empty();
  result.write.force = apply && truthy(query, "force");
  return result;
}

base::Outcome<verbs::DeleteOptions> delete_query(const Query& query, const verbs::Body& body) {
  std::vector<std::string> dry_run;
  base::Outcome<verbs::DeleteOptions> options = verbs::DeleteOptions{};
  if (body.bytes.empty()) {
    options = delete_options_of(query, dry_run);
  } else {
    const auto given = read_delete_options(body);
    if (!given) return given.error();
    options = delete_options_of(*given, dry_run);
  }
  if (!options) return options;
  std::vector<base::Cause> causes;
  check_propagation(*options, causes);
  check_dry_run(dry_run, causes);
  check_ignore(*options, !dry_run.empty(), causes);
  if (!causes.empty()) return refused("DeleteOptions", std::move(causes));
  options->dry_run = !dry_run.empty();
  return options;
}

// Go's durations: a sign, and a sum of decimal numbers with units (time.ParseDuration). What is not above zero asks for no limit of its own.
base::Outcome<std::int64_t> request_timeout_ns(const Query& query, std::int64_t most_ns) {
  const auto text = query.get("timeout");
  const auto broken = [&](const std::string& why) { return base::bad_request("invalid timeout specified in the request URL - time: " + why + " duration " + quoted(text)); };
  static constexpr std::pair<std::string_view, double> units[] = {{"ns", 1}, {"us", 1e3}, {"µs", 1e3}, {"μs", 1e3}, {"ms", 1e6}, {"s", 1e9}, {"m", 6e10}, {"h", 36e11}};
  static constexpr std::string_view number = "0123456789.";
  const bool negative = text.starts_with('-');
  std::string_view rest = text;
  if (negative || rest.starts_with('+')) rest.remove_prefix(1);
  if (rest == "0" || text.empty()) return whole(most_ns);
  if (rest.empty()) return broken("invalid");
  double total = 0;
  while (!rest.empty()) {
    double value = 0;
    if (number.find(rest.front()) == std::string_view::npos) return broken("invalid");
    const auto [end, fault] = std::from_chars(rest.data(), rest.data() + rest.size(), value, std::chars_format::fixed);
    if (fault != std::errc()) return broken("invalid");
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    const auto name = rest.substr(0, rest.find_first_of(number));
    if (name.empty()) return broken("missing unit in");
    const auto* unit = std::find_if(std::begin(units), std::end(units), [&](const auto& candidate) { return name == candidate.first; });
    if (unit == std::end(units)) return broken("unknown unit " + quoted(name) + " in");
    total += value * unit->second;
    rest.remove_prefix(name.size());
  }
  if (negative || total <= 0 || total > static_cast<double>(most_ns)) return whole(most_ns);
  return whole(static_cast<std::int64_t>(total));
}

}  // namespace keelson::api

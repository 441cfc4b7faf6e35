#include "core/kinds/crd/expressions.hpp"

#include <algorithm>
#include <boost/json.hpp>

#include "core/cel/cost_range.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace json = boost::json;
namespace {

bool has_line_breaks(std::string_view text) { return text.find_first_of("\r\n") != std::string_view::npos; }

std::uint64_t times(std::uint64_t occurrences, const json::value* most) {
  if (!most || !most->is_number() || occurrences == cel::kUnbounded) return cel::kUnbounded;
  return cel::CostRange::multiply(occurrences, most->to_number<std::uint64_t>());
}

/// One step of a path: ".name" or "['name']"; empty when there is none.
std::string take_step(std::string_view& path) {
  if (path.starts_with("['")) {
    const auto end = path.find("']");
    if (end == std::string_view::npos) return {};
    std::string step(path.substr(2, end - 2));
    path.remove_prefix(end + 2);
    return step;
  }
  if (!path.starts_with('.')) return {};
  const auto end = std::min(path.find_first_of(".[", 1), path.size());
  std::string step(path.substr(1, end - 1));
  path.remove_prefix(end);
  return step;
}

}  // namespace

const json::value* field_at(const json::value& schema, std::string_view path) {
  const json::value* here = &schema;
  while (here && !path.empty()) {
    const auto step = take_step(path);
    if (step.empty()) return nullptr;
    const auto *fields = member(here, "properties"), *entries = member(here, "additionalProperties");
    here = length_of(fields) != 0 ? member(fields, step) : entries && entries->is_object() ? entries : nullptr;
  }
  return here;
}

Place Place::items(const json::object& schema, const std::string& path) const {
  Place below = *this;
  below.occurrences = times(occurrences, schema.if_contains("maxItems"));
  if (text_of(schema.if_contains("x-kubernetes-list-type")) != "map" && uncorrelatable.empty()) below.uncorrelatable = path;
  return below;
}

Place Place::entries(const json::object& schema) const {
  Place below = *this;
  below.occurrences = times(occurrences, schema.if_contains("maxProperties"));
  return below;
}

void Expressions::check_texts(const json::value& row, const json::value& schema, const Path& path) {
  const auto text = [&](std::string_view name) { return text_of(member(&row, name)); };
  const auto rule = trimmed(text("rule")), message = trimmed(text("message"));
  const auto at_message = path.child("message"), at_field = path.child("fieldPath");
  if (rule.empty()) errors_.required(path.child("rule"), "rule is not specified");
  else if (!text("message").empty() && message.empty()) errors_.invalid(at_message, text("message"), "must be non-empty if specified");
  else if (has_line_breaks(message)) errors_.invalid(at_message, text("message"), "must not contain line breaks");
  else if (has_line_breaks(rule) && message.empty()) errors_.required(at_message, "message must be specified if rule contains line breaks");
  if (!text("messageExpression").empty() && trimmed(text("messageExpression")).empty())
    errors_.required(path.child("messageExpression"), "messageExpression must be non-empty if specified");
  if (member(&row, "reason")) errors_.one_of(path.child("reason"), text("reason"), {"FieldValueDuplicate", "FieldValueForbidden", "FieldValueInvalid", "FieldValueRequired"});
  const auto field = text("fieldPath");
  if (!field.empty() && trimmed(field).empty()) errors_.invalid(at_field, field, "must be non-empty if specified");
  if (has_line_breaks(field)) errors_.invalid(at_field, field, "must not contain line breaks");
  if (!field.empty() && !field_at(schema, field)) errors_.invalid(at_field, field, "must be a valid path");
}

void Expressions::tell(const cel::RuleComplaint& complaint, const json::value& row, const Path& path) {
  const auto where = path.child(complaint.part);
  if (complaint.forbidden) return errors_.forbidden(where, complaint.detail);
  if (complaint.part == "optionalOldSelf") return errors_.invalid(where, member(&row, "optionalOldSelf"), complaint.detail);
  // Upstream shows the whole rule, under the names of its own fields.
  const auto shown = [&](std::string_view name, json::value unset) { return member(&row, name) ? *member(&row, name) : std::move(unset); };
  const json::value rule = {{"Rule", shown("rule", "")}, {"Message", shown("message", "")}, {"MessageExpression", shown("messageExpression", "")},
                            {"Reason", shown("reason", nullptr)}, {"FieldPath", shown("fieldPath", "")}, {"OptionalOldSelf", shown("optionalOldSelf", nullptr)}};
  errors_.invalid(where, &rule, complaint.detail);
}

std::shared_ptr<const cel::Rules> Expressions::compile(const json::value& rows, const json::value& schema, const std::string& path, const Place& place) {
  const auto* list = rows.if_array();
  if (!list || list->empty() || !place.structural) return nullptr;
  const Path above(path), here = above.child("x-kubernetes-validations");
  const auto before = errors_.size();
  for (std::size_t i = 0; i < list->size(); ++i) check_texts((*list)[i], schema, here.index(i));
  if (errors_.size() != before) return nullptr;
  std::vector<cel::RuleComplaint> complaints;
  auto rules = std::make_shared<const cel::Rules>(rows, source_.node(schema), place.occurrences, total_cost_, complaints);
  for (const auto& complaint : complaints) tell(complaint, (*list)[complaint.rule], here.index(complaint.rule));
  for (std::size_t i = 0; i < rules->size(); ++i) {
    const auto at = here.index(i);
    note(at.child("rule"), rules->estimate(i));
    note(at.child("messageExpression"), rules->message_estimate(i));
    if (!place.uncorrelatable.empty() && rules->uses_old(i))
      errors_.invalid(at.child("rule"), text_of(member(&(*list)[i], "rule")), "oldSelf cannot be used on the uncorrelatable portion of the schema within " + place.uncorrelatable);
  }
  return rules;
}

void Expressions::note(const Path& path, std::uint64_t cost) {
  if (cost < cel::kCrdEstimateMax / 100) return;   // less than a hundredth is not worth a word
  const auto place = std::find_if(most_expensive_.begin(), most_expensive_.end(), [&](const auto& one) { return one.second < cost; });
  most_expensive_.insert(place, {path.text(), cost});
  if (most_expensive_.size() > kMostExpensiveShown) most_expensive_.pop_back();
}

std::vector<base::Cause> Expressions::finish(const std::string& path) {
  if (total_cost_ > cel::kCrdEstimateMax) {
    for (const auto& [where, cost] : most_expensive_) errors_.forbidden(Path(where), "contributed to estimated rule cost total exceeding cost limit for entire OpenAPIv3 schema");
    errors_.forbidden(Path(path), cel::cost_complaint("x-kubernetes-validations estimated rule cost total for entire OpenAPIv3 schema", total_cost_, cel::kCrdEstimateMax));
  }
  return errors_.take();
}

}  // namespace keelson::kinds

// Field selectors: terms `label=value`, `label==value`, `label!=value` joined by ','; `\` escapes `\`, `,` and `=` in a
// value. Which labels there are is the kind's matter.
#include <algorithm>

#include "core/watch/selector_parse.hpp"

namespace keelson::watch {
namespace {

std::vector<std::string_view> split_terms(std::string_view text) {
  std::vector<std::string_view> terms;
  std::size_t from = 0;
  bool escaped = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (escaped) {
      escaped = false;
    } else if (text[i] == '\\') {
      escaped = true;
    } else if (text[i] == ',') {
      terms.push_back(text.substr(from, i - from));
      from = i + 1;
    }
  }
  terms.push_back(text.substr(from));
  return terms;
}

bool split_term(std::string_view term, FieldTerm& out, std::string_view& raw_value) {
  for (std::size_t i = 0; i < term.size(); ++i) {
    for (const std::string_view op : {"!=", "==", "="}) {
      if (term.substr(i, op.size()) != op) continue;
      out.label = term.substr(0, i);
      out.negated = op == "!=";
      raw_value = term.substr(i + op.size());
      return true;
    }
  }
  return false;
}

base::Outcome<std::string> unescaped(std::string_view raw) {
  std::string out;
  for (std::size_t i = 0; i < raw.size(); ++i) {
    if (raw[i] == '\\') {
      if (i + 1 == raw.size()) return base::bad_request("invalid field selector: invalid escape sequence: \\");
      const char next = raw[++i];
      if (next != '\\' && next != ',' && next != '=') return base::bad_request(std::string("invalid field selector: invalid escape sequence: \\") + next);
      out += next;
    } else if (raw[i] == ',' || raw[i] == '=') {
      return base::bad_request(std::string("invalid field selector: unescaped character in value: ") + std::to_string(raw[i]));
    } else {
      out += raw[i];
    }
  }
  return out;
}

std::string unknown_label(const kinds::Kind& kind, const std::string& label) {
  if (kind.storage_key.text() == "jobs.batch") return "field label \"" + label + "\" not supported for Job";
  if (kind.storage_key.text() == "resourceslices.resource.k8s.io") return "field label not supported for resource.k8s.io/v1, Kind=ResourceSlice: " + label;
  if (kind.strategy.custom_resource || !kind.selectable_fields.empty()) return "field label not supported: " + label;
  return "\"" + label + "\" is not a known field selector: only \"metadata.name\", \"metadata.namespace\"";
}

bool knows_namespace(const kinds::Kind& kind) {
  return kind.namespaced || !(kind.strategy.custom_resource || !kind.selectable_fields.empty());
}

base::Outcome<FieldRequirement> resolve(const kinds::Kind& kind, FieldTerm term) {
  FieldRequirement out;
  out.negated = term.negated;
  for (const auto& [alias, field] : kind.field_aliases)
    if (alias == term.label) term.label = field;
  out.value = std::move(term.value);
  if (term.label == "metadata.name") return out;
  if (term.label == "metadata.namespace" && knows_namespace(kind)) {
    out.target = FieldRequirement::Target::ns;
    return out;
  }
  const auto found = std::find(kind.selectable_fields.begin(), kind.selectable_fields.end(), term.label);
  if (found == kind.selectable_fields.end()) return base::bad_request(unknown_label(kind, term.label));
  out.target = FieldRequirement::Target::column;
  out.column = static_cast<std::size_t>(found - kind.selectable_fields.begin());
  return out;
}

}  // namespace

base::Outcome<std::vector<FieldTerm>> parse_field_terms(std::string_view text) {
  std::vector<FieldTerm> out;
  for (const std::string_view part : split_terms(text)) {
    if (part.empty()) continue;
    FieldTerm term;
    std::string_view raw;
    if (!split_term(part, term, raw))
      return base::bad_request("invalid selector: '" + std::string(text) + "'; can't understand '" + std::string(part) + "'");
    auto value = unescaped(raw);
    if (!value) return value.error();
    term.value = std::move(*value);
    out.push_back(std::move(term));
  }
  return out;
}

base::Outcome<Selector> parse_selector(const kinds::Kind& kind, std::string_view label_selector, std::string_view field_selector) {
  Selector out;
  auto labels = parse_label_selector(label_selector);
  if (!labels) return labels.error();
  out.labels = std::move(*labels);
  auto terms = parse_field_terms(field_selector);
  if (!terms) return terms.error();
  for (auto& term : *terms) {
    auto requirement = resolve(kind, std::move(term));
    if (!requirement) return requirement.error();
    out.fields.push_back(std::move(*requirement));
  }
  return out;
}

}  // namespace keelson::watch

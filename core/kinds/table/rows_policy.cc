// Cells of rbac, admission, certificates, flow control and the aggregation of APIs.
#include "core/kinds/json_access.hpp"
#include "core/kinds/json_print.hpp"
#include "core/kinds/table/rules.hpp"
#include "core/kinds/time_text.hpp"

namespace keelson::kinds {
namespace {

template <class Each>
void each(const json::value* list, Each visit) {
  if (const auto* elements = as_array(list))
    for (const auto& element : *elements) visit(element);
}

void subjects(const RowContext& row, std::string_view kind, std::string& out) {
  std::string text;
  each(at_path(row.object, "subjects"), [&](const json::value& subject) {
    if (text_of(member(&subject, "kind")) != kind) return;
    std::string name(text_of(member(&subject, "name")));
    if (kind == "ServiceAccount") name = std::string(text_of(member(&subject, "namespace"))) + "/" + name;
    text += (text.empty() ? "" : ", ") + name;
  });
  print_string(out, text);
}

const json::value* condition(const json::value& object, std::string_view type) {
  const json::value* found = nullptr;
  each(at_path(object, "status.conditions"), [&](const json::value& each_condition) {
    if (!found && text_of(member(&each_condition, "type")) == type) found = &each_condition;
  });
  return found;
}

}  // namespace

void cell_binding_users(const RowContext& row, std::string& out) { subjects(row, "User", out); }
void cell_binding_groups(const RowContext& row, std::string& out) { subjects(row, "Group", out); }
void cell_binding_accounts(const RowContext& row, std::string& out) { subjects(row, "ServiceAccount", out); }

void cell_param_kind(const RowContext& row, std::string& out) {
  const auto* kind = at_path(row.object, "spec.paramKind");
  if (!kind) return print_string(out, "<unset>");
  print_string(out, std::string(text_of(member(kind, "apiVersion"))) + "/" + std::string(text_of(member(kind, "kind"))));
}

void cell_param_ref(const RowContext& row, std::string& out) {
  const auto* reference = at_path(row.object, "spec.paramRef");
  if (!reference) return print_string(out, "<unset>");
  if (const auto name = text_of(member(reference, "name")); !name.empty()) {
    const auto ns = text_of(member(reference, "namespace"));
    return print_string(out, (ns.empty() ? "*" : std::string(ns)) + "/" + std::string(name));
  }
  print_string(out, selector_text(member(reference, "selector")));
}

void cell_request_duration(const RowContext& row, std::string& out) {
  const auto* seconds = at_path(row.object, "spec.expirationSeconds");
  print_string(out, seconds ? human_duration(integer_of(seconds)) : "<none>");
}

void cell_request_condition(const RowContext& row, std::string& out) {
  std::string text = condition(row.object, "Denied") ? "Denied" : condition(row.object, "Approved") ? "Approved" : "Pending";
  if (condition(row.object, "Failed")) text += ",Failed";
  if (!text_at(row.object, "status.certificate").empty()) text += ",Issued";
  print_string(out, text);
}

void cell_service_of_api(const RowContext& row, std::string& out) {
  const auto* service = at_path(row.object, "spec.service");
  if (!service) return print_string(out, "Local");
  print_string(out, std::string(text_of(member(service, "namespace"))) + "/" + std::string(text_of(member(service, "name"))));
}

void cell_api_available(const RowContext& row, std::string& out) {
  const auto* available = condition(row.object, "Available");
  if (!available) return print_string(out, "Unknown");
  const std::string status(text_of(member(available, "status")));
  print_string(out, status == "True" ? status : status + " (" + std::string(text_of(member(available, "reason"))) + ")");
}

void cell_flow_missing(const RowContext& row, std::string& out) {
  const auto status = text_of(member(condition(row.object, "Dangling"), "status"));
  print_string(out, status.empty() ? "?" : status);
}

void cell_claim_state(const RowContext& row, std::string& out) {
  std::string text;
  const auto add = [&](std::string_view word) { text += (text.empty() ? "" : ",") + std::string(word); };
  const bool allocated = at_path(row.object, "status.allocation") != nullptr, deleted = !text_at(row.object, "metadata.deletionTimestamp").empty();
  if (deleted) add("deleted");
  if (!allocated && !deleted) add("pending");
  if (allocated) {
    add("allocated");
    if (length_of(at_path(row.object, "status.reservedFor")) > 0) add("reserved");
  }
  print_string(out, text);
}

}  // namespace keelson::kinds

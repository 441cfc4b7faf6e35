#include <array>

#include "core/kinds/json_access.hpp"
#include "core/kinds/json_print.hpp"
#include "core/kinds/table/rules.hpp"

namespace keelson::kinds {
namespace {

constexpr std::array<std::pair<std::string_view, std::string_view>, 4> kModes{
    {{"ReadWriteOnce", "RWO"}, {"ReadOnlyMany", "ROX"}, {"ReadWriteMany", "RWX"}, {"ReadWriteOncePod", "RWOP"}}};

std::string modes_text(const json::value* modes) {
  std::string text;
  const auto* list = as_array(modes);
  if (!list) return text;
  for (const auto& [mode, brief] : kModes)
    for (const auto& each : *list)
      if (text_of(&each) == mode) {
        text += (text.empty() ? "" : ",") + std::string(brief);
        break;
      }
  return text;
}

const json::value* annotation(const RowContext& row, std::string_view key) { return member(at_path(row.object, "metadata.annotations"), key); }

void name_with_mark(const RowContext& row, std::initializer_list<std::string_view> marks, std::string& out) {
  std::string name(text_at(row.object, "metadata.name"));
  for (const auto mark : marks)
    if (text_of(annotation(row, mark)) == "true") return print_string(out, name + " (default)");
  print_string(out, name);
}

bool bound(const RowContext& row) { return !text_at(row.object, "spec.volumeName").empty(); }

}  // namespace

void cell_volume_status(const RowContext& row, std::string& out) {
  print_string(out, text_at(row.object, "metadata.deletionTimestamp").empty() ? text_at(row.object, "status.phase") : "Terminating");
}

void cell_volume_claim(const RowContext& row, std::string& out) {
  if (!at_path(row.object, "spec.claimRef")) return print_string(out, "");
  print_string(out, std::string(text_at(row.object, "spec.claimRef.namespace")) + "/" + std::string(text_at(row.object, "spec.claimRef.name")));
}

void cell_volume_class(const RowContext& row, std::string& out) {
  const auto* old = annotation(row, "volume.beta.kubernetes.io/storage-class");
  print_string(out, old ? text_of(old) : text_at(row.object, "spec.storageClassName"));
}

void cell_volume_modes(const RowContext& row, std::string& out) { print_string(out, modes_text(at_path(row.object, "spec.accessModes"))); }

void cell_claim_capacity(const RowContext& row, std::string& out) {
  print_string(out, bound(row) ? text_at(row.object, "status.capacity.storage") : std::string_view());
}

void cell_claim_modes(const RowContext& row, std::string& out) {
  print_string(out, bound(row) ? modes_text(at_path(row.object, "status.accessModes")) : std::string());
}

void cell_default_storage_class(const RowContext& row, std::string& out) {
  name_with_mark(row, {"storageclass.kubernetes.io/is-default-class", "storageclass.beta.kubernetes.io/is-default-class"}, out);
}

void cell_default_ingress_class(const RowContext& row, std::string& out) { name_with_mark(row, {"ingressclass.kubernetes.io/is-default-class"}, out); }

}  // namespace keelson::kinds

#include <algorithm>
#include <boost/json.hpp>

#include "core/kinds/convert/convert.hpp"
#include "core/kinds/convert/converter.hpp"
#include "core/kinds/crd/schema.hpp"
#include "core/kinds/engine.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/version_order.hpp"

namespace keelson::kinds {
namespace {

const json::value* at(const json::value& value, std::initializer_list<std::string_view> path) {
  const json::value* here = &value;
  for (std::string_view name : path) {
    if (!here->is_object()) return nullptr;
    here = here->get_object().if_contains(name);
    if (!here) return nullptr;
  }
  return here;
}

std::string text_at(const json::value& value, std::initializer_list<std::string_view> path) {
  const json::value* found = at(value, path);
  return found && found->is_string() ? std::string(found->get_string()) : std::string();
}

bool true_at(const json::value& value, std::initializer_list<std::string_view> path) {
  const json::value* found = at(value, path);
  return found && found->is_bool() && found->get_bool();
}

const json::array& list_at(const json::value& value, std::initializer_list<std::string_view> path) {
  static const json::array none;
  const json::value* found = at(value, path);
  return found && found->is_array() ? found->get_array() : none;
}

std::vector<std::string> texts(const json::array& list) {
  std::vector<std::string> out;
  for (const json::value& one : list)
    if (one.is_string()) out.emplace_back(one.get_string());
  return out;
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : static_cast<char>(c); });
  return text;
}

class Definition {
 public:
  explicit Definition(const json::value& crd) : crd_(crd) {}

  base::Outcome<std::vector<Kind>> kinds() {
    check_names();
    std::vector<Kind> out;
    const json::array& versions = list_at(crd_, {"spec", "versions"});
    if (versions.empty()) violate("FieldValueRequired", "spec.versions", "Required value: must have exactly one version marked as storage version");
    best_ = best_of(versions);
    same_schema_ = versions.empty() || std::all_of(versions.begin() + 1, versions.end(), [&](const json::value& version) { return same(at(version, {"schema"}), at(versions.front(), {"schema"})); });
    for (std::size_t i = 0; i < versions.size(); ++i) add_version(out, versions[i], "spec.versions[" + std::to_string(i) + ']');
    if (storage_versions_ != 1 && !versions.empty())
      violate("FieldValueInvalid", "spec.versions", "Invalid value: " + json::serialize(versions) + ": must have exactly one version marked as storage version");
    if (!violations_.empty()) return base::invalid("apiextensions.k8s.io", "CustomResourceDefinition", text_at(crd_, {"metadata", "name"}), std::move(violations_));
    name_other_versions(out);
    return out;
  }

 private:
  void violate(const char* reason, std::string path, std::string message) { violations_.push_back({reason, std::move(message), std::move(path)}); }

  void require(std::initializer_list<std::string_view> path, const char* field) {
    if (text_at(crd_, path).empty()) violate("FieldValueRequired", field, "Required value");
  }

  void check_names() {
    require({"spec", "group"}, "spec.group");
    require({"spec", "names", "plural"}, "spec.names.plural");
    require({"spec", "names", "kind"}, "spec.names.kind");
    const std::string scope = text_at(crd_, {"spec", "scope"});
    if (scope != "Namespaced" && scope != "Cluster")
      violate("FieldValueNotSupported", "spec.scope", "Unsupported value: " + json::serialize(json::string_view(scope)) + ": supported values: \"Cluster\", \"Namespaced\"");
  }

  void add_version(std::vector<Kind>& out, const json::value& version, const std::string& path) {
    const bool storage = true_at(version, {"storage"});
    storage_versions_ += storage ? 1 : 0;
    const auto type = type_of(version, path);
    if (!type || !true_at(version, {"served"})) return;
    Kind kind = named_kind();
    kind.version = text_at(version, {"name"});
    kind.deprecation = deprecation_of(kind, version);
    kind.type = type;
    read_subresources(kind, version);
    read_columns(kind, version);
    read_selectable(kind, version);
    kind.schema_epoch = form_number(kind.api_version(), json::serialize(*at(version, {"schema"})) + json::serialize(list_at(version, {"selectableFields"})));
    out.insert(storage ? out.begin() : out.end(), std::move(kind));
  }

  /// A schema that all versions have is compiled once, and is part of the spec in what is said of it.
  std::shared_ptr<const Type> type_of(const json::value& version, const std::string& path) {
    const json::value* schema = at(version, {"schema", "openAPIV3Schema"});
    if (!schema) {
      violate("FieldValueRequired", path + ".schema.openAPIV3Schema", "Required value");
      return nullptr;
    }
    if (!same_schema_) return compile_schema(*schema, path + ".schema.openAPIV3Schema", converter(), violations_);
    if (!std::exchange(shared_compiled_, true)) shared_ = compile_schema(*schema, "spec.validation.openAPIV3Schema", converter(), violations_);
    return shared_;
  }

  std::string converter() const {
    const json::value* webhook = at(crd_, {"spec", "conversion", "webhook"});
    return webhook && text_at(crd_, {"spec", "conversion", "strategy"}) == "Webhook" ? json::serialize(*webhook) : std::string();
  }

  Kind named_kind() const {
    Kind kind;
    kind.group = text_at(crd_, {"spec", "group"});
    kind.resource = text_at(crd_, {"spec", "names", "plural"});
    kind.kind = text_at(crd_, {"spec", "names", "kind"});
    kind.singular = text_at(crd_, {"spec", "names", "singular"});
    kind.list_kind = text_at(crd_, {"spec", "names", "listKind"});
    if (kind.singular.empty()) kind.singular = lower(kind.kind);
    if (kind.list_kind.empty()) kind.list_kind = kind.kind + "List";
    kind.short_names = texts(list_at(crd_, {"spec", "names", "shortNames"}));
    kind.categories = texts(list_at(crd_, {"spec", "names", "categories"}));
    kind.namespaced = text_at(crd_, {"spec", "scope"}) == "Namespaced";
    kind.verbs = {"delete", "deletecollection", "get", "list", "patch", "create", "update", "watch"};
    kind.strategy.custom_resource = true;
    kind.strategy.unconditional_update = false;
    kind.strategy.generation = true;
    kind.declared_by = "crd:" + text_at(crd_, {"metadata", "name"});
    kind.storage_key = base::Atom(kind.group.empty() ? kind.resource : kind.resource + '.' + kind.group);
    return kind;
  }

  static void read_subresources(Kind& kind, const json::value& version) {
    const std::vector<std::string> verbs = {"get", "patch", "update"};
    if (at(version, {"subresources", "status"})) {
      kind.subresources.push_back({"status", kind.kind, "", "", verbs});
      kind.strategy.has_status = kind.strategy.status_reset_on_create = true;
    }
    if (const json::value* scale = at(version, {"subresources", "scale"})) {
      Subresource subresource{"scale", "Scale", "autoscaling", "v1", verbs};
      subresource.spec_replicas_path = text_at(*scale, {"specReplicasPath"});
      subresource.status_replicas_path = text_at(*scale, {"statusReplicasPath"});
      subresource.label_selector_path = text_at(*scale, {"labelSelectorPath"});
      kind.subresources.push_back(std::move(subresource));
    }
  }

  static void read_columns(Kind& kind, const json::value& version) {
    const json::array& columns = list_at(version, {"additionalPrinterColumns"});
    kind.columns.push_back({"Name", "string", "name", "Name of the object, unique in its namespace.", 0, ".metadata.name"});
    for (const json::value& column : columns) {
      const json::value* priority = at(column, {"priority"});
      kind.columns.push_back({text_at(column, {"name"}), text_at(column, {"type"}), text_at(column, {"format"}), text_at(column, {"description"}),
                              priority && priority->is_number() ? priority->to_number<int>() : 0, text_at(column, {"jsonPath"})});
    }
    if (columns.empty()) kind.columns.push_back({"Age", "date", "", "Time since the object was created.", 0, ".metadata.creationTimestamp"});
  }

  static void read_selectable(Kind& kind, const json::value& version) {
    for (const json::value& field : list_at(version, {"selectableFields"}))
      if (const auto path = text_at(field, {"jsonPath"}); path.starts_with('.')) kind.selectable_fields.push_back(path.substr(1));
  }

  static void name_other_versions(std::vector<Kind>& kinds) {
    if (kinds.empty()) return;
    for (std::size_t i = 1; i < kinds.size(); ++i) kinds.front().other_versions.push_back(kinds[i].version);
  }

  /// The newest version that is served and not deprecated; "" when there is none.
  static std::string best_of(const json::array& versions) {
    std::string best;
    for (const json::value& version : versions) {
      auto name = text_at(version, {"name"});
      if (true_at(version, {"served"}) && !true_at(version, {"deprecated"}) && (best.empty() || version_before(name, best))) best = std::move(name);
    }
    return best;
  }

  /// What requests for a deprecated version are warned of: its own text, or which version to use instead.
  std::string deprecation_of(const Kind& kind, const json::value& version) const {
    if (!true_at(version, {"deprecated"})) return {};
    if (auto text = text_at(version, {"deprecationWarning"}); !text.empty()) return text;
    const auto shown = [&](std::string_view name) { return kind.group + "/" + std::string(name) + " " + kind.kind; };
    return shown(kind.version) + " is deprecated" + (!best_.empty() && version_before(best_, kind.version) ? "; use " + shown(best_) : "");
  }

  const json::value& crd_;
  std::vector<base::Cause> violations_;
  std::string best_;
  int storage_versions_ = 0;
  bool same_schema_ = false, shared_compiled_ = false;
  std::shared_ptr<const Type> shared_;
};

}  // namespace

base::Outcome<std::vector<Kind>> kinds_from_crd(const json::value& crd) { return Definition(crd).kinds(); }

std::string_view converter_of(const Kind& kind) { return kind.type && kind.type->rules ? std::string_view(kind.type->rules->converter) : std::string_view(); }

}  // namespace keelson::kinds

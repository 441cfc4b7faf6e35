#include <algorithm>

#include "core/kinds/convert/convert.hpp"
#include "core/kinds/engine.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/json_print.hpp"
#include "core/kinds/table/path.hpp"
#include "core/kinds/table/rows.hpp"
#include "core/kinds/time_text.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {
namespace {

// "or(.spec.x, <none>)": the function and its arguments.
struct Formula {
  std::string_view function;
  std::vector<std::string_view> arguments;
};

std::string_view trim(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

Formula read_formula(std::string_view text) {
  const auto open = text.find('(');
  if (open == std::string_view::npos || text.back() != ')') return {text, {}};
  Formula formula{text.substr(0, open), {}};
  auto rest = text.substr(open + 1, text.size() - open - 2);
  while (true) {
    const auto comma = rest.find(',');
    formula.arguments.push_back(trim(rest.substr(0, comma)));
    if (comma == std::string_view::npos) return formula;
    rest.remove_prefix(comma + 1);
  }
}

class Cells {
 public:
  Cells(const Kind& kind, const json::value& object, std::int64_t now) : kind_(kind), row_{object, now} {}

  void print(const PrintColumn& column, std::string& out) const {
    if (kind_.strategy.custom_resource) return print_custom(column, out);
    if (column.value.starts_with('.')) return print_field(column.value, out);
    if (const auto rule = find_cell_rule(column.value)) return rule(row_, out);
    print_formula(read_formula(column.value), out);
  }

 private:
  // Fields that are not there print as Go's zero value of their type.
  void print_field(std::string_view path, std::string& out) const {
    const auto* value = find_first(row_.object, path);
    if (value && !value->is_structured()) return print_scalar(out, *value);
    switch (shape_at(path)) {
      case Shape::int32:
      case Shape::int64: out += '0'; return;
      case Shape::boolean: out += "false"; return;
      case Shape::quantity: out += "\"0\""; return;
      default: out += "\"\""; return;
    }
  }

  Shape shape_at(std::string_view path) const {
    const auto* type = kind_.type ? type_at(*kind_.type, path) : nullptr;
    return type ? type->shape : Shape::any;
  }

  std::string text(std::string_view path) const {
    const auto* value = find_first(row_.object, path);
    const auto shape = shape_at(path);
    if (!value && (shape == Shape::int32 || shape == Shape::int64)) return "0";
    return scalar_text(value);
  }

  void print_formula(const Formula& formula, std::string& out) const {
    const auto argument = [&](std::size_t i) { return i < formula.arguments.size() ? formula.arguments[i] : std::string_view(); };
    const auto& function = formula.function;
    if (function == "or") return print_or(argument(0), argument(1), out);
    if (function == "age") return print_string(out, age_text(text(argument(0)), row_.now_unix_s, argument(1).empty() ? "<unknown>" : argument(1)));
    if (function == "ratio") return print_string(out, text(argument(0)) + "/" + text(argument(1)));
    if (function == "labels") return print_string(out, labels_text(find_first(row_.object, argument(0))));
    if (function == "selector") return print_string(out, selector_text(find_first(row_.object, argument(0))));
    if (function == "time") return print_string(out, text(argument(0)));
    if (function == "join") return print_join(argument(0), argument(1), out);
    if (function != "count") return print_string(out, "");
    std::size_t total = 0;
    for (const auto path : formula.arguments) total += length_of(find_first(row_.object, path));
    out += std::to_string(total);
  }

  void print_or(std::string_view path, std::string_view otherwise, std::string& out) const {
    const auto* value = find_first(row_.object, path);
    if (shape_at(path) == Shape::boolean) {
      out += value && value->is_bool() ? (value->get_bool() ? "true" : "false") : otherwise;
      return;
    }
    const auto found = scalar_text(value);
    print_string(out, found.empty() ? otherwise : std::string_view(found));
  }

  void print_join(std::string_view path, std::string_view otherwise, std::string& out) const {
    std::string joined;
    bool any = false;
    for (const auto* value : find_all(row_.object, path)) {
      const auto add = [&](const json::value& each) {
        joined += (any ? "," : "") + scalar_text(&each);
        any = true;
      };
      if (const auto* list = value->if_array()) std::for_each(list->begin(), list->end(), add);
      else add(*value);
    }
    print_string(out, any ? std::string_view(joined) : otherwise);
  }

  void print_custom(const PrintColumn& column, std::string& out) const {
    if (column.value.empty() || column.value == ".metadata.name") return print_string(out, text_at(row_.object, "metadata.name"));
    const auto found = find_all(row_.object, column.value);
    if (found.empty()) {
      out += "null";
    } else if (column.type == "date") {
      print_string(out, age_text(text_of(found.front()), row_.now_unix_s, text_of(found.front()).empty() ? "<unknown>" : "<invalid>"));
    } else if (found.size() == 1 && fits(column.type, *found.front())) {
      print_scalar(out, *found.front());
    } else if (column.type == "string") {
      print_list(found, out);
    } else {
      out += "null";
    }
  }

  static bool fits(std::string_view type, const json::value& value) {
    if (type == "integer") return is_integer(&value);
    if (type == "number") return value.is_number();
    if (type == "boolean") return value.is_bool();
    return value.is_string();
  }

  static void print_list(const std::vector<const json::value*>& values, std::string& out) {
    std::string joined;
    for (const auto* value : values) joined += (joined.empty() ? "" : ",") + (value->is_string() ? scalar_text(value) : compact(*value));
    print_string(out, joined);
  }

  const Kind& kind_;
  RowContext row_;
};

// Kinds that declare no columns: their name and when they were made.
const std::vector<PrintColumn>& usual_columns(bool custom) {
  static const std::vector<PrintColumn> built_in{
      {"Name", "string", "name", "Name of the object, unique among its kind in the namespace.", 0, ".metadata.name"},
      {"Created At", "date", "", "When the object was created.", 0, "time(.metadata.creationTimestamp)"}};
  static const std::vector<PrintColumn> of_custom{
      {"Name", "string", "name", "Name of the object, unique among its kind in the namespace.", 0, ".metadata.name"},
      {"Age", "date", "", "Time since the object was created.", 0, ".metadata.creationTimestamp"}};
  return custom ? of_custom : built_in;
}

// A custom resource's declared columns follow its name.
std::vector<const PrintColumn*> columns_of(const Kind& kind) {
  std::vector<const PrintColumn*> columns;
  const bool custom = kind.strategy.custom_resource;
  if (kind.columns.empty()) {
    for (const auto& column : usual_columns(custom)) columns.push_back(&column);
    return columns;
  }
  if (custom && kind.columns.front().value != ".metadata.name") columns.push_back(&usual_columns(true).front());
  for (const auto& column : kind.columns) columns.push_back(&column);
  return columns;
}

}  // namespace

std::vector<TableColumn> table_columns(const Kind& kind) {
  std::vector<TableColumn> columns;
  for (const auto* column : columns_of(kind))
    columns.push_back({column->name, column->type, column->format, column->description, column->priority});
  return columns;
}

TableRow table_row(const Kind& kind, const json::value& object, std::int64_t now_unix_s) {
  if (const auto* stored = stored_form_of(kind)) {   // rows are made from what is stored
    json::value converted(object, json::storage_ptr());
    convert(*stored, converted);
    return table_row(*stored, converted, now_unix_s);
  }
  TableRow row;
  const Cells cells(kind, object, now_unix_s);
  char before = '[';
  for (const auto* column : columns_of(kind)) {
    row.cells_json += before;
    cells.print(*column, row.cells_json);
    before = ',';
  }
  row.cells_json += ']';
  if (kind.group.empty() && kind.kind == "Pod") row.conditions_json = pod_row_conditions(object);
  return row;
}

}  // namespace keelson::kinds

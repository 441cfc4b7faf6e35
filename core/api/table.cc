#include "core/api/table.hpp"

#include <boost/json/monotonic_resource.hpp>

#include "core/api/text.hpp"

namespace keelson::api {

std::string column_definitions(const kinds::Kind& kind) {
  std::string out = "[";
  for (const auto& column : kinds::table_columns(kind)) {
    if (out.size() > 1) out += ',';
    out += "{\"name\":" + quoted(column.name) + ",\"type\":" + quoted(column.type) + ",\"format\":" + quoted(column.format) +
           ",\"description\":" + quoted(column.description) + ",\"priority\":" + std::to_string(column.priority) + "}";
  }
  return out + "]";
}

base::Outcome<std::string> include_object(const Query& query) {
  const auto include = query.get("includeObject");
  if (include.empty()) return std::string("Metadata");
  if (include == "None" || include == "Metadata" || include == "Object") return std::string(include);
  return base::bad_request("Unable to convert to Table as requested: includeObject: Invalid value: " + quoted(include) + ": must be 'Metadata', 'Object', 'None', or empty");
}

void append_partial(std::string& out, const store::Object& object, std::string_view version) {
  out += "{\"kind\":\"PartialObjectMetadata\",\"apiVersion\":\"meta.k8s.io/";
  out += version;
  out += "\",\"metadata\":";
  out += member(object.body(), "metadata");
  out += '}';
}

void append_row(std::string& out, verbs::Verbs& verbs, const kinds::Kind& kind, const store::Object& object, std::string_view include, std::string_view version, std::int64_t now_unix_s) {
  boost::json::monotonic_resource memory;
  kinds::TableRow row{"[]", {}};
  if (const auto value = verbs.decoded(kind, object, &memory)) row = kinds::table_row(kind, *value, now_unix_s);
  out += "{\"cells\":" + row.cells_json;
  if (!row.conditions_json.empty()) out += ",\"conditions\":" + row.conditions_json;
  out += ",\"object\":";
  if (include == "None") out += "null";
  else if (include == "Object") out += object.body();
  else append_partial(out, object, version);
  out += '}';
}

std::function<void(std::string&, const store::ObjectRef&)> row_printer(const CallRef& call) {
  const auto include = include_object(call->query);
  return [call, include = include ? *include : "Metadata", now = call->core.parts.runtime.unix_s()](std::string& out, const store::ObjectRef& object) {
    append_row(out, call->core.parts.verbs, *call->kind, *object, include, call->form.version, now);
  };
}

}  // namespace keelson::api

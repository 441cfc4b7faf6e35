#include <map>

#include <keelson/codec.hpp>
#include <keelson/codec/json_text.hpp>
#include <keelson/codec/json_write.hpp>

namespace keelson::codec {
namespace {

using Defaults = std::map<std::string, std::string, std::less<>>;   // field -> JSON text

/// The members of a JSON object, as texts.
Defaults members(std::string_view json) {
  Defaults found;
  JsonText text(json);
  std::string buffer;
  text.expect('{');
  if (text.take('}')) return found;
  do {
    std::string name(text.string(buffer));
    text.expect(':');
    found.emplace(std::move(name), text.value());
  } while (text.take(','));
  return found;
}

/// A default that says no more than the absence of the field does is not worth being written into every object.
bool says_something(std::string_view json) { return json != "\"\"" && json != "0" && json != "false" && json != "null" && json.front() != '{' && json.front() != '['; }

class SchemaWriter {
 public:
  explicit SchemaWriter(std::string& out) : out_(out) {}
  void schema(const Codec& codec, std::string_view default_json = {});

 private:
  void scalar(const Codec& codec);
  void object(const Codec& codec);
  void property(std::string_view name, char& separator) {
    out_.push_back(separator);
    separator = ',';
    append_string(out_, name);
    out_.push_back(':');
  }

  std::string& out_;
};

std::string_view type_of(Form form) {
  switch (form) {
    case Form::boolean: return R"("type":"boolean")";
    case Form::int32: return R"("type":"integer","format":"int32")";
    case Form::int64: return R"("type":"integer","format":"int64")";
    case Form::uint32: case Form::uint64: return R"("type":"integer","minimum":0)";
    case Form::float32: return R"("type":"number","format":"float")";
    case Form::float64: return R"("type":"number","format":"double")";
    case Form::bytes: return R"("type":"string","format":"byte")";
    case Form::quantity: case Form::int_or_string: return R"("x-kubernetes-int-or-string":true)";
    case Form::time: case Form::micro_time: return R"("type":"string","format":"date-time")";
    case Form::raw: return R"("x-kubernetes-preserve-unknown-fields":true)";
    default: return R"("type":"string")";
  }
}

void SchemaWriter::scalar(const Codec& codec) {
  out_.append(type_of(codec.form));
  if (codec.form != Form::enumeration) return;
  out_.append(",\"enum\":");
  char separator = '[';
  for (std::size_t i = 0; i < codec.enumerator_count; ++i, separator = ',') {
    out_.push_back(separator);
    append_string(out_, codec.enumerators[i].name);
  }
  out_.push_back(']');
}

void SchemaWriter::object(const Codec& codec) {
  out_.append("\"type\":\"object\"");
  const auto defaults = codec.defaults != nullptr ? members(codec.defaults()) : Defaults();
  const bool kind = codec.gvk != nullptr;
  if (codec.field_count == 0 && !kind) return;
  out_.append(",\"properties\":");
  char separator = '{';
  for (const std::string_view name : {"apiVersion", "kind"}) {
    if (!kind) break;
    property(name, separator);
    out_.append("{\"type\":\"string\"}");
  }
  for (std::size_t i = 0; i < codec.field_count; ++i) {
    const auto& field = codec.fields[i];
    property(field.name, separator);
    const auto found = defaults.find(field.name);
    if (kind && field.name == "metadata") out_.append("{\"type\":\"object\"}");
    else schema(*field.codec, found == defaults.end() ? std::string_view() : std::string_view(found->second));
  }
  out_.push_back('}');
}

void SchemaWriter::schema(const Codec& codec, std::string_view default_json) {
  if (codec.form == Form::maybe) return schema(*codec.element, default_json);
  out_.push_back('{');
  if (codec.form == Form::object) {
    object(codec);
  } else if (codec.form == Form::list || codec.form == Form::map) {
    out_.append(codec.form == Form::list ? R"("type":"array","items":)" : R"("type":"object","additionalProperties":)");
    schema(*codec.element);
  } else {
    scalar(codec);
  }
  if (!default_json.empty() && says_something(default_json)) out_.append(",\"default\":").append(default_json);
  out_.push_back('}');
}

}  // namespace

std::string schema_of(const Codec& codec) {
  std::string out;
  SchemaWriter(out).schema(codec);
  return out;
}

}  // namespace keelson::codec

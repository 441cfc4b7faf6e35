#include <algorithm>
#include <bitset>
#include <vector>

#include "core/base/json_member.hpp"
#include "core/kinds/edit.hpp"
#include "core/kinds/engine.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/json_print.hpp"
#include "core/kinds/known_specs.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {
namespace {

// An object's members, asked for in the schema's order. What is stored comes in that order, so that the next member is
// mostly the one that is asked for; fields that the object lacks are known without a search.
class Members {
 public:
  Members(const Type& type, const json::object& object) : type_(type), object_(object), next_(object.begin()) {
    for (const auto& entry : object)
      if (const auto* field = find_field(type, entry.key())) present_.set(index(*field));
  }
  const json::value* next(const Field& field) {
    if (!present_.test(index(field))) return nullptr;
    if (next_ != object_.end() && next_->key() == field.name) return &(next_++)->value();
    return base::member_of(object_, field.name);
  }

 private:
  std::size_t index(const Field& field) const { return static_cast<std::size_t>(&field - type_.fields.data()); }
  const Type& type_;
  const json::object& object_;
  json::object::const_iterator next_;
  std::bitset<kFieldsMax> present_;
};

// Prints by the schema: fields in declaration order, what Go would omit left out, what Go would print as zero printed.
class Printer {
 public:
  Printer(TextBuffer& out, std::size_t slot_bytes, const Printed& printed = {}) : out_(out), slot_bytes_(slot_bytes), printed_(printed) {}

  std::size_t revision_offset = 0;

  void root(const Kind& kind, const json::object& object) {
    if (!kind.type || kind.strategy.custom_resource) return custom_root(kind, object);
    fields(*kind.type, object, true);
  }

  void print(const Type& type, const json::value& value) {
    if (const auto* object = value.if_object()) {
      if (type.shape == Shape::object) return fields(type, *object, false);
      if (type.shape == Shape::map) return map(type, *object);
    } else if (const auto* array = value.if_array(); array && type.shape == Shape::list && type.element) {
      return list(*type.element, *array);
    }
    print_value(out_, value);
  }

 private:
  void custom_root(const Kind& kind, const json::object& object) {
    begin();
    for (const std::string_view name : {"apiVersion", "kind"})
      if (const auto* value = object.if_contains(name)) {
        key(name);
        print_value(out_, *value);
      }
    key("metadata");
    static const json::object nothing;
    const auto* metadata = as_object(object.if_contains("metadata"));
    const auto* type = builtin_type("meta/v1.ObjectMeta");
    if (type) meta(*type, metadata ? *metadata : nothing);
    else raw_meta(metadata ? *metadata : nothing);
    if (kind.type)
      for (const auto& field : kind.type->fields)
        if (const auto* value = object.if_contains(field.name); value && !is_type_meta(field.name)) member(field.name, *value);
    for (const auto& [name, value] : object)
      if (!is_type_meta(name) && !(kind.type && find_field(*kind.type, name))) member(name, value);
    end();
  }

  static bool is_type_meta(std::string_view name) { return name == "apiVersion" || name == "kind" || name == "metadata"; }

  void member(std::string_view name, const json::value& value) {
    given_key(name);
    print_value(out_, value);
  }

  void meta(const Type& type, const json::object& object) {
    in_root_meta_ = true;
    fields(type, object, false);
  }

  void raw_meta(const json::object& object) {
    begin();
    slot();
    for (const auto& [name, value] : object)
      if (name != "resourceVersion") member(name, value);
    end();
  }

  void slot() {
    key("resourceVersion");
    out_.put('"');
    revision_offset = out_.size();
    out_.put("0\"");
    out_.put(slot_bytes_ > 2 ? slot_bytes_ - 2 : 0, ' ');
  }

  void fields(const Type& type, const json::object& object, bool is_root) {
    const bool is_meta = in_root_meta_;
    in_root_meta_ = false;
    begin();
    Members members(type, object);
    for (const auto& field : type.fields) {
      if (is_meta && field.name == "resourceVersion") {
        slot();
        continue;
      }
      if (is_meta && field.name == "managedFields" && !printed_.managers.empty()) {
        key(field.name);
        out_.put(printed_.managers);
        continue;
      }
      const json::value* value = members.next(field);
      if (is_root && field.name == "metadata") {
        key(field.name);
        static const json::object nothing;
        const auto* metadata = as_object(value);
        meta(*field.type, metadata ? *metadata : nothing);
        continue;
      }
      if (const auto text = is_root ? printed_of(field) : std::string_view(); !text.empty()) {
        key(field.name);
        out_.put(text);
        continue;
      }
      print_field(field, value);
    }
    if (type.element)
      for (const auto& [name, value] : object)
        if (!find_field(type, name)) {
          given_key(name);
          print(*type.element, value);
        }
    end();
  }

  std::string_view printed_of(const Field& field) const { return field.name == kSpec ? printed_.spec : field.name == kStatus ? printed_.status : std::string_view(); }

  // Structs and what prints itself are never empty to Go's omitempty.
  static bool is_struct(Shape shape) {
    return shape == Shape::object || shape == Shape::quantity || shape == Shape::int_or_string || shape == Shape::time ||
           shape == Shape::micro_time || shape == Shape::duration || shape == Shape::raw || shape == Shape::any;
  }

  static bool omitted(const Field& field, const json::value* value) {
    const bool absent = !value || value->is_null();
    if (field.nullable || field.omit == Omit::never) return absent && field.nullable && field.omit != Omit::never;
    const bool zero = absent || is_zero(*value);
    if (!zero) return false;
    return field.omit == Omit::zero || field.omit == Omit::empty_or_zero || !is_struct(field.type->shape);
  }

  void print_field(const Field& field, const json::value* value) {
    if (omitted(field, value)) return;
    key(field.name);
    if (value && !value->is_null()) return print(*field.type, *value);
    if (field.nullable) out_.put("null");
    else print_zero(*field.type);
  }

  void print_zero(const Type& type) {
    static const json::object nothing;
    switch (type.shape) {
      case Shape::string: out_.put("\"\""); return;
      case Shape::boolean: out_.put("false"); return;
      case Shape::int32:
      case Shape::int64:
      case Shape::float64:
      case Shape::int_or_string: out_.put('0'); return;
      case Shape::quantity: out_.put("\"0\""); return;
      case Shape::duration: out_.put("\"0s\""); return;
      case Shape::object: fields(type, nothing, false); return;
      default: out_.put("null"); return;
    }
  }

  void list(const Type& element, const json::array& array) {
    char before = '[';
    for (const auto& each : array) {
      out_.put(before);
      print(element, each);
      before = ',';
    }
    out_.put(before == '[' ? "[]" : "]");
  }

  // Go prints maps by key.
  void map(const Type& type, const json::object& object) {
    std::vector<const json::key_value_pair*> entries;
    entries.reserve(object.size());
    for (const auto& entry : object) entries.push_back(&entry);
    std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return a->key() < b->key(); });
    begin();
    for (const auto* entry : entries) {
      given_key(entry->key());
      if (type.element) print(*type.element, entry->value());
      else print_value(out_, entry->value());
    }
    end();
  }

  void begin() {
    out_.put('{');
    first_ = true;
  }
  void end() {
    out_.put('}');
    first_ = false;
  }
  /// A name of the schema, which needs no escapes.
  void key(std::string_view name) {
    if (!first_) out_.put(',');
    first_ = false;
    out_.put_key(name);
  }
  void given_key(std::string_view name) {
    if (!first_) out_.put(',');
    first_ = false;
    print_string(out_, name);
    out_.put(':');
  }

  TextBuffer& out_;
  std::size_t slot_bytes_;
  const Printed printed_;
  bool first_ = true;
  bool in_root_meta_ = false;
};

// What a thread keeps to print in: most objects need less.
constexpr std::size_t kKeptBufferBytes = 16u << 10;

TextBuffer& printing_buffer() {
  thread_local TextBuffer buffer;
  buffer.clear(kKeptBufferBytes);
  return buffer;
}

}  // namespace

std::string encode_value(const Type& type, const json::value& value) {
  auto& buffer = printing_buffer();
  Printer(buffer, 0).print(type, value);
  return std::string(buffer.text());
}

Encoded encode(const Kind& kind, const json::value& object, std::size_t slot_bytes, std::string_view managers) { return encode(kind, object, slot_bytes, Printed{.managers = managers}); }

Encoded encode(const Kind& kind, const json::value& object, std::size_t slot_bytes, const Printed& printed) {
  auto& buffer = printing_buffer();
  Printer printer(buffer, slot_bytes, printed);
  static const json::object nothing;
  const auto* members = object.if_object();
  printer.root(kind, members ? *members : nothing);
  return {std::string(buffer.text()), printer.revision_offset};
}

std::vector<std::string> selectable_values(const Kind& kind, const json::value& object) {
  std::vector<std::string> values;
  values.reserve(kind.selectable_fields.size());
  const bool is_event = kind.group.empty() && kind.kind == "Event";
  for (const auto& field : kind.selectable_fields) {
    if (is_event && field == "source") {
      const auto component = text_at(object, "source.component");
      values.emplace_back(component.empty() ? text_at(object, "reportingComponent") : component);
    } else if (field == "status.successful") {
      values.push_back(std::to_string(integer_at(object, "status.succeeded")));
    } else {
      const auto* value = at_path(object, field);
      auto text = scalar_text(value);
      // Booleans and numbers that are unset read as Go's zero.
      if (!value && (field == "spec.hostNetwork" || field == "spec.unschedulable")) text = "false";
      if (!value && field == "status.replicas") text = "0";
      values.push_back(std::move(text));
    }
  }
  return values;
}

}  // namespace keelson::kinds

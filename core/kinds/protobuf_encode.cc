// Written from the back, as Go's generated code does it: when a message is done its length is known.
#include <algorithm>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cstring>
#include <vector>

#include "core/kinds/base64.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/protobuf.hpp"
#include "core/kinds/protobuf_types.hpp"
#include "core/kinds/time_text.hpp"

namespace keelson::kinds {
namespace {

constexpr unsigned kVarint = 0, kFixed64 = 1, kBytes = 2;

/// Bytes that grow to the front.
class BackWriter {
 public:
  explicit BackWriter(std::size_t expected) : room_(expected, '\0'), at_(expected) {}

  std::size_t size() const { return room_.size() - at_; }
  std::string take() && { return room_.substr(at_); }

  void bytes(std::string_view text) {
    if (text.empty()) return;
    reserve(text.size());
    at_ -= text.size();
    std::memcpy(room_.data() + at_, text.data(), text.size());
  }
  void varint(std::uint64_t value) {
    char digits[10];
    std::size_t count = 0;
    do digits[count++] = static_cast<char>(value | 0x80);
    while ((value >>= 7) != 0);
    digits[count - 1] &= 0x7f;
    bytes({digits, count});
  }
  void tag(unsigned number, unsigned wire) { varint(number << 3 | wire); }
  void number(unsigned field, std::uint64_t value) {
    varint(value);
    tag(field, kVarint);
  }
  void text(unsigned field, std::string_view value) {
    bytes(value);
    close(field, size() - value.size());
  }
  /// Ends the message that began when `size()` was `before`.
  void close(unsigned field, std::size_t before) {
    varint(size() - before);
    tag(field, kBytes);
  }

 private:
  void reserve(std::size_t more) {
    if (more <= at_) return;
    const auto used = size();
    std::string larger(std::max(2 * room_.size(), used + more + 64), '\0');
    std::memcpy(larger.data() + larger.size() - used, room_.data() + at_, used);
    at_ = larger.size() - used;
    room_.swap(larger);
  }
  std::string room_;
  std::size_t at_;
};

std::int64_t whole(const json::value* value) {
  if (!value) return 0;
  if (const auto* number = value->if_int64()) return *number;
  if (const auto* number = value->if_uint64()) return static_cast<std::int64_t>(*number);
  if (const auto* number = value->if_double()) return static_cast<std::int64_t>(*number);
  return 0;
}

double real(const json::value* value) {
  if (value && value->is_double()) return value->get_double();
  return static_cast<double>(whole(value));
}

class Encoder {
 public:
  explicit Encoder(BackWriter& out) : out_(out) {}

  void message(const Type& type, const json::value* value) {
    static const json::object nothing;
    const auto* object = as_object(value);
    fields(type, object ? *object : nothing, type.wire_order, 0);
  }

 private:
  // `nest`: how deep in inlined messages; all of `order` lies in the same one.
  void fields(const Type& type, const json::object& object, std::span<const std::uint8_t> order, std::size_t nest) {
    while (!order.empty()) {
      const auto& last = type.fields[order.back()];
      const auto inner = nest < last.protobuf_inline.size() ? last.protobuf_inline[nest] : 0;
      std::size_t count = 1;
      if (inner == 0) {
        field(type, last, object.if_contains(last.name));
      } else {
        while (count < order.size() && type.fields[order[order.size() - 1 - count]].protobuf_inline[nest] == inner) ++count;
        const auto before = out_.size();
        fields(type, object, order.last(count), nest + 1);
        out_.close(inner, before);
      }
      order = order.first(order.size() - count);
    }
  }

  void field(const Type& owner, const Field& field, const json::value* value) {
    if (value && value->is_null()) value = nullptr;
    switch (field.type->shape) {
      case Shape::list: return wrapped_list(owner, field) ? wrapped(field, value) : list(field.protobuf, *field.type->element, value);
      case Shape::map: return map(field.protobuf, *field.type->element, value);
      case Shape::bytes:
        if (value) single(field.protobuf, *field.type, value);
        return;
      default:
        if (value || !field.nullable) single(field.protobuf, *field.type, value);
    }
  }

  void list(unsigned number, const Type& element, const json::value* value) {
    const auto* array = as_array(value);
    if (!array) return;
    for (auto at = array->size(); at-- > 0;) single(number, element, &(*array)[at]);
  }

  void wrapped(const Field& field, const json::value* value) {
    if (!as_array(value)) return;
    const auto before = out_.size();
    list(1, *field.type->element, value);
    out_.close(field.protobuf, before);
  }

  void map(unsigned number, const Type& element, const json::value* value) {
    const auto* object = as_object(value);
    if (!object) return;
    std::vector<const json::key_value_pair*> entries;
    entries.reserve(object->size());
    for (const auto& entry : *object) entries.push_back(&entry);
    std::sort(entries.begin(), entries.end(), [](const auto* a, const auto* b) { return a->key() > b->key(); });
    for (const auto* entry : entries) {
      const auto before = out_.size();
      single(2, element, &entry->value());
      out_.text(1, {entry->key().data(), entry->key().size()});
      out_.close(number, before);
    }
  }

  // Null: the zero value.
  void single(unsigned number, const Type& type, const json::value* value) {
    switch (type.shape) {
      case Shape::boolean: return out_.number(number, value && value->is_bool() && value->get_bool());
      case Shape::int32:
      case Shape::int64: return out_.number(number, static_cast<std::uint64_t>(whole(value)));
      case Shape::float64: return fixed(number, real(value));
      case Shape::string: return out_.text(number, text_of(value));
      case Shape::bytes: return out_.text(number, base64_decode(text_of(value)).value_or(""));
      default: break;
    }
    const auto before = out_.size();
    structured(type, value);
    out_.close(number, before);
  }

  void fixed(unsigned number, double value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out_.bytes({bytes, sizeof bytes});
    out_.tag(number, kFixed64);
  }

  void structured(const Type& type, const json::value* value) {
    switch (type.shape) {
      case Shape::quantity: return out_.text(1, value ? scalar_text(value) : "0");
      case Shape::int_or_string: return int_or_string(value);
      case Shape::time: return time(value, false);
      case Shape::micro_time: return time(value, true);
      case Shape::duration: return out_.number(1, static_cast<std::uint64_t>(parse_duration(text_of(value)).value_or(0)));
      case Shape::raw: return raw(value);
      case Shape::any: return schema_union(type, value);
      case Shape::list: return list(1, *type.element, value);   // inside a map
      case Shape::map: return map(1, *type.element, value);
      default: return message(type, value);
    }
  }

  void raw(const json::value* value) {
    if (value && !value->is_null()) out_.text(1, compact(*value));
  }

  void int_or_string(const json::value* value) {
    const bool text = value && value->is_string();
    out_.text(3, text_of(value));
    out_.number(2, static_cast<std::uint64_t>(whole(value)));
    out_.number(1, text ? 1 : 0);
  }

  // Go's zero time is an empty message.
  void time(const json::value* value, bool micro) {
    static constexpr std::int32_t kNanosInMicro = 1'000;
    const auto instant = parse_time(text_of(value));
    if (!instant) return;
    out_.number(2, micro ? static_cast<std::uint64_t>(instant->nanos / kNanosInMicro * kNanosInMicro) : 0);
    out_.number(1, static_cast<std::uint64_t>(instant->seconds));
  }

  void schema_union(const Type& type, const json::value* value) {
    const auto which = union_of(type);
    if (which == Union::none || !value) return raw(value);
    const bool or_bool = which == Union::schema_or_bool;
    if (value->is_object()) single(or_bool ? 2 : 1, *union_schema(), value);
    if (or_bool) return out_.number(1, value->is_object() || (value->is_bool() && value->get_bool()));
    const auto* array = value->if_array();
    for (auto at = array ? array->size() : 0; at-- > 0;)
      which == Union::schema_or_strings ? out_.text(2, text_of(&(*array)[at])) : single(2, *union_schema(), &(*array)[at]);
  }

  BackWriter& out_;
};

// runtime.Unknown around a message that is written already: its end, then its beginning.
constexpr std::string_view kEnvelopeTail{"\x1a\0\x22\0", 4};   // contentEncoding and contentType, both empty

void type_meta(BackWriter& out, std::string_view api_version, std::string_view kind) {
  const auto before = out.size();
  out.text(2, kind);
  out.text(1, api_version);
  out.close(1, before);
  out.bytes(kProtobufMagic);
}

constexpr std::size_t kUsualMessageBytes = 1'024;   // what most objects need
constexpr std::size_t kHeadBytes = 128;             // ... and heads of lists and frames
constexpr unsigned kRaw = 2;                        // number of the message in its envelope, and of items in lists

}  // namespace

bool has_protobuf(std::string_view api_version, std::string_view kind) {
  const auto* type = protobuf_type(api_version, kind);
  return type && !type->wire_order.empty();
}

std::optional<ProtobufObject> to_protobuf(const json::value& object) {
  const auto kind = text_at(object, "kind");
  auto api_version = text_at(object, "apiVersion");
  if (api_version.empty()) api_version = "v1";
  const auto* type = protobuf_type(api_version, kind);
  if (!type || type->wire_order.empty()) return std::nullopt;
  BackWriter out(kUsualMessageBytes);
  out.bytes(kEnvelopeTail);
  const auto before = out.size();
  Encoder(out).message(*type, &object);
  out.close(kRaw, before);
  const auto size = out.size() - before;
  type_meta(out, api_version, kind);
  ProtobufObject encoded;
  encoded.bytes = std::move(out).take();
  encoded.item_at = encoded.bytes.size() - before - size;
  encoded.item_size = size;
  return encoded;
}

std::string protobuf_list_head(const ListHead& head, std::uint64_t items_bytes) {
  BackWriter out(kHeadBytes);
  if (head.remaining) out.number(4, static_cast<std::uint64_t>(*head.remaining));
  out.text(3, head.continue_token);
  out.text(2, std::to_string(head.revision));
  out.text(1, "");   // selfLink
  out.close(1, 0);
  out.varint(out.size() + items_bytes);
  out.tag(kRaw, kBytes);
  type_meta(out, head.api_version, head.kind);
  return std::move(out).take();
}

std::string_view protobuf_list_tail() { return kEnvelopeTail; }

std::string protobuf_watch_frame(std::string_view type, std::string_view object) {
  static constexpr std::size_t kLengthBytes = 4;
  BackWriter out(object.size() + kHeadBytes);
  out.text(1, object);     // raw, in the message of field 2
  out.close(2, 0);
  out.text(1, type);
  char length[kLengthBytes];
  for (std::size_t i = 0, size = out.size(); i < kLengthBytes; ++i) length[i] = static_cast<char>(size >> 8 * (kLengthBytes - 1 - i));
  out.bytes({length, kLengthBytes});
  return std::move(out).take();
}

}  // namespace keelson::kinds

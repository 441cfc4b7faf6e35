// Written from the back, as Go's generated code does it: when a message is done its length is known.
#include <algorithm>
#include <charconv>
#include <cstring>
#include <memory>
#include <vector>

#include "core/kinds/base64.hpp"
#include "core/kinds/edit.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/protobuf/json_index.hpp"
#include "core/kinds/protobuf/protobuf.hpp"
#include "core/kinds/protobuf/types.hpp"
#include "core/kinds/time_text.hpp"

namespace keelson::kinds {
namespace {

using Is = JsonNode::Is;

constexpr unsigned kVarint = 0, kFixed64 = 1, kBytes = 2;

/// Bytes that grow to the front.
class BackWriter {
 public:
  explicit BackWriter(std::size_t expected) : room_(new char[expected]), room_bytes_(expected), at_(expected) {}

  std::size_t size() const { return room_bytes_ - at_; }
  std::string take() && { return {room_.get() + at_, size()}; }

  void bytes(std::string_view text) {
    if (text.empty()) return;
    if (text.size() > at_) grow(text.size());
    at_ -= text.size();
    std::memcpy(room_.get() + at_, text.data(), text.size());
  }
  void varint(std::uint64_t value) {
    if (value >= 0x80 || at_ == 0) return long_varint(value);
    room_[--at_] = static_cast<char>(value);
  }
  void long_varint(std::uint64_t value) {
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
  void grow(std::size_t more) {
    const auto used = size(), bytes = std::max(2 * room_bytes_, used + more + 64);
    std::unique_ptr<char[]> larger(new char[bytes]);
    std::memcpy(larger.get() + bytes - used, room_.get() + at_, used);
    at_ = bytes - used;
    room_bytes_ = bytes;
    room_.swap(larger);
  }
  std::unique_ptr<char[]> room_;
  std::size_t room_bytes_, at_;
};

template <class Number>
bool read_number(std::string_view text, Number& number) {
  const auto read = std::from_chars(text.data(), text.data() + text.size(), number);
  return read.ec == std::errc() && read.ptr == text.data() + text.size();
}

double real(const JsonNode& value) {
  double number = 0;
  return value.is == Is::number && read_number(value.text, number) ? number : 0;
}

std::int64_t whole(const JsonNode& value) {
  std::int64_t number = 0;
  std::uint64_t large = 0;
  if (value.is != Is::number) return 0;
  if (read_number(value.text, number)) return number;
  if (read_number(value.text, large)) return static_cast<std::int64_t>(large);
  return static_cast<std::int64_t>(real(value));
}

bool truth(const JsonNode& value) { return value.is == Is::truth && value.text == "true"; }
std::string_view text_of(const JsonNode& value) { return value.is == Is::string ? value.text : std::string_view(); }
/// Strings as they are, numbers and booleans as they stand.
std::string_view scalar_text(const JsonNode& value) { return value.is == Is::null || value.is == Is::array || value.is == Is::object ? std::string_view() : value.text; }

/// Node 0 is the zero value.
class Encoder {
 public:
  Encoder(const JsonIndex& json, BackWriter& out) : json_(json), out_(out) {}

  void message(const Type& type, const JsonNode& value) { fields(type, value.is == Is::object ? &value : nullptr, type.wire_order, 0); }

 private:
  // `nest`: how deep in inlined messages; all of `order` lies in the same one.
  void fields(const Type& type, const JsonNode* object, std::span<const std::uint8_t> order, std::size_t nest) {
    while (!order.empty()) {
      const auto& last = type.fields[order.back()];
      const auto inner = nest < last.protobuf_inline.size() ? last.protobuf_inline[nest] : 0;
      std::size_t count = 1;
      if (inner == 0) {
        const auto value = object ? json_.member(*object, order.back()) : 0;
        if (value || !last.nullable) field(type, last, value);
      } else {
        while (count < order.size() && type.fields[order[order.size() - 1 - count]].protobuf_inline[nest] == inner) ++count;
        const auto before = out_.size();
        fields(type, object, order.last(count), nest + 1);
        out_.close(inner, before);
      }
      order = order.first(order.size() - count);
    }
  }

  void field(const Type& owner, const Field& field, std::uint32_t value) {
    if (json_.at(value).is == Is::null) value = 0;
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

  void list(unsigned number, const Type& element, std::uint32_t value) {
    if (json_.at(value).is != Is::array) return;
    for (auto at = json_.at(value).inside; at != 0; at = json_.at(at).before) single(number, element, at);
  }

  void wrapped(const Field& field, std::uint32_t value) {
    if (json_.at(value).is != Is::array) return;
    const auto before = out_.size();
    list(1, *field.type->element, value);
    out_.close(field.protobuf, before);
  }

  void map(unsigned number, const Type& element, std::uint32_t value) {
    if (json_.at(value).is != Is::object) return;
    std::vector<std::uint32_t> entries;
    for (auto at = json_.at(value).inside; at != 0; at = json_.at(at).before) entries.push_back(at);
    const auto greater = [this](std::uint32_t a, std::uint32_t b) { return json_.at(a).key > json_.at(b).key; };
    if (!std::is_sorted(entries.begin(), entries.end(), greater)) std::sort(entries.begin(), entries.end(), greater);
    for (const auto entry : entries) {
      const auto before = out_.size();
      single(2, element, entry);
      out_.text(1, json_.at(entry).key);
      out_.close(number, before);
    }
  }

  void single(unsigned number, const Type& type, std::uint32_t node) {
    const auto& value = json_.at(node);
    switch (type.shape) {
      case Shape::boolean: return out_.number(number, truth(value));
      case Shape::int32:
      case Shape::int64: return out_.number(number, static_cast<std::uint64_t>(whole(value)));
      case Shape::float64: return fixed(number, real(value));
      case Shape::string: return out_.text(number, text_of(value));
      case Shape::bytes: return out_.text(number, base64_decode(text_of(value)).value_or(""));
      default: break;
    }
    const auto before = out_.size();
    structured(type, node);
    out_.close(number, before);
  }

  void fixed(unsigned number, double value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    out_.bytes({bytes, sizeof bytes});
    out_.tag(number, kFixed64);
  }

  void structured(const Type& type, std::uint32_t node) {
    const auto& value = json_.at(node);
    switch (type.shape) {
      case Shape::quantity: return out_.text(1, node ? scalar_text(value) : "0");
      case Shape::int_or_string: return int_or_string(value);
      case Shape::time: return time(value, false);
      case Shape::micro_time: return time(value, true);
      case Shape::duration: return out_.number(1, static_cast<std::uint64_t>(parse_duration(text_of(value)).value_or(0)));
      case Shape::raw: return raw(value);
      case Shape::any: return schema_union(type, node);
      case Shape::list: return list(1, *type.element, node);   // inside a map
      case Shape::map: return map(1, *type.element, node);
      default: return message(type, value);
    }
  }

  void raw(const JsonNode& value) {
    if (value.is != Is::null) out_.text(1, value.text);
  }

  void int_or_string(const JsonNode& value) {
    out_.text(3, text_of(value));
    out_.number(2, static_cast<std::uint64_t>(whole(value)));
    out_.number(1, value.is == Is::string ? 1 : 0);
  }

  // Go's zero time is an empty message.
  void time(const JsonNode& value, bool micro) {
    static constexpr std::int32_t kNanosInMicro = 1'000;
    const auto instant = parse_time(text_of(value));
    if (!instant) return;
    out_.number(2, micro ? static_cast<std::uint64_t>(instant->nanos / kNanosInMicro * kNanosInMicro) : 0);
    out_.number(1, static_cast<std::uint64_t>(instant->seconds));
  }

  void schema_union(const Type& type, std::uint32_t node) {
    const auto& value = json_.at(node);
    const auto which = union_of(type);
    if (which == Union::none || node == 0) return raw(value);
    const bool or_bool = which == Union::schema_or_bool;
    if (value.is == Is::object) single(or_bool ? 2 : 1, *union_schema(), node);
    if (or_bool) return out_.number(1, value.is == Is::object || truth(value));
    if (value.is != Is::array) return;
    for (auto at = value.inside; at != 0; at = json_.at(at).before)
      which == Union::schema_or_strings ? out_.text(2, text_of(json_.at(at))) : single(2, *union_schema(), at);
  }

  const JsonIndex& json_;
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

constexpr std::size_t kHeadBytes = 128;             // what heads of lists and frames need
constexpr unsigned kRaw = 2;                        // number of the message in its envelope, and of items in lists

}  // namespace

bool has_protobuf(std::string_view api_version, std::string_view kind) {
  const auto* type = protobuf_type(api_version, kind);
  return type && !type->wire_order.empty();
}

std::optional<ProtobufObject> json_to_protobuf(std::string_view text) {
  const auto unquoted = [text](std::string_view name) {
    const auto value = printed_member(text, name);
    return value.size() > 2 ? value.substr(1, value.size() - 2) : std::string_view();
  };
  const auto kind = unquoted("kind");
  auto api_version = unquoted("apiVersion");
  if (api_version.empty()) api_version = "v1";
  const auto* type = protobuf_type(api_version, kind);
  if (!type || type->wire_order.empty()) return std::nullopt;
  JsonIndex json;
  if (!json.read(text, *type)) return std::nullopt;
  BackWriter out(text.size() + kHeadBytes);
  out.bytes(kEnvelopeTail);
  const auto before = out.size();
  Encoder(json, out).message(*type, json.root());
  out.close(kRaw, before);
  const auto size = out.size() - before;
  type_meta(out, api_version, kind);
  ProtobufObject encoded;
  encoded.bytes = std::move(out).take();
  encoded.item_at = encoded.bytes.size() - before - size;
  encoded.item_size = size;
  return encoded;
}

std::optional<ProtobufObject> to_protobuf(const json::value& object) { return json_to_protobuf(compact(object)); }

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

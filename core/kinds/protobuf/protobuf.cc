#include "core/kinds/protobuf/protobuf.hpp"

#include <array>
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <boost/json/parse.hpp>
#include <cstring>
#include <optional>
#include <string>

#include "core/kinds/base64.hpp"
#include "core/kinds/protobuf/types.hpp"
#include "core/kinds/time_text.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {
namespace {

namespace json = boost::json;

/// Thrown inside this file only; the one door turns it into a 400.
struct Malformed {
  std::string what;
};

enum Wire : unsigned { varint = 0, fixed64 = 1, bytes = 2, fixed32 = 5 };

/// One field of a message as it stands on the wire.
struct Token {
  std::uint32_t number = 0;
  Wire wire = varint;
  std::uint64_t value = 0;      // varint, fixed64, fixed32
  std::string_view text;        // bytes
};

class Reader {
 public:
  explicit Reader(std::string_view rest) : rest_(rest) {}
  bool done() const { return rest_.empty(); }

  std::uint64_t read_varint() {
    std::uint64_t value = 0;
    for (int shift = 0; shift < 64; shift += 7) {
      if (rest_.empty()) throw Malformed{"unexpected EOF"};
      const auto byte = static_cast<unsigned char>(rest_.front());
      rest_.remove_prefix(1);
      value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
    throw Malformed{"proto: integer overflow"};
  }

  Token next() {
    Token token;
    const auto key = read_varint();
    token.number = static_cast<std::uint32_t>(key >> 3);
    token.wire = static_cast<Wire>(key & 7);
    if (key >> 3 == 0 || key >> 3 > 0x1fffffff) throw Malformed{"proto: illegal tag"};
    switch (token.wire) {
      case varint: token.value = read_varint(); break;
      case fixed64: token.value = read_fixed(8); break;
      case fixed32: token.value = read_fixed(4); break;
      case bytes: token.text = take(read_varint()); break;
      default: throw Malformed{"proto: illegal wireType " + std::to_string(key & 7)};
    }
    return token;
  }

 private:
  std::string_view take(std::uint64_t size) {
    if (size > rest_.size()) throw Malformed{"unexpected EOF"};
    const auto text = rest_.substr(0, size);
    rest_.remove_prefix(size);
    return text;
  }
  std::uint64_t read_fixed(std::size_t size) {
    const auto text = take(size);
    std::uint64_t value = 0;
    for (std::size_t i = size; i-- > 0;) value = value << 8 | static_cast<unsigned char>(text[i]);
    return value;
  }
  std::string_view rest_;
};

std::string_view want_bytes(const Token& token) {
  if (token.wire != bytes) throw Malformed{"proto: wrong wireType = " + std::to_string(token.wire)};
  return token.text;
}
std::uint64_t want_number(const Token& token) {
  if (token.wire != varint) throw Malformed{"proto: wrong wireType = " + std::to_string(token.wire)};
  return token.value;
}

/// The fields 1 to 3 of a small message: numbers and texts.
struct Small {
  std::array<std::uint64_t, 4> numbers{};
  std::array<std::string_view, 4> texts{};
};
Small small_message(std::string_view message) {
  Small small;
  for (Reader reader(message); !reader.done();) {
    const auto token = reader.next();
    if (token.number > 3) continue;
    if (token.wire == bytes) small.texts[token.number] = token.text;
    else small.numbers[token.number] = token.value;
  }
  return small;
}

bool zero_value(const json::value& value) {
  switch (value.kind()) {
    case json::kind::null: return true;
    case json::kind::bool_: return !value.get_bool();
    case json::kind::int64: return value.get_int64() == 0;
    case json::kind::double_: return value.get_double() == 0;
    case json::kind::string: return value.get_string().empty();
    case json::kind::object: return value.get_object().empty();
    case json::kind::array: return value.get_array().empty();
    default: return false;
  }
}

// Go encoders write zero values of plain fields too; where JSON leaves them out they say nothing.
bool says_nothing(const Field& field, const json::value& value) {
  if (!zero_value(value)) return false;
  if (value.is_null()) return true;
  if (field.nullable) return false;
  return field.omit != Omit::never;
}

json::value raw_json(std::string_view text, const json::storage_ptr& memory) {
  if (text.empty()) return nullptr;
  boost::system::error_code error;
  json::parse_options options;
  options.max_depth = kProtobufDepthMax;
  auto value = json::parse(json::string_view(text.data(), text.size()), error, memory, options);
  if (error) throw Malformed{"raw value is not JSON: " + error.message()};
  return value;
}

class Decoder {
 public:
  explicit Decoder(json::storage_ptr memory) : memory_(std::move(memory)) {}

  /// `nest`: how deep in inlined messages, whose numbers lead here.
  void message(const Type& type, std::string_view text, std::size_t nest, std::array<std::uint32_t, 2> path, json::object& into) {
    if (++depth_ > kProtobufDepthMax) throw Malformed{"exceeded max depth"};
    for (Reader reader(text); !reader.done();) {
      const auto token = reader.next();
      if (const auto* field = find(type, token.number, nest, path)) {
        add(*field, token, into);
      } else if (nest < path.size() && inlined(type, token.number, nest, path)) {
        auto deeper = path;
        deeper[nest] = token.number;
        message(type, want_bytes(token), nest + 1, deeper, into);
      }
    }
    --depth_;
  }

 private:
  static bool on_path(const Field& field, std::size_t nest, const std::array<std::uint32_t, 2>& path) {
    for (std::size_t i = 0; i < nest; ++i)
      if (field.protobuf_inline[i] != path[i]) return false;
    return true;
  }
  static const Field* find(const Type& type, std::uint32_t number, std::size_t nest, const std::array<std::uint32_t, 2>& path) {
    for (const auto& field : type.fields)
      if (field.protobuf == number && on_path(field, nest, path) && (nest == path.size() || field.protobuf_inline[nest] == 0)) return &field;
    return nullptr;
  }
  static bool inlined(const Type& type, std::uint32_t number, std::size_t nest, const std::array<std::uint32_t, 2>& path) {
    for (const auto& field : type.fields)
      if (on_path(field, nest, path) && field.protobuf_inline[nest] == number) return true;
    return false;
  }

  void add(const Field& field, const Token& token, json::object& into) {
    const json::string_view name(field.name.data(), field.name.size());
    if (field.type->shape == Shape::list) return elements(*field.type->element, token, array_in(into, name));
    if (field.type->shape == Shape::map) return entry(*field.type->element, want_bytes(token), object_in(into, name));
    auto decoded = value(*field.type, token);
    if (says_nothing(field, decoded)) return;
    into[name] = std::move(decoded);
  }

  json::array& array_in(json::object& into, json::string_view name) {
    auto& slot = into[name];
    return slot.is_array() ? slot.get_array() : slot.emplace_array();
  }
  json::object& object_in(json::object& into, json::string_view name) {
    auto& slot = into[name];
    return slot.is_object() ? slot.get_object() : slot.emplace_object();
  }

  // Numbers may come packed.
  void elements(const Type& element, const Token& token, json::array& into) {
    const bool number = element.shape == Shape::int32 || element.shape == Shape::int64 || element.shape == Shape::boolean;
    if (!number || token.wire != bytes) return void(into.push_back(value(element, token)));
    for (Reader reader(token.text); !reader.done();) into.push_back(value(element, {token.number, varint, reader.read_varint(), {}}));
  }

  void entry(const Type& element, std::string_view text, json::object& into) {
    std::string_view key;
    std::optional<Token> content;
    for (Reader reader(text); !reader.done();) {
      const auto token = reader.next();
      if (token.number == 1) key = want_bytes(token);
      if (token.number == 2) content = token;
    }
    into[json::string_view(key.data(), key.size())] = content ? value(element, *content) : empty(element);
  }

  json::value empty(const Type& type) { return value(type, {0, type.shape == Shape::int32 || type.shape == Shape::int64 || type.shape == Shape::boolean ? varint : bytes, 0, {}}); }

  json::value value(const Type& type, const Token& token) {
    switch (type.shape) {
      case Shape::boolean: return json::value(want_number(token) != 0, memory_);
      case Shape::int32: return json::value(static_cast<std::int64_t>(static_cast<std::int32_t>(want_number(token))), memory_);
      case Shape::int64: return json::value(static_cast<std::int64_t>(want_number(token)), memory_);
      case Shape::float64: return number(token);
      default: return structured(type, want_bytes(token));
    }
  }

  json::value number(const Token& token) {
    if (token.wire != fixed64) throw Malformed{"proto: wrong wireType = " + std::to_string(token.wire)};
    double value;
    std::memcpy(&value, &token.value, sizeof value);
    return json::value(value, memory_);
  }

  json::value string(std::string_view text) { return json::value(json::string_view(text.data(), text.size()), memory_); }

  json::value structured(const Type& type, std::string_view text) {
    switch (type.shape) {
      case Shape::string: return string(text);
      case Shape::bytes: return string(base64_encode(text));
      case Shape::quantity: return string(small_message(text).texts[1]);
      case Shape::int_or_string: return int_or_string(small_message(text));
      case Shape::time: return time(small_message(text), false);
      case Shape::micro_time: return time(small_message(text), true);
      case Shape::duration: return string(duration_text(static_cast<std::int64_t>(small_message(text).numbers[1])));
      case Shape::raw: return raw_json(small_message(text).texts[1], memory_);
      case Shape::any: return schema_union(type, text);
      case Shape::list: return list(type, text);
      case Shape::map: {
        json::value out(json::object_kind, memory_);
        entry(*type.element, text, out.get_object());
        return out;
      }
      default: {
        json::value out(json::object_kind, memory_);
        message(type, text, 0, {}, out.get_object());
        return out;
      }
    }
  }

  // The unions of CRD schemas; every other `any` is JSON text in a message.
  json::value schema_union(const Type& type, std::string_view text) {
    const auto which = union_of(type);
    if (which == Union::none) return raw_json(small_message(text).texts[1], memory_);
    json::array several(memory_);
    std::optional<json::value> one;
    bool allows = false;
    for (Reader reader(text); !reader.done();) {
      const auto token = reader.next();
      if (which == Union::schema_or_bool && token.number == 1) allows = want_number(token) != 0;
      else if (token.number == (which == Union::schema_or_bool ? 2u : 1u)) one = value(*union_schema(), token);
      else if (token.number == 2) several.push_back(which == Union::schema_or_strings ? string(want_bytes(token)) : value(*union_schema(), token));
    }
    if (one) return std::move(*one);
    if (which == Union::schema_or_bool) return json::value(allows, memory_);
    return json::value(std::move(several));
  }

  // A list inside a map is a message of its own with one repeated field.
  json::value list(const Type& type, std::string_view text) {
    json::value out(json::array_kind, memory_);
    for (Reader reader(text); !reader.done();) {
      const auto token = reader.next();
      if (token.number == 1) elements(*type.element, token, out.get_array());
    }
    return out;
  }

  json::value int_or_string(const Small& small) {
    if (small.numbers[1] == 1) return string(small.texts[3]);
    return json::value(static_cast<std::int64_t>(static_cast<std::int32_t>(small.numbers[2])), memory_);
  }

  json::value time(const Small& small, bool micro) {
    const auto seconds = static_cast<std::int64_t>(small.numbers[1]);
    const auto nanos = static_cast<std::int32_t>(small.numbers[2]);
    static constexpr std::int64_t kZeroTime = -62135596800;   // Go's zero time, year 1
    static constexpr std::int64_t kYear10000 = 253402300800;
    if (seconds == kZeroTime || (seconds == 0 && nanos == 0)) return nullptr;
    if (seconds < kZeroTime || seconds >= kYear10000) throw Malformed{"a time is out of range"};
    return string(micro ? micro_time_text({seconds, nanos}) : time_text(seconds));
  }

  json::storage_ptr memory_;
  int depth_ = 0;
};

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

}  // namespace

base::Outcome<json::value> from_protobuf(std::string_view body, json::storage_ptr memory) try {
  if (!body.starts_with(kProtobufMagic)) return base::bad_request("provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]");
  const auto envelope = small_message(body.substr(kProtobufMagic.size()));
  const auto meta = small_message(envelope.texts[1]);
  const auto api_version = meta.texts[1], kind = meta.texts[2];
  if (kind.empty()) return base::bad_request("Object 'Kind' is missing in the protobuf envelope");
  const auto* type = protobuf_type(api_version, kind);
  if (!type) return base::bad_request("no kind " + quoted(kind) + " is registered for version " + quoted(api_version) + " in scheme \"keelson\"");
  json::value out(json::object_kind, memory);
  auto& object = out.get_object();
  object["kind"] = json::string_view(kind.data(), kind.size());
  object["apiVersion"] = json::string_view(api_version.data(), api_version.size());
  Decoder(memory).message(*type, envelope.texts[2], 0, {}, object);
  return out;
} catch (const Malformed& malformed) {
  return base::bad_request("unable to decode protobuf: " + malformed.what);
}

}  // namespace keelson::kinds

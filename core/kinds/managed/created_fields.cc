#include "core/kinds/managed/created_fields.hpp"

#include <functional>

#include "core/kinds/json_print.hpp"
#include "core/kinds/known_specs.hpp"
#include "core/kinds/managed/field_set.hpp"
#include "core/kinds/managed/managed_fields.hpp"

namespace keelson::kinds {
namespace {

/// Writes a shape. Whatever has a length of its own comes with it, so that no two shapes read alike.
class ShapeWriter {
 public:
  ShapeWriter(TextBuffer& out, std::uint64_t spec) : out_(out), spec_(spec) {}

  bool root(const Kind& kind, const json::value& object) {
    out_.put(kind.strategy.custom_resource ? 'c' : 'b');
    out_.put(kind.strategy.has_status ? 's' : '-');
    return members(kind.type.get(), object.get_object(), Level::root);
  }

 private:
  enum class Level { root, metadata, other };

  bool value(const Type* type, const json::value& value, Level level) {
    const char mark = mark_of(value);
    if (mark != 'O' && mark != 'A') return out_.put(mark), true;
    switch (walk_of(type, value)) {
      case Walk::leaf: return out_.put(mark), true;
      case Walk::fields: return members(type, value.get_object(), level);
      case Walk::set: return items(*type, value.get_array(), false);
      case Walk::keyed: break;
    }
    return items(*type, value.get_array(), true);
  }

  bool members(const Type* type, const json::object& object, Level level) {
    if (out_.size() > kShapeBytesMax) return false;
    out_.put('{');
    for (const auto& entry : object) {
      const std::string_view key = entry.key();
      if (level == Level::root ? never_managed(key) : level == Level::metadata && never_managed_metadata(key)) continue;
      if (level == Level::root && spec_ != 0 && key == kSpec) {
        text('s', std::string_view(reinterpret_cast<const char*>(&spec_), sizeof spec_));
        continue;
      }
      text('m', key);
      const bool metadata = level == Level::root && key == "metadata";
      if (!value(member_type(type, key), entry.value(), metadata ? Level::metadata : Level::other)) return false;
    }
    out_.put('}');
    return true;
  }

  bool items(const Type& list, const json::array& items, bool keyed) {
    out_.put('[');
    for (const auto& item : items) {
      if (out_.size() > kShapeBytesMax) return false;
      if (!keyed) exact(item);
      else if (const auto* object = item.if_object())
        for (const std::string_view key : list.list_map_keys) exact(object->if_contains(key));
      if (!value(list.element, item, Level::other)) return false;
    }
    out_.put(']');
    return true;
  }

  void exact(const json::value* value) {
    if (value) exact(*value);
    else out_.put('-');
  }
  void exact(const json::value& value) {
    if (const auto* plain = value.if_string()) return text('q', *plain);
    std::string printed;
    print_value(printed, value);
    text('p', printed);
  }

  void text(char mark, std::string_view text) {
    const auto size = static_cast<std::uint32_t>(text.size());
    char head[1 + sizeof size] = {mark};
    std::memcpy(head + 1, &size, sizeof size);
    out_.put(std::string_view(head, sizeof head));
    out_.put(text);
  }

  /// Of which sort a value is, and whether it is that sort's zero.
  static char mark_of(const json::value& value) {
    switch (value.kind()) {
      case json::kind::null: return 'n';
      case json::kind::bool_: return value.get_bool() ? 'x' : 'f';
      case json::kind::int64: return value.get_int64() == 0 ? '0' : 'x';
      case json::kind::uint64: return value.get_uint64() == 0 ? '0' : 'x';
      case json::kind::double_: return value.get_double() == 0 ? 'd' : 'x';
      case json::kind::string: return value.get_string().empty() ? 'e' : 'x';
      case json::kind::array: return value.get_array().empty() ? 'a' : 'A';
      case json::kind::object: break;
    }
    return value.get_object().empty() ? 'o' : 'O';
  }

  TextBuffer& out_;
  const std::uint64_t spec_;   // 0: the spec's members are written
};

/// Of an entry beside its set and its manager's name, and somewhat more.
constexpr std::size_t kEntryBytes = 256;

std::string printed(FieldSet&& set) {
  std::string text;
  if (!empty_set(set)) print_value(text, json::value(std::move(set)));
  return text;
}

// What a thread writes shapes into, before it is known whether they are new.
TextBuffer& shape_buffer() {
  thread_local TextBuffer buffer;
  buffer.clear(2 * kShapeBytesMax);
  return buffer;
}

}  // namespace

bool append_shape(const Kind& kind, const json::value& object, TextBuffer& shape, std::uint64_t spec) {
  return !object.is_object() || ShapeWriter(shape, spec).root(kind, object);
}

CreatedFields::Text CreatedFields::of(const Kind& kind, const json::value& object, const KnownSpec* spec) {
  const auto compute = [&] {
    if (!spec) return std::make_shared<const std::string>(printed(created_fields(kind, object)));
    auto whole = object;
    spec->put_into(whole);
    return std::make_shared<const std::string>(printed(created_fields(kind, whole)));
  };
  auto& buffer = shape_buffer();
  if (!append_shape(kind, object, buffer, spec ? spec->id() : 0)) return compute();
  const auto shape = buffer.text();
  auto& place = known_[std::hash<std::string_view>()(shape) % kShapesKeptMax];
  std::shared_ptr<const Known> known;
  {
    const std::lock_guard lock(mutex_);
    known = place;
  }
  if (known && known->type == kind.type && known->shape == shape) return known->text;
  auto fresh = std::make_shared<const Known>(Known{kind.type, std::string(shape), compute()});
  const std::lock_guard lock(mutex_);
  place = fresh;
  return fresh->text;
}

std::string creator_entries(const Kind& kind, const ManagerInfo& creator, std::string_view set) {
  if (set.empty()) return {};
  std::string out;
  out.reserve(set.size() + kEntryBytes);
  out = R"([{"manager":)";
  print_string(out, creator.manager.empty() ? kNobodyKnown : creator.manager);
  out.append(R"(,"operation":")").append(kUpdate).append(R"(","apiVersion":)");
  print_string(out, kind.api_version());
  out.append(R"(,"time":")").append(utc_text(creator.now_unix_s)).append(R"(","fieldsType":"FieldsV1","fieldsV1":)").append(set);
  return out += "}]";
}

}  // namespace keelson::kinds

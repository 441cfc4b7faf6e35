// Values in messages.
#include "core/base/json_text.hpp"
#include "core/cel/text.hpp"
#include "core/cel/value.hpp"

namespace keelson::cel {
namespace {

// A message needs no more of a value.
constexpr std::size_t kDisplayBytesMax = 16 * 1024;

void show(const Value& value, std::string& out, Arena& arena);

void show_list(const List& list, std::string& out, Arena& arena) {
  out += '[';
  for (std::size_t i = 0; i < list.size() && out.size() < kDisplayBytesMax; ++i) {
    if (i > 0) out += ", ";
    show(list.at(i, arena), out, arena);
  }
  out += ']';
}

void show_map(const Map& map, std::string& out, Arena& arena) {
  out += '{';
  for (std::size_t i = 0; i < map.size() && out.size() < kDisplayBytesMax; ++i) {
    if (i > 0) out += ", ";
    show(map.key_at(i, arena), out, arena);
    out += ": ";
    show(map.value_at(i, arena), out, arena);
  }
  out += '}';
}

void show(const Value& value, std::string& out, Arena& arena) {
  switch (value.kind) {
    case Kind::null: out += "null"; break;
    case Kind::boolean: out += value.flag ? "true" : "false"; break;
    case Kind::int64: out += std::to_string(value.integer); break;
    case Kind::uint64: out += std::to_string(value.natural); break;
    case Kind::float64: out += double_text(value.real); break;
    case Kind::string: case Kind::bytes: case Kind::type: case Kind::error: out += value.view(); break;
    case Kind::timestamp: out += moment_text(value.moment()); break;
    case Kind::duration: out += duration_seconds_text(value.integer); break;
    case Kind::list: show_list(*value.list, out, arena); break;
    case Kind::map: show_map(*value.map, out, arena); break;
    case Kind::optional:
      out += "optional(";
      if (value.inner != nullptr) show(*value.inner, out, arena);
      out += ')';
      break;
    default: out += type_name(value);
  }
}

}  // namespace

std::string display(const Value& value, Arena& arena) {
  std::string out;
  show(value, out, arena);
  return out;
}

}  // namespace keelson::cel

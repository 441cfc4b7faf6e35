// Values back to JSON.
#include <boost/json/array.hpp>
#include <boost/json/object.hpp>
#include <cmath>

#include "core/base/base64.hpp"
#include "core/cel/schema.hpp"
#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

namespace json = boost::json;

// Results nest no deeper.
constexpr int kDepthMax = 500;

bool convert(const Value& value, json::value& out, Arena& arena, int depth);

bool list(const List& list, json::value& out, Arena& arena, int depth) {
  auto& array = out.emplace_array();
  for (std::size_t i = 0; i < list.size(); ++i) {
    arena.step();
    if (!convert(list.at(i, arena), array.emplace_back(nullptr), arena, depth)) return false;
  }
  return true;
}

bool map(const Map& map, json::value& out, Arena& arena, int depth) {
  auto& object = out.emplace_object();
  for (std::size_t i = 0; i < map.size(); ++i) {
    arena.step();
    const auto key = map.key_at(i, arena);
    if (key.kind != Kind::string) return false;
    if (!convert(map.value_at(i, arena), object[json::string_view(key.text, key.length)], arena, depth)) return false;
  }
  return true;
}

bool convert(const Value& value, json::value& out, Arena& arena, int depth) {
  if (depth > kDepthMax) return false;
  switch (value.kind) {
    case Kind::null: out = nullptr; return true;
    case Kind::boolean: out = value.flag; return true;
    case Kind::int64: out = value.integer; return true;
    case Kind::uint64: out = value.natural; return true;
    case Kind::float64: out = value.real; return std::isfinite(value.real);
    case Kind::string: out = json::string_view(value.text, value.length); return true;
    case Kind::bytes: out = base::base64_encode(value.view()); return true;
    case Kind::timestamp: out = moment_text(value.moment()); return true;
    case Kind::duration: out = duration_seconds_text(value.integer); return true;
    case Kind::list: return list(*value.list, out, arena, depth + 1);
    case Kind::map: return map(*value.map, out, arena, depth + 1);
    case Kind::preserved: out = *static_cast<const json::value*>(value.json); return true;
    default: return false;
  }
}

}  // namespace

bool to_json(const Value& value, json::value& out, Arena& arena) { return convert(value, out, arena, 0); }

}  // namespace keelson::cel

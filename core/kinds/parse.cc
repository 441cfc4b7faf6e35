#include "core/kinds/parse.hpp"

#include <simdjson.h>

#include <algorithm>
#include <optional>

#include "core/kinds/json_syntax.hpp"

namespace keelson::kinds {
namespace {

// A place in the document, linked to the one above; text only when there is a complaint.
struct Place {
  const Place* up = nullptr;
  std::string_view name;
  std::size_t index = 0;

  std::string text() const {
    if (!up) return {};
    auto path = up->text();
    if (name.data() == nullptr) return path + "[" + std::to_string(index) + "]";
    if (!path.empty()) path += '.';
    return path.append(name);
  }
};

// The server's own part goes into the root, metadata and status: room for it, so that they need not move.
constexpr std::size_t kAddedMembers = 6;

class Builder {
 public:
  Builder(json::storage_ptr memory, std::vector<std::string>& duplicates) : memory_(std::move(memory)), duplicates_(duplicates) {}
  std::size_t deepest() const { return deepest_; }

  json::value build(const simdjson::dom::element& from, const Place& place) {
    switch (from.type()) {
      case simdjson::dom::element_type::OBJECT: return build_object(from, place);
      case simdjson::dom::element_type::ARRAY: return build_array(from, place);
      case simdjson::dom::element_type::STRING: {
        const std::string_view text = from.get_string().value_unsafe();
        return json::value(json::string_view(text.data(), text.size()), memory_);
      }
      case simdjson::dom::element_type::INT64: return json::value(from.get_int64().value_unsafe(), memory_);
      case simdjson::dom::element_type::UINT64: return json::value(from.get_uint64().value_unsafe(), memory_);
      case simdjson::dom::element_type::DOUBLE: return json::value(from.get_double().value_unsafe(), memory_);
      case simdjson::dom::element_type::BOOL: return json::value(from.get_bool().value_unsafe(), memory_);
      case simdjson::dom::element_type::NULL_VALUE: break;
    }
    return json::value(nullptr, memory_);
  }

 private:
  json::value build_object(const simdjson::dom::element& from, const Place& place) {
    const Level level(*this);
    json::object object(memory_);
    const simdjson::dom::object members = from.get_object().value_unsafe();
    object.reserve(members.size() + (near_root(place) ? kAddedMembers : 0));
    for (const auto [key, element] : members) {
      const Place here{&place, key, 0};
      json::value value = build(element, here);   // once, also when it has to go elsewhere: else duplicates in duplicates take exponential time
      const auto [at, added] = object.emplace(json::string_view(key.data(), key.size()), std::move(value));
      if (added) continue;
      at->value() = std::move(value);   // it was not moved from
      if (duplicates_.size() < kComplaintsMax) duplicates_.push_back("duplicate field \"" + here.text() + "\"");
    }
    return json::value(std::move(object));
  }

  json::value build_array(const simdjson::dom::element& from, const Place& place) {
    const Level level(*this);
    json::array array(memory_);
    const simdjson::dom::array elements = from.get_array().value_unsafe();
    array.reserve(elements.size());
    std::size_t index = 0;
    for (const auto element : elements) array.push_back(build(element, Place{&place, {}, index++}));
    return json::value(std::move(array));
  }

  struct Level {
    explicit Level(Builder& builder) : builder(builder) { builder.deepest_ = std::max(builder.deepest_, ++builder.depth_); }
    ~Level() { --builder.depth_; }
    Level(const Level&) = delete;
    Level& operator=(const Level&) = delete;
    Builder& builder;
  };

  static bool near_root(const Place& place) { return !place.up || !place.up->up; }

  json::storage_ptr memory_;
  std::vector<std::string>& duplicates_;
  std::size_t depth_ = 0, deepest_ = 0;
};

// In Go's words; what Go takes for JSON and we do not in our own.
std::string fault_text(std::string_view body, simdjson::error_code fault) {
  if (fault == simdjson::DEPTH_ERROR) return "exceeded max depth";
  if (auto wrong = json_syntax_fault(body); !wrong.empty()) return wrong;
  if (fault == simdjson::UTF8_ERROR) return "invalid UTF-8 in string";
  if (fault == simdjson::NUMBER_ERROR) return "invalid number: out of range or malformed";
  return std::string("invalid JSON: ") + simdjson::error_message(fault);
}

// The parser meets depth only where brackets balance; a body of nothing but brackets is recognised here.
bool deeper_than(std::string_view body, std::size_t limit) {
  std::size_t depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < body.size(); ++i) {
    const char c = body[i];
    if (quoted) {
      if (c == '\\') ++i;
      else if (c == '"') quoted = false;
    } else if (c == '"') {
      quoted = true;
    } else if (c == '{' || c == '[') {
      if (++depth > limit) return true;
    } else if ((c == '}' || c == ']') && depth > 0) {
      --depth;
    }
  }
  return false;
}

}  // namespace

namespace {

// A parser's buffers are several times the text: each thread keeps those that fit usual bodies.
constexpr std::size_t kKeptParserBytes = 16u << 10;

simdjson::error_code make_ready(simdjson::dom::parser& parser, std::size_t bytes) {
  if (parser.capacity() >= bytes && parser.max_depth() == kNestingMax + kOwnNestingMax) return simdjson::SUCCESS;
  return parser.allocate(bytes, kNestingMax + kOwnNestingMax);
}

}  // namespace

Parsed parse_json(std::string_view body, json::storage_ptr memory) {
  thread_local simdjson::dom::parser kept(kKeptParserBytes);
  Parsed parsed{json::value(memory), {}, 0, {}};   // assigned from elsewhere it would be copied
  const bool usual = body.size() <= kKeptParserBytes;
  std::optional<simdjson::dom::parser> large;
  if (!usual) large.emplace(kBodyBytesMax + simdjson::SIMDJSON_PADDING);
  auto& parser = usual ? kept : *large;
  auto fault = make_ready(parser, usual ? kKeptParserBytes : body.size());
  simdjson::dom::element root;
  if (body.data() == nullptr) body = "";   // simdjson copies from there even when there is nothing to copy
  if (!fault) fault = parser.parse(body.data(), body.size()).get(root);
  if (fault) {
    parsed.fault = deeper_than(body, kNestingMax + kOwnNestingMax) ? "exceeded max depth" : fault_text(body, fault);
    return parsed;
  }
  Builder builder(memory, parsed.duplicates);
  parsed.value = builder.build(root, Place{});
  parsed.depth = builder.deepest();
  return parsed;
}

}  // namespace keelson::kinds

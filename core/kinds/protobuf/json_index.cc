#include "core/kinds/protobuf/json_index.hpp"

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <algorithm>
#include <charconv>
#include <utility>

#include "core/kinds/edit.hpp"
#include "core/kinds/parse.hpp"
#include "core/kinds/protobuf/types.hpp"

namespace keelson::kinds {
namespace {

using Is = JsonNode::Is;

constexpr std::size_t kUsualNodes = 256, kUsualSlots = 512;

/// The first quote or backslash at or after `at`.
const char* string_stop(const char* at, const char* end) {
#if defined(__SSE2__)
  const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');
  for (; end - at >= 16; at += 16) {
    const __m128i block = _mm_loadu_si128(reinterpret_cast<const __m128i*>(at));
    const int found = _mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(block, quote), _mm_cmpeq_epi8(block, backslash)));
    if (found != 0) return at + __builtin_ctz(static_cast<unsigned>(found));
  }
#endif
  while (at < end && *at != '"' && *at != '\\') ++at;
  return at;
}

void append_utf8(std::string& out, std::uint32_t code) {
  const auto put = [&out](std::uint32_t byte) { out += static_cast<char>(byte); };
  if (code < 0x80) return put(code);
  if (code < 0x800) return put(0xc0 | code >> 6), put(0x80 | (code & 0x3f));
  if (code < 0x10000) return put(0xe0 | code >> 12), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
  put(0xf0 | code >> 18), put(0x80 | (code >> 12 & 0x3f)), put(0x80 | (code >> 6 & 0x3f)), put(0x80 | (code & 0x3f));
}

/// The four digits at `at`, which moves behind them.
std::uint32_t hex4(std::string_view text, std::size_t& at) {
  std::uint32_t code = 0xfffd;
  const auto digits = text.substr(std::min(at, text.size()), 4);
  std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
  at += 4;
  return code;
}

std::uint32_t code_point(std::string_view text, std::size_t& at) {
  const auto first = hex4(text, at);
  if (first < 0xd800 || first > 0xdfff) return first;
  if (first > 0xdbff || text.substr(std::min(at, text.size()), 2) != "\\u") return 0xfffd;
  auto behind = at + 2;
  const auto second = hex4(text, behind);
  if (second < 0xdc00 || second > 0xdfff) return 0xfffd;
  at = behind;
  return 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
}

std::string unescape(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t at = 0; at < text.size();) {
    const auto slash = std::min(text.find('\\', at), text.size());
    out += text.substr(at, slash - at);
    if (slash + 1 >= text.size()) break;
    at = slash + 2;
    switch (const char c = text[slash + 1]) {
      case 'n': out += '\n'; break;
      case 'r': out += '\r'; break;
      case 't': out += '\t'; break;
      case 'b': out += '\b'; break;
      case 'f': out += '\f'; break;
      case 'u': append_utf8(out, code_point(text, at)); break;
      default: out += c;
    }
  }
  return out;
}

/// Steps through a text.
class Cursor {
 public:
  explicit Cursor(std::string_view text) : at_(text.data()), end_(text.data() + text.size()) {}

  char peek() {
    while (at_ < end_ && (*at_ == ' ' || *at_ == '\n' || *at_ == '\t' || *at_ == '\r')) ++at_;
    return at_ < end_ ? *at_ : '\0';
  }
  bool take(char c) { return peek() == c && (++at_, true); }

  /// What is between the quotes; behind the first one already.
  bool string(std::string_view& content, bool& escaped) {
    const char* const begin = at_;
    escaped = false;
    for (at_ = string_stop(at_, end_); at_ < end_ && *at_ == '\\'; at_ = string_stop(at_, end_)) {
      escaped = true;
      at_ += std::min<std::ptrdiff_t>(2, end_ - at_);
    }
    content = {begin, static_cast<std::size_t>(at_ - begin)};
    return at_ < end_ && (++at_, true);
  }

  /// Any value, whole.
  bool skip(std::string_view& whole) {
    if (peek() == '\0') return false;
    const std::string_view rest(at_, static_cast<std::size_t>(end_ - at_));
    whole = rest.substr(0, end_of_value(rest, 0));
    at_ += whole.size();
    return !whole.empty();
  }

  bool literal(std::string_view& text) {
    const char* const begin = at_;
    while (at_ < end_ && *at_ != ',' && *at_ != '}' && *at_ != ']' && *at_ > ' ') ++at_;
    text = {begin, static_cast<std::size_t>(at_ - begin)};
    return !text.empty();
  }

 private:
  const char* at_;
  const char* end_;
};

Is kind_of(char first) {
  switch (first) {
    case '"': return Is::string;
    case '{': return Is::object;
    case '[': return Is::array;
    case 't': case 'f': return Is::truth;
    case 'n': return Is::null;
    default: return Is::number;
  }
}

const Type* element_of(const Type& type) {
  if (type.shape != Shape::any) return type.element;
  return union_of(type) == Union::schema_or_array ? union_schema() : nullptr;
}

}  // namespace

class JsonIndex::Reading {
 public:
  Reading(JsonIndex& index, std::string_view text) : index_(index), cursor_(text) {}

  // Null: the value is of no interest beyond its kind and its content.
  std::uint32_t value(const Type* type) {
    const auto number = static_cast<std::uint32_t>(index_.nodes_.size());
    index_.nodes_.emplace_back();
    const auto is = kind_of(cursor_.peek());
    index_.nodes_[number].is = is;
    std::string_view text;
    if (!take(type, is, number, text)) return 0;
    index_.nodes_[number].text = text;
    return number;
  }

 private:
  bool take(const Type* type, Is is, std::uint32_t number, std::string_view& text) {
    const auto shape = type ? type->shape : Shape::string;
    const bool either = shape == Shape::any && union_of(*type) != Union::none;
    if (shape == Shape::raw || (shape == Shape::any && !either)) return cursor_.skip(text);
    if (is == Is::string) return cursor_.take('"') && content(text);
    if (is == Is::array && (shape == Shape::list || either)) return nested([&] { return list(element_of(*type), number); });
    if (is == Is::object && shape == Shape::object) return nested([&] { return fields(*type, number); });
    if (is == Is::object && either) return nested([&] { return fields(*union_schema(), number); });
    if (is == Is::object && shape == Shape::map) return nested([&] { return map(*type->element, number); });
    return is == Is::array || is == Is::object ? cursor_.skip(text) : cursor_.literal(text);
  }

  template <class Inside>
  bool nested(Inside inside) {
    if (depth_ == kNestingMax + kOwnNestingMax) return false;
    ++depth_;
    const bool read = inside();
    --depth_;
    return read;
  }

  bool content(std::string_view& text) {
    bool escaped = false;
    if (!cursor_.string(text, escaped)) return false;
    if (escaped) text = index_.unescaped_.emplace_back(unescape(text));
    return true;
  }

  bool key(std::string_view& name) { return cursor_.take('"') && content(name) && cursor_.take(':'); }

  bool fields(const Type& type, std::uint32_t number) {
    const auto first = index_.slots_.size();
    index_.slots_.resize(first + type.fields.size());
    index_.nodes_[number].inside = static_cast<std::uint32_t>(first);
    return members([&](std::string_view name) {
      const auto* field = find_field(type, name);
      std::string_view unknown;
      if (!field) return cursor_.skip(unknown);
      const auto found = value(field->type);
      index_.slots_[first + static_cast<std::size_t>(field - type.fields.data())] = found;
      return found != 0;
    });
  }

  bool map(const Type& element, std::uint32_t number) {
    return members([&](std::string_view name) {
      const auto found = value(&element);
      index_.nodes_[found].key = name;
      return follow(found, number);
    });
  }

  template <class Each>
  bool members(Each each) {
    if (!cursor_.take('{')) return false;
    if (cursor_.take('}')) return true;
    do {
      std::string_view name;
      if (!key(name) || !each(name)) return false;
    } while (cursor_.take(','));
    return cursor_.take('}');
  }

  bool list(const Type* element, std::uint32_t number) {
    if (!cursor_.take('[')) return false;
    if (cursor_.take(']')) return true;
    do
      if (!follow(value(element), number)) return false;
    while (cursor_.take(','));
    return cursor_.take(']');
  }

  bool follow(std::uint32_t found, std::uint32_t number) {
    if (found == 0) return false;
    index_.nodes_[found].before = std::exchange(index_.nodes_[number].inside, found);
    return true;
  }

  JsonIndex& index_;
  Cursor cursor_;
  std::size_t depth_ = 0;
};

bool JsonIndex::read(std::string_view text, const Type& type) {
  nodes_.reserve(kUsualNodes);
  slots_.reserve(kUsualSlots);
  nodes_.assign(1, {});
  slots_.clear();
  unescaped_.clear();
  root_ = Reading(*this, text).value(&type);
  return root_ != 0;
}

}  // namespace keelson::kinds

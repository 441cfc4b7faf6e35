// The string extension, version 2.
#include <algorithm>
#include <string>

#include "core/cel/format_string.hpp"
#include "core/cel/function.hpp"
#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

Value out_of_range(const Call& call, std::int64_t index) { return call.error("index out of range: " + std::to_string(index)); }

Value char_at(const Call& call) {
  if (!are(call, {Kind::string, Kind::int64})) return no_such_overload(call, "charAt");
  const auto places = character_offsets(call[0].view());
  const auto index = call[1].integer;
  if (index < 0 || index >= static_cast<std::int64_t>(places.size())) return out_of_range(call, index);
  const auto i = static_cast<std::size_t>(index);
  if (i + 1 == places.size()) return Value::string("");
  return Value::string(call[0].view().substr(places[i], places[i + 1] - places[i]));
}

// Character index of the byte offset `at`.
std::int64_t index_at(const std::vector<std::size_t>& places, std::size_t at) {
  return std::lower_bound(places.begin(), places.end(), at) - places.begin();
}

// The place of an item in a list, -1 when it has none.
Value list_index(const Call& call, bool last) {
  const auto& list = *call[0].list;
  const auto size = list.size();
  for (std::size_t i = 0; i < size; ++i) {
    const auto at = last ? size - 1 - i : i;
    if (equal(list.at(at, call.arena), call[1], call.arena).is(true)) return Value::of_int(static_cast<std::int64_t>(at));
  }
  return Value::of_int(-1);
}

Value text_index(const Call& call, bool last) {
  const auto text = call[0].view(), part = call[1].view();
  const auto places = character_offsets(text);
  const auto count = static_cast<std::int64_t>(places.size()) - 1;
  const auto offset = call.args.size() == 3 ? call[2].integer : last ? count - 1 : 0;
  if (part.empty()) return Value::of_int(call.args.size() == 3 ? (offset < 0 ? 0 : std::min(offset, count)) : last ? count : 0);
  if (call.args.size() == 3 && offset < 0) return out_of_range(call, offset);
  if (offset >= count || text.size() < part.size()) return Value::of_int(-1);
  const auto from = places[static_cast<std::size_t>(offset)];
  const auto found = last ? text.rfind(part, from) : text.find(part, from);
  return Value::of_int(found == std::string_view::npos ? -1 : index_at(places, found));
}

Value index_of(const Call& call, std::string_view name, bool last) {
  if (call[0].kind == Kind::list && call.args.size() == 2) return list_index(call, last);
  const bool fits = are(call, {Kind::string, Kind::string}) || are(call, {Kind::string, Kind::string, Kind::int64});
  if (!fits) return no_such_overload(call, name);
  if (call.args.size() == 3 && call[2].integer < 0) return out_of_range(call, call[2].integer);
  return text_index(call, last);
}
Value first_index(const Call& call) { return index_of(call, "indexOf", false); }
Value last_index(const Call& call) { return index_of(call, "lastIndexOf", true); }

template <class Change>
Value changed(const Call& call, std::string_view name, Change change) {
  if (!are(call, {Kind::string})) return no_such_overload(call, name);
  auto* text = call.arena.array<char>(call[0].length);
  for (std::size_t i = 0; i < call[0].length; ++i) text[i] = change(call[0].text[i]);
  return Value::string({text, call[0].length});
}
Value lower(const Call& call) { return changed(call, "lowerAscii", [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }); }
Value upper(const Call& call) { return changed(call, "upperAscii", [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; }); }

// Grows in arena memory, so that what it holds is bounded.
class Writer {
 public:
  explicit Writer(Arena& arena) : arena_(arena) {}
  void put(std::string_view text) {
    if (size_ + text.size() > capacity_) grow(size_ + text.size());
    std::copy(text.begin(), text.end(), data_ + size_);
    size_ += text.size();
  }
  Value value() const { return Value::string({data_, size_}); }

 private:
  void grow(std::size_t wanted) {
    capacity_ = std::max<std::size_t>(wanted * 2, 64);
    auto* bigger = arena_.array<char>(capacity_);
    std::copy(data_, data_ + size_, bigger);
    data_ = bigger;
  }
  Arena& arena_;
  char* data_ = nullptr;
  std::size_t size_ = 0, capacity_ = 0;
};

Value replace(const Call& call) {
  const bool fits = are(call, {Kind::string, Kind::string, Kind::string}) || are(call, {Kind::string, Kind::string, Kind::string, Kind::int64});
  if (!fits) return no_such_overload(call, "replace");
  auto left = call.args.size() == 4 ? call[3].integer : -1;
  const auto text = call[0].view(), old = call[1].view(), fresh = call[2].view();
  Writer out(call.arena);
  std::size_t at = 0, length = 0;
  while (left != 0 && at <= text.size()) {
    auto found = old.empty() ? at : text.find(old, at);
    if (found == std::string_view::npos) break;
    out.put(text.substr(at, found - at));
    out.put(fresh);
    at = found + old.size();
    if (left > 0) --left;
    if (!old.empty()) continue;
    if (at == text.size()) {
      at = text.size() + 1;
      break;
    }
    decode_character(text, at, length);
    out.put(text.substr(at, length));
    at += length;
  }
  if (at < text.size()) out.put(text.substr(at));
  return out.value();
}

Value split(const Call& call) {
  const bool fits = are(call, {Kind::string, Kind::string}) || are(call, {Kind::string, Kind::string, Kind::int64});
  if (!fits) return no_such_overload(call, "split");
  auto limit = call.args.size() == 3 ? call[2].integer : -1;
  const ArrayList* list = ArrayList::make({}, call.arena);
  if (limit == 0) return Value::of(static_cast<const List*>(list));
  auto text = call[0].view();
  const auto separator = call[1].view();
  if (separator.empty() && text.empty()) return Value::of(static_cast<const List*>(list));
  for (; limit != 1; --limit) {
    std::size_t length = 0;
    auto found = text.find(separator);
    if (separator.empty()) {
      decode_character(text, 0, length);
      found = length == text.size() ? std::string_view::npos : length;
    }
    if (found == std::string_view::npos) break;
    list = list->append(Value::string(text.substr(0, found)), call.arena);
    text.remove_prefix(found + separator.size());
  }
  return Value::of(static_cast<const List*>(list->append(Value::string(text), call.arena)));
}

Value substring(const Call& call) {
  const bool ranged = are(call, {Kind::string, Kind::int64, Kind::int64});
  if (!ranged && !are(call, {Kind::string, Kind::int64})) return no_such_overload(call, "substring");
  const auto places = character_offsets(call[0].view());
  const auto count = static_cast<std::int64_t>(places.size()) - 1;
  const auto start = call[1].integer, end = ranged ? call[2].integer : count;
  if (ranged && start > end) return call.error("invalid substring range. start: " + std::to_string(start) + ", end: " + std::to_string(end));
  if (start < 0 || start > count) return out_of_range(call, start);
  if (end < 0 || end > count) return out_of_range(call, end);
  const auto from = places[static_cast<std::size_t>(start)];
  return Value::string(call[0].view().substr(from, places[static_cast<std::size_t>(end)] - from));
}

bool white(char32_t c) {
  switch (c) {
    case '\t': case '\n': case '\v': case '\f': case '\r': case ' ': case 0x85: case 0xA0: case 0x1680: case 0x2028: case 0x2029: case 0x202F:
    case 0x205F: case 0x3000: return true;
    default: return c >= 0x2000 && c <= 0x200A;
  }
}

Value trim(const Call& call) {
  if (!are(call, {Kind::string})) return no_such_overload(call, "trim");
  const auto text = call[0].view();
  const auto places = character_offsets(text);
  std::size_t first = 0, last = places.size() - 1, length = 0;
  while (first < last && white(decode_character(text, places[first], length))) ++first;
  while (last > first && white(decode_character(text, places[last - 1], length))) --last;
  return Value::string(text.substr(places[first], places[last] - places[first]));
}

Value join(const Call& call) {
  const bool fits = are(call, {Kind::list}) || are(call, {Kind::list, Kind::string});
  if (!fits) return no_such_overload(call, "join");
  const auto separator = call.args.size() == 2 ? call[1].view() : std::string_view{};
  Writer out(call.arena);
  const auto size = call[0].list->size();
  for (std::size_t i = 0; i < size; ++i) {
    if (i > 0) out.put(separator);
    const auto item = call[0].list->at(i, call.arena);
    if (item.kind != Kind::string) return call.error("join: invalid input: " + display(item, call.arena));
    out.put(item.view());
  }
  return out.value();
}

Value quote(const Call& call) {
  if (!are(call, {Kind::string})) return no_such_overload(call, "strings.quote");
  constexpr std::string_view from = "\a\b\f\n\r\t\v\\\"", to = "abfnrtv\\\"";
  Writer out(call.arena);
  out.put("\"");
  const auto text = call[0].view();
  std::size_t length = 0;
  for (std::size_t i = 0; i < text.size(); i += length) {
    const auto c = decode_character(text, i, length);
    const auto place = from.find(text[i]);
    if (place != std::string_view::npos) out.put(std::string{'\\', to[place]});
    else if (c == 0xFFFD && length == 1) out.put("\xef\xbf\xbd");
    else out.put(text.substr(i, length));
  }
  out.put("\"");
  return out.value();
}

Value format(const Call& call) {
  if (!are(call, {Kind::string, Kind::list})) return no_such_overload(call, "format");
  std::string out, why;
  return format_string(call[0].view(), *call[1].list, call.arena, out, why) ? call.string(out) : call.error(why);
}

constexpr Overload kStrings[] = {
    {"charAt", "string_char_at_int", ".string,int:string", Cost::unit, char_at},
    {"indexOf", "string_index_of_string", ".string,string:int", Cost::traverse, first_index},
    {"indexOf", "string_index_of_string_int", ".string,string,int:int", Cost::traverse, first_index},
    {"indexOf", "list_a_index_of_int", ".list<A>,A:int", Cost::traverse, first_index},
    {"lastIndexOf", "string_last_index_of_string", ".string,string:int", Cost::traverse, last_index},
    {"lastIndexOf", "string_last_index_of_string_int", ".string,string,int:int", Cost::traverse, last_index},
    {"lastIndexOf", "list_a_last_index_of_int", ".list<A>,A:int", Cost::traverse, last_index},
    {"lowerAscii", "string_lower_ascii", ".string:string", Cost::scan, lower},
    {"upperAscii", "string_upper_ascii", ".string:string", Cost::scan, upper},
    {"replace", "string_replace_string_string", ".string,string,string:string", Cost::rewrite, replace},
    {"replace", "string_replace_string_string_int", ".string,string,string,int:string", Cost::rewrite, replace},
    {"split", "string_split_string", ".string,string:list<string>", Cost::rewrite, split},
    {"split", "string_split_string_int", ".string,string,int:list<string>", Cost::rewrite, split},
    {"substring", "string_substring_int", ".string,int:string", Cost::scan, substring},
    {"substring", "string_substring_int_int", ".string,int,int:string", Cost::scan, substring},
    {"trim", "string_trim", ".string:string", Cost::scan, trim},
    {"join", "list_join", ".list<string>:string", Cost::join, join},
    {"join", "list_join_string", ".list<string>,string:string", Cost::join, join},
    {"format", "string_format", ".string,list<dyn>:string", Cost::format, format},
    {"strings.quote", "strings_quote", "string:string", Cost::quote, quote},
};

}  // namespace

Library string_library() { return kStrings; }

}  // namespace keelson::cel

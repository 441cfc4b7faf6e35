// What differs between two structs of one type, as a merge patch: only what differs is printed. The same as modification() of both
// encoded, which has to print and read all.
#include <algorithm>

#include <keelson/codec/forms.hpp>
#include <keelson/codec/json_write.hpp>
#include <keelson/state.hpp>

namespace keelson::detail {
namespace {

using codec::as;
using codec::Codec;
using codec::FieldCodec;
using codec::Form;
using codec::is_empty;
using codec::is_unset;
using codec::Omit;
using codec::place;

struct Entry {
  const std::string* key;
  const void* value;
};

std::vector<Entry> entries_of(const Codec& map, const void* at) {
  std::vector<Entry> all;
  all.reserve(map.size(at));
  map.each(at, &all, [](void* to, const std::string& key, const void* value) { static_cast<std::vector<Entry>*>(to)->push_back({&key, value}); });
  const auto before = [](const Entry& a, const Entry& b) { return *a.key < *b.key; };
  if (!std::is_sorted(all.begin(), all.end(), before)) std::sort(all.begin(), all.end(), before);
  return all;
}

bool same(const Codec& codec, const void* a, const void* b);

bool same_fields(const Codec& codec, const void* a, const void* b) {
  return std::all_of(codec.fields, codec.fields + codec.field_count, [&](const FieldCodec& field) { return same(*field.codec, place(field, a), place(field, b)); });
}

bool same_list(const Codec& codec, const void* a, const void* b) {
  const auto size = codec.size(a);
  if (size != codec.size(b)) return false;
  for (std::size_t i = 0; i < size; ++i)
    if (!same(*codec.element, codec.at(a, i), codec.at(b, i))) return false;
  return true;
}

bool same_map(const Codec& codec, const void* a, const void* b) {
  if (codec.size(a) != codec.size(b)) return false;
  if (codec.size(a) == 0) return true;
  const auto before = entries_of(codec, a), now = entries_of(codec, b);
  return std::equal(before.begin(), before.end(), now.begin(), [&](const Entry& x, const Entry& y) { return *x.key == *y.key && same(*codec.element, x.value, y.value); });
}

bool same_text(const Codec& codec, const void* a, const void* b) {
  std::string before, now;
  codec::append_value(before, codec, a);
  codec::append_value(now, codec, b);
  return before == now;
}

/// They are printed the same.
bool same(const Codec& codec, const void* a, const void* b) {
  switch (codec.form) {
    case Form::string: case Form::bytes: return as<std::string>(a) == as<std::string>(b);
    case Form::boolean: return as<bool>(a) == as<bool>(b);
    case Form::int32: case Form::uint32: return as<std::uint32_t>(a) == as<std::uint32_t>(b);
    case Form::int64: case Form::uint64: return as<std::uint64_t>(a) == as<std::uint64_t>(b);
    case Form::time: return as<Time>(a).set == as<Time>(b).set && (!as<Time>(a).set || as<Time>(a) == as<Time>(b));
    case Form::micro_time: return as<MicroTime>(a).set == as<MicroTime>(b).set && (!as<MicroTime>(a).set || as<MicroTime>(a) == as<MicroTime>(b));
    case Form::duration: return as<Duration>(a) == as<Duration>(b);
    case Form::raw: return as<RawJson>(a) == as<RawJson>(b) || same_text(codec, a, b);
    case Form::enumeration: return codec.to_number(a) == codec.to_number(b);
    case Form::object: return same_fields(codec, a, b);
    case Form::list: return same_list(codec, a, b);
    case Form::map: return same_map(codec, a, b);
    case Form::maybe: return codec.size(a) == codec.size(b) && (codec.size(a) == 0 || same(*codec.element, codec.at(a, 0), codec.at(b, 0)));
    default: return same_text(codec, a, b);
  }
}

/// It is left out where it may be.
bool says_nothing(const Codec& codec, const void* at) {
  if (codec.form != Form::object) return is_empty(codec, at);
  return codec.gvk == nullptr && std::all_of(codec.fields, codec.fields + codec.field_count, [&](const FieldCodec& field) {
    return field.omit == Omit::when_empty && says_nothing(*field.codec, place(field, at));
  });
}

class Patch {
 public:
  explicit Patch(std::string& out) : out_(out) {}
  /// RFC 7386, from `a` to `b`. False, and nothing is written: they are the same.
  bool object(const Codec& codec, const void* a, const void* b);
  bool map(const Codec& codec, const void* a, const void* b);

 private:
  static bool value(std::string& out, const Codec& codec, const void* a, const void* b);
  void field(const FieldCodec& field, const void* a, const void* b);
  void member(std::string_view name, const Codec& codec, const void* a, const void* b);
  void put(std::string_view name) {
    out_ += separator_;
    separator_ = ',';
    codec::append_string(out_, name);
    out_ += ':';
  }
  bool end() {
    if (separator_ == '{') return false;
    out_ += '}';
    return true;
  }
  std::string& out_;
  char separator_ = '{';
};

bool Patch::value(std::string& out, const Codec& codec, const void* a, const void* b) {
  switch (codec.form) {
    case Form::object: return Patch(out).object(codec, a, b);
    case Form::map: return Patch(out).map(codec, a, b);
    case Form::maybe:
      if (codec.size(a) != 0 && codec.size(b) != 0) return value(out, *codec.element, codec.at(a, 0), codec.at(b, 0));
      break;
    case Form::raw: return raw_modification(out, as<RawJson>(a).text, as<RawJson>(b).text);
    default: break;
  }
  if (same(codec, a, b)) return false;
  codec::append_value(out, codec, b);
  return true;
}

/// Null: it is absent.
void Patch::member(std::string_view name, const Codec& codec, const void* a, const void* b) {
  if (b == nullptr) {
    if (!is_unset(codec, a)) put(name), out_ += "null";
    return;
  }
  if (a == nullptr) {
    if (!is_unset(codec, b)) put(name), codec::append_value(out_, codec, b);
    return;
  }
  const auto length = out_.size();
  const auto separator = separator_;
  put(name);
  if (value(out_, codec, a, b)) return;
  out_.resize(length);
  separator_ = separator;
}

void Patch::field(const FieldCodec& field, const void* a, const void* b) {
  const auto& codec = *field.codec;
  if (same(codec, a, b)) return;
  const bool may_go = field.omit == Omit::when_empty;
  member(field.name, codec, may_go && says_nothing(codec, a) ? nullptr : a, may_go && says_nothing(codec, b) ? nullptr : b);
}

bool Patch::object(const Codec& codec, const void* a, const void* b) {
  for (std::size_t i = 0; i < codec.field_count; ++i) field(codec.fields[i], place(codec.fields[i], a), place(codec.fields[i], b));
  return end();
}

bool Patch::map(const Codec& codec, const void* a, const void* b) {
  const auto before = entries_of(codec, a), now = entries_of(codec, b);
  auto at = before.begin();
  for (const auto& entry : now) {
    for (; at != before.end() && *at->key < *entry.key; ++at) member(*at->key, *codec.element, at->value, nullptr);
    const bool held = at != before.end() && *at->key == *entry.key;
    member(*entry.key, *codec.element, held ? at++->value : nullptr, entry.value);
  }
  for (; at != before.end(); ++at) member(*at->key, *codec.element, at->value, nullptr);
  return end();
}

const FieldCodec* field_of(const Codec& codec, std::string_view name, Form form) {
  const auto* const end = codec.fields + codec.field_count;
  const auto* const found = std::find_if(codec.fields, end, [&](const FieldCodec& field) { return field.name == name && field.codec->form == form; });
  return found == end ? nullptr : found;
}

std::string_view of_metadata(const Codec& codec, const void* object, std::string_view name) {
  const auto* const metadata = field_of(codec, "metadata", Form::object);
  if (metadata == nullptr) return {};
  const auto* const field = field_of(*metadata->codec, name, Form::string);
  return field == nullptr ? std::string_view() : as<std::string>(place(*field, place(*metadata, object)));
}

}  // namespace

std::string modification(const Codec& codec, const void* from, const void* to) {
  std::string patch, revision;
  if (!Patch(patch).object(codec, from, to)) return {};
  codec::append_string(revision, of_metadata(codec, from, "resourceVersion"));
  return under_revision(std::move(patch), revision);
}

StatusChange status_change(const Codec& codec, const void* object, const void* from, const void* to) {
  const auto* const end = codec.fields + codec.field_count;
  const auto* const field = std::find_if(codec.fields, end, [](const FieldCodec& one) { return one.name == "status"; });
  if (field == end) return {};
  const auto printed = [&](const void* status) {
    const bool left_out = field->omit == Omit::when_empty && says_nothing(*field->codec, status);
    return left_out ? std::string() : codec::encode_value(*field->codec, status);
  };
  return {key_of(codec, object), std::string(of_metadata(codec, object, "resourceVersion")), printed(from), printed(to)};
}

Key key_of(const Codec& codec, const void* object) {
  return {std::string(of_metadata(codec, object, "namespace")), std::string(of_metadata(codec, object, "name"))};
}

}  // namespace keelson::detail

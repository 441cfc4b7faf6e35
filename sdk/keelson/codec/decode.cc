#include <charconv>
#include <cmath>
#include <limits>

#include <keelson/codec/number.hpp>
#include <keelson/codec.hpp>
#include <keelson/codec/base64.hpp>
#include <keelson/codec/json_text.hpp>

namespace keelson::codec {
namespace {

template <class T>
T& as(void* at) { return *static_cast<T*>(at); }

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  void run(const Codec& codec, void* at) {
    try {
      value(codec, at);
      if (!text_.at_end()) text_.fail("text after the value");
    } catch (const DecodeError& error) {
      if (path_.empty()) throw;
      throw DecodeError(path_ + ": " + error.what());
    }
  }

 private:
  void value(const Codec& codec, void* at);
  void scalar(const Codec& codec, void* at);
  void object(const Codec& codec, void* at);
  void list(const Codec& codec, void* at);
  void map(const Codec& codec, void* at);
  void enumeration(const Codec& codec, void* at);
  void int_or_string(IntOrString& at);
  void quantity(Quantity& at);
  void bytes(std::string& at);
  template <class Number> void integer(void* at);
  double floating();
  template <class T> void parsed(T& at, std::optional<T> (*parse)(std::string_view), const char* what);
  /// The value, remembering its name should it fail.
  void named(const Codec& codec, void* at, std::string_view name);

  JsonText text_;
  std::string buffer_;
  std::string path_;   // of what failed
};

/// Encoders print fields in declaration order, so that the one after the last is the likeliest.
const FieldCodec* find(const Codec& codec, std::string_view name, std::size_t& expected) {
  for (std::size_t i = expected; i < codec.field_count; ++i)
    if (codec.fields[i].name == name) { expected = i + 1; return &codec.fields[i]; }
  for (std::size_t i = 0; i < expected; ++i)
    if (codec.fields[i].name == name) { expected = i + 1; return &codec.fields[i]; }
  return nullptr;
}

void* place(const FieldCodec& field, void* object) {
  if (field.member != nullptr) return const_cast<void*>(field.member(object));
  return static_cast<char*>(object) + field.offset;
}

void Reader::named(const Codec& codec, void* at, std::string_view name) {
  try {
    value(codec, at);
  } catch (const DecodeError&) {
    const bool dot = !path_.empty() && path_.front() != '[';
    path_ = std::string(name) + (dot ? "." : "") + path_;
    throw;
  }
}

void Reader::object(const Codec& codec, void* at) {
  text_.expect('{');
  if (text_.take('}')) return;
  std::size_t expected = 0;
  std::string key_buffer;
  do {
    const auto name = text_.string(key_buffer);
    const auto* field = find(codec, name, expected);
    text_.expect(':');
    if (field == nullptr) (void)text_.value();
    else if (!text_.take_null()) named(*field->codec, place(*field, at), field->name);
  } while (text_.take(','));
  text_.expect('}');
}

void Reader::list(const Codec& codec, void* at) {
  codec.clear(at);
  text_.expect('[');
  if (text_.take(']')) return;
  do {
    auto* element = codec.add(at);
    if (text_.take_null()) continue;
    try {
      value(*codec.element, element);
    } catch (const DecodeError&) {
      const bool dot = !path_.empty() && path_.front() != '[';
      path_ = "[" + std::to_string(codec.size(at) - 1) + "]" + (dot ? "." : "") + path_;
      throw;
    }
  } while (text_.take(','));
  text_.expect(']');
}

void Reader::map(const Codec& codec, void* at) {
  codec.clear(at);
  text_.expect('{');
  if (text_.take('}')) return;
  std::string key_buffer;
  do {
    const auto key = text_.string(key_buffer);
    text_.expect(':');
    auto* element = codec.add_key(at, std::string(key));
    if (!text_.take_null()) named(*codec.element, element, key);
  } while (text_.take(','));
  text_.expect('}');
}

void Reader::enumeration(const Codec& codec, void* at) {
  const auto name = text_.string(buffer_);
  for (std::size_t i = 0; i < codec.enumerator_count; ++i)
    if (codec.enumerators[i].name == name) return codec.from_number(at, codec.enumerators[i].value);
  text_.fail("unknown value \"" + std::string(name) + "\"");
}

double Reader::floating() {
  const auto digits = text_.number();
  double value = 0;
  const auto [end, error] = parse_float(digits.data(), digits.data() + digits.size(), value);
  if (error != std::errc{} || end != digits.data() + digits.size()) text_.fail("wrong number");
  return value;
}

template <class Number>
void Reader::integer(void* at) {
  const auto digits = text_.number();
  const auto* last = digits.data() + digits.size();
  Number value = 0;
  const auto [end, error] = std::from_chars(digits.data(), last, value);
  if (error == std::errc{} && end == last) {
    as<Number>(at) = value;
    return;
  }
  // 3.0 and 1e3 are whole numbers too.
  double wide = 0;
  const auto [wide_end, wide_error] = parse_float(digits.data(), last, wide);
  constexpr double kLow = static_cast<double>(std::numeric_limits<Number>::min());
  constexpr double kHigh = static_cast<double>(std::numeric_limits<Number>::max());
  if (wide_error != std::errc{} || wide_end != last || wide != std::floor(wide) || wide < kLow || wide >= kHigh) text_.fail("expected a whole number");
  as<Number>(at) = static_cast<Number>(wide);
}

template <class T>
void Reader::parsed(T& at, std::optional<T> (*parse)(std::string_view), const char* what) {
  const auto value = parse(text_.string(buffer_));
  if (!value) text_.fail(what);
  at = *value;
}

void Reader::int_or_string(IntOrString& at) {
  if (text_.peek() == '"') {
    at.value = std::string(text_.string(buffer_));
    return;
  }
  std::int32_t number = 0;
  integer<std::int32_t>(&number);
  at.value = number;
}

void Reader::quantity(Quantity& at) {
  at.text = text_.peek() == '"' ? text_.string(buffer_) : text_.number();
}

void Reader::bytes(std::string& at) {
  at.clear();
  if (!decode_base64(text_.string(buffer_), at)) text_.fail("wrong base64");
}

void Reader::scalar(const Codec& codec, void* at) {
  switch (codec.form) {
    case Form::string: as<std::string>(at) = text_.string(buffer_); return;
    case Form::boolean: as<bool>(at) = text_.boolean(); return;
    case Form::int32: return integer<std::int32_t>(at);
    case Form::int64: return integer<std::int64_t>(at);
    case Form::uint32: return integer<std::uint32_t>(at);
    case Form::uint64: return integer<std::uint64_t>(at);
    case Form::float32: as<float>(at) = static_cast<float>(floating()); return;
    case Form::float64: as<double>(at) = floating(); return;
    case Form::bytes: return bytes(as<std::string>(at));
    case Form::quantity: return quantity(as<Quantity>(at));
    case Form::int_or_string: return int_or_string(as<IntOrString>(at));
    case Form::time: return parsed(as<Time>(at), parse_time, "wrong time");
    case Form::micro_time: return parsed(as<MicroTime>(at), parse_micro_time, "wrong time");
    case Form::duration: return parsed(as<Duration>(at), parse_duration, "wrong duration");
    case Form::raw: as<RawJson>(at).text = text_.value(); return;
    default: return enumeration(codec, at);
  }
}

void Reader::value(const Codec& codec, void* at) {
  switch (codec.form) {
    case Form::object: return object(codec, at);
    case Form::list: return list(codec, at);
    case Form::map: return map(codec, at);
    case Form::maybe: return value(*codec.element, codec.add(at));
    default: return scalar(codec, at);
  }
}

}  // namespace

void decode_into(const Codec& codec, std::string_view json, void* object) { Reader(json).run(codec, object); }

}  // namespace keelson::codec

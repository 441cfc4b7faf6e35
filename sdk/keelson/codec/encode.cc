#include <charconv>

#include <keelson/codec.hpp>
#include <keelson/codec/base64.hpp>
#include <keelson/codec/forms.hpp>
#include <keelson/codec/json_write.hpp>

namespace keelson::codec {
namespace {

class Writer {
 public:
  explicit Writer(std::string& out) : out_(out) {}
  void value(const Codec& codec, const void* at);

 private:
  void object(const Codec& codec, const void* at);
  void field(const FieldCodec& field, const void* at, char& separator);
  void list(const Codec& codec, const void* at);
  void map(const Codec& codec, const void* at);
  void scalar(const Codec& codec, const void* at);
  void enumeration(const Codec& codec, const void* at);
  void or_null(bool present, std::string text);

  std::string& out_;
};

void Writer::field(const FieldCodec& field, const void* at, char& separator) {
  const bool may_go = field.omit == Omit::when_empty;
  if (may_go && is_empty(*field.codec, at)) return;
  const std::size_t before = out_.size();
  out_.push_back(separator);
  out_.push_back('"');
  out_.append(field.name);
  out_.append("\":");
  const std::size_t start = out_.size();
  if (is_unset(*field.codec, at)) out_.append("null");
  else value(*field.codec, at);
  if (may_go && field.codec->form == Form::object && out_.size() == start + 2) {
    out_.resize(before);   // {}
    return;
  }
  separator = ',';
}

void Writer::object(const Codec& codec, const void* at) {
  char separator = '{';
  if (codec.gvk != nullptr) {
    out_.append("{\"kind\":\"").append(codec.gvk->kind).append("\",\"apiVersion\":\"");
    if (!codec.gvk->group.empty()) out_.append(codec.gvk->group).push_back('/');
    out_.append(codec.gvk->version).push_back('"');
    separator = ',';
  }
  for (std::size_t i = 0; i < codec.field_count; ++i) field(codec.fields[i], place(codec.fields[i], at), separator);
  if (separator == '{') out_.push_back('{');
  out_.push_back('}');
}

void Writer::list(const Codec& codec, const void* at) {
  out_.push_back('[');
  const std::size_t count = codec.size(at);
  for (std::size_t i = 0; i < count; ++i) {
    if (i > 0) out_.push_back(',');
    value(*codec.element, codec.at(at, i));
  }
  out_.push_back(']');
}

void Writer::map(const Codec& codec, const void* at) {
  struct Context {
    Writer* writer;
    const Codec* element;
    char separator = '{';
  } context{this, codec.element};
  codec.each(at, &context, [](void* opaque, const std::string& key, const void* item) {
    auto& context = *static_cast<Context*>(opaque);
    context.writer->out_.push_back(context.separator);
    context.separator = ',';
    append_string(context.writer->out_, key);
    context.writer->out_.push_back(':');
    context.writer->value(*context.element, item);
  });
  if (context.separator == '{') out_.push_back('{');
  out_.push_back('}');
}

void Writer::enumeration(const Codec& codec, const void* at) {
  const auto number = codec.to_number(at);
  for (std::size_t i = 0; i < codec.enumerator_count; ++i)
    if (codec.enumerators[i].value == number) return append_string(out_, codec.enumerators[i].name);
  append_number(out_, number);
}

void Writer::or_null(bool present, std::string text) {
  if (present) append_string(out_, text);
  else out_.append("null");
}

void Writer::scalar(const Codec& codec, const void* at) {
  switch (codec.form) {
    case Form::string: return append_string(out_, as<std::string>(at));
    case Form::boolean: out_.append(as<bool>(at) ? "true" : "false"); return;
    case Form::int32: return append_number(out_, as<std::int32_t>(at));
    case Form::int64: return append_number(out_, as<std::int64_t>(at));
    case Form::uint32: return append_number(out_, as<std::uint32_t>(at));
    case Form::uint64: return append_number(out_, as<std::uint64_t>(at));
    case Form::float32: return append_number(out_, as<float>(at));
    case Form::float64: return append_number(out_, as<double>(at));
    case Form::bytes:
      out_.push_back('"');
      append_base64(out_, as<std::string>(at));
      return out_.push_back('"');
    case Form::quantity: return append_string(out_, as<Quantity>(at).text.empty() ? "0" : as<Quantity>(at).text);
    case Form::int_or_string:
      if (as<IntOrString>(at).is_int()) return append_number(out_, as<IntOrString>(at).number());
      return append_string(out_, std::get<std::string>(as<IntOrString>(at).value));
    case Form::time: return or_null(as<Time>(at).set, to_text(as<Time>(at)));
    case Form::micro_time: return or_null(as<MicroTime>(at).set, to_text(as<MicroTime>(at)));
    case Form::duration: return append_string(out_, to_text(as<Duration>(at)));
    case Form::raw: out_.append(as<RawJson>(at).text.empty() ? "null" : as<RawJson>(at).text); return;
    default: return enumeration(codec, at);
  }
}

void Writer::value(const Codec& codec, const void* at) {
  switch (codec.form) {
    case Form::object: return object(codec, at);
    case Form::list: return list(codec, at);
    case Form::map: return map(codec, at);
    case Form::maybe:
      if (codec.size(at) == 0) { out_.append("null"); return; }
      return value(*codec.element, codec.at(at, 0));
    default: return scalar(codec, at);
  }
}

}  // namespace

bool is_empty(const Codec& codec, const void* at) {
  switch (codec.form) {
    case Form::string: case Form::bytes: return as<std::string>(at).empty();
    case Form::boolean: return !as<bool>(at);
    case Form::int32: case Form::uint32: return as<std::uint32_t>(at) == 0;
    case Form::int64: case Form::uint64: return as<std::uint64_t>(at) == 0;
    case Form::float32: return as<float>(at) == 0;
    case Form::float64: return as<double>(at) == 0;
    case Form::quantity: return as<Quantity>(at).text.empty();
    case Form::time: return !as<Time>(at).set;
    case Form::micro_time: return !as<MicroTime>(at).set;
    case Form::raw: return as<RawJson>(at).text.empty();
    case Form::list: case Form::map: case Form::maybe: return codec.size(at) == 0;
    default: return false;
  }
}

void append_value(std::string& out, const Codec& codec, const void* at) { Writer(out).value(codec, at); }

std::string encode_value(const Codec& codec, const void* object) {
  constexpr std::size_t kTypicalBytes = 4096;
  std::string out;
  out.reserve(kTypicalBytes);
  Writer(out).value(codec, object);
  if (out.size() < kTypicalBytes / 4) out.shrink_to_fit();
  return out;
}

}  // namespace keelson::codec

// codec: JSON <-> C++ structs, by tables. The reader and the writer are compiled once (keelson_sdk_kinds); a type adds only
// constants and, for lists and maps, a few one-line functions.
//
// Reading is lenient: unknown fields are skipped, what is missing or null keeps its default. A value of the wrong type
// throws DecodeError. Writing follows Go: kind and apiVersion first, fields in declaration order, omitempty; but a struct
// that has nothing to say is left out where its field may be omitted.
// Threads: any; the tables are constants.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include <keelson/object.hpp>
#include <keelson/values.hpp>

namespace keelson {

/// Text that is no JSON, or a value of the wrong type; what() names the field and the byte.
class DecodeError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

namespace codec {

enum class Form : std::uint8_t {
  string, boolean, int32, int64, uint32, uint64, float32, float64, bytes, quantity, int_or_string, time, micro_time, duration,
  raw,          ///< RawJson
  enumeration,  ///< a described enum, as its enumerators' names
  object, list, map,
  maybe,        ///< std::optional or Box: absent and zero differ
};
enum class Omit : std::uint8_t { never, when_empty };

struct Codec;

struct FieldCodec {
  std::string_view name;
  const Codec* codec = nullptr;
  Omit omit = Omit::when_empty;
  std::uint32_t offset = 0;                       ///< from the start of the struct, unless `member` is set
  const void* (*member)(const void*) = nullptr;   ///< for structs whose offsets are not constants
};

struct Enumerator {
  std::string_view name;
  std::int64_t value = 0;
};

struct Codec {
  Form form = Form::raw;
  const Codec* element = nullptr;                 ///< list, map, maybe
  const FieldCodec* fields = nullptr;             ///< object
  std::size_t field_count = 0;
  const Gvk* gvk = nullptr;                       ///< object that is written with kind and apiVersion
  const Enumerator* enumerators = nullptr;
  std::size_t enumerator_count = 0;
  // Of containers. A list is appended to, a `maybe` is filled.
  void* (*add)(void* container) = nullptr;
  void* (*add_key)(void* map, std::string&& key) = nullptr;
  void (*clear)(void* container) = nullptr;
  std::size_t (*size)(const void* container) = nullptr;
  const void* (*at)(const void* container, std::size_t position) = nullptr;
  void (*each)(const void* map, void* context, void (*visit)(void*, const std::string& key, const void* value)) = nullptr;
  std::int64_t (*to_number)(const void*) = nullptr;       ///< enumeration
  void (*from_number)(void*, std::int64_t) = nullptr;
  std::string (*defaults)() = nullptr;                    ///< described object: JSON of a new one
};

/// The table of T: CodecFor<T>::value. Specialised by the generated headers and by keelson/described.hpp.
template <class T>
struct CodecFor;

void decode_into(const Codec& codec, std::string_view json, void* object);
std::string encode_value(const Codec& codec, const void* object);
/// The OpenAPI v3 schema of what the codec reads, as JSON.
std::string schema_of(const Codec& codec);

// --- scalars ---------------------------------------------------------------------------------------------------------
template <Form form>
struct ScalarCodec {
  static constexpr Codec value{.form = form};
};
template <> struct CodecFor<std::string> : ScalarCodec<Form::string> {};
template <> struct CodecFor<bool> : ScalarCodec<Form::boolean> {};
template <> struct CodecFor<int> : ScalarCodec<Form::int32> {};
template <> struct CodecFor<long> : ScalarCodec<Form::int64> {};
template <> struct CodecFor<long long> : ScalarCodec<Form::int64> {};
template <> struct CodecFor<unsigned> : ScalarCodec<Form::uint32> {};
template <> struct CodecFor<unsigned long> : ScalarCodec<Form::uint64> {};
template <> struct CodecFor<unsigned long long> : ScalarCodec<Form::uint64> {};
template <> struct CodecFor<float> : ScalarCodec<Form::float32> {};
template <> struct CodecFor<double> : ScalarCodec<Form::float64> {};
template <> struct CodecFor<Quantity> : ScalarCodec<Form::quantity> {};
template <> struct CodecFor<IntOrString> : ScalarCodec<Form::int_or_string> {};
template <> struct CodecFor<Time> : ScalarCodec<Form::time> {};
template <> struct CodecFor<MicroTime> : ScalarCodec<Form::micro_time> {};
template <> struct CodecFor<Duration> : ScalarCodec<Form::duration> {};
template <> struct CodecFor<RawJson> : ScalarCodec<Form::raw> {};
/// Binary data in a std::string, base64 in JSON.
struct Bytes {};
template <> struct CodecFor<Bytes> : ScalarCodec<Form::bytes> {};

// --- containers ------------------------------------------------------------------------------------------------------
/// `Item` is what the codec sees in a container of C++ type List: the same type, except for Bytes.
template <class List, class Item = typename List::value_type>
struct ListCodec {
  static_assert(!std::is_same_v<typename List::value_type, bool>, "a list of bool has no elements to point at");
  static List& of(void* p) { return *static_cast<List*>(p); }
  static const List& of(const void* p) { return *static_cast<const List*>(p); }
  static constexpr Codec value{
      .form = Form::list,
      .element = &CodecFor<Item>::value,
      .add = [](void* p) -> void* { return &of(p).emplace_back(); },
      .clear = [](void* p) { of(p).clear(); },
      .size = [](const void* p) { return of(p).size(); },
      .at = [](const void* p, std::size_t i) -> const void* { return &of(p)[i]; }};
};
template <class T> struct CodecFor<std::vector<T>> : ListCodec<std::vector<T>> {};

template <class Map, class Item = typename Map::mapped_type>
struct MapCodec {
  static Map& of(void* p) { return *static_cast<Map*>(p); }
  static const Map& of(const void* p) { return *static_cast<const Map*>(p); }
  static constexpr Codec value{
      .form = Form::map,
      .element = &CodecFor<Item>::value,
      .add_key = [](void* p, std::string&& key) -> void* { return &of(p).insert_or_assign(std::move(key), typename Map::mapped_type{}).first->second; },
      .clear = [](void* p) { of(p).clear(); },
      .size = [](const void* p) { return of(p).size(); },
      .each = [](const void* p, void* context, void (*visit)(void*, const std::string&, const void*)) {
        for (const auto& [key, item] : of(p)) visit(context, key, &item);
      }};
};
template <class T> struct CodecFor<std::map<std::string, T>> : MapCodec<std::map<std::string, T>> {};

template <class Holder, class Item>
struct MaybeCodec {
  static Holder& of(void* p) { return *static_cast<Holder*>(p); }
  static const Holder& of(const void* p) { return *static_cast<const Holder*>(p); }
  static constexpr Codec value{
      .form = Form::maybe,
      .element = &CodecFor<Item>::value,
      .add = [](void* p) -> void* { return &of(p).emplace(); },
      .clear = [](void* p) { of(p).reset(); },
      .size = [](const void* p) -> std::size_t { return of(p).has_value() ? 1 : 0; },
      .at = [](const void* p, std::size_t) -> const void* { return &*of(p); }};
};
template <class T> struct CodecFor<std::optional<T>> : MaybeCodec<std::optional<T>, T> {};
template <class T> struct CodecFor<Box<T>> : MaybeCodec<Box<T>, T> {};

}  // namespace codec

/// Lenient: what is missing is the default, what is unknown is skipped. Throws DecodeError.
template <class T>
T decode(std::string_view json) {
  T object{};
  codec::decode_into(codec::CodecFor<T>::value, json, &object);
  return object;
}
/// Compact JSON; kinds with kind and apiVersion.
template <class T>
std::string encode(const T& object) {
  return codec::encode_value(codec::CodecFor<T>::value, &object);
}
/// The OpenAPI v3 schema of T (a kind: the whole object) as JSON.
template <class T>
std::string openapi_schema() {
  return codec::schema_of(codec::CodecFor<T>::value);
}

}  // namespace keelson

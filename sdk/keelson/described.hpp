// described: an author's own structs, said by BOOST_DESCRIBE_STRUCT, become JSON, a schema and a kind.
//
//   struct Spec { std::string image; int replicas = 1; std::optional<std::string> secret; };
//   BOOST_DESCRIBE_STRUCT(Spec, (), (image, replicas, secret))
//   struct Website : keelson::Object<Spec, Status> {
//     static constexpr keelson::Gvk gvk{"demo.io", "v1", "Website", "websites"};
//   };
//
// Members are strings, numbers, bool, described enums, the SDK's values (Time, Quantity ...), std::optional, std::vector,
// std::map<std::string, T>, other described structs and generated ones. A trailing underscore is dropped from the JSON
// name (default_ is "default"). Initialisers become the schema's defaults. Scalars are always written, so that 0 is not
// taken for "unset"; optionals, lists, maps and unset times are left out when empty.
// Threads: any; the tables are constants.
#pragma once
#include <array>
#include <boost/describe.hpp>
#include <type_traits>

#include <keelson/codec.hpp>
#include <keelson/kinds/meta_v1.hpp>

namespace keelson {

/// For kinds that have no status.
struct Nothing {};

/// The base of an author's kind. The derived struct adds `static constexpr Gvk gvk`.
template <class Spec, class Status = Nothing>
struct Object {
  using SpecType = Spec;
  using StatusType = Status;
  meta_v1::ObjectMeta meta;
  Spec spec;
  Status status;
};

namespace codec {

template <class T> inline constexpr bool kMayBeLeftOut = false;
template <class T> inline constexpr bool kMayBeLeftOut<std::optional<T>> = true;
template <class T> inline constexpr bool kMayBeLeftOut<Box<T>> = true;
template <class T> inline constexpr bool kMayBeLeftOut<std::vector<T>> = true;
template <class T> inline constexpr bool kMayBeLeftOut<std::map<std::string, T>> = true;
template <> inline constexpr bool kMayBeLeftOut<Time> = true;
template <> inline constexpr bool kMayBeLeftOut<MicroTime> = true;
template <> inline constexpr bool kMayBeLeftOut<RawJson> = true;
template <> inline constexpr bool kMayBeLeftOut<Quantity> = true;

constexpr std::string_view json_name(std::string_view member) {
  if (member.ends_with('_')) member.remove_suffix(1);
  return member;
}

template <class T, auto pointer>
const void* member_of(const void* object) { return &(static_cast<const T*>(object)->*pointer); }

template <class T, auto pointer>
constexpr FieldCodec field(std::string_view name) {
  using Member = std::remove_cvref_t<decltype(std::declval<T&>().*pointer)>;
  const auto omit = kMayBeLeftOut<Member> ? Omit::when_empty : Omit::never;
  return {.name = name, .codec = &CodecFor<Member>::value, .omit = omit, .member = &member_of<T, pointer>};
}

template <class T>
struct DescribedFields {
  template <template <class...> class List, class... Members>
  static constexpr auto make(List<Members...>) {
    return std::array<FieldCodec, sizeof...(Members)>{field<T, Members::pointer>(json_name(Members::name))...};
  }
  static constexpr auto value = make(boost::describe::describe_members<T, boost::describe::mod_any_access | boost::describe::mod_inherited>{});
};

template <class T>
  requires(boost::describe::has_describe_members<T>::value)
struct CodecFor<T> {
  // Defined in the class: clang 14 does not find the class again for a definition outside of it.
  inline static constinit const Codec value{
      .form = Form::object,
      .fields = DescribedFields<T>::value.data(),
      .field_count = DescribedFields<T>::value.size(),
      .defaults = [] { return encode(T{}); }};
};

template <class T>
struct DescribedEnumerators {
  template <template <class...> class List, class... Names>
  static constexpr auto make(List<Names...>) {
    return std::array<Enumerator, sizeof...(Names)>{Enumerator{Names::name, static_cast<std::int64_t>(Names::value)}...};
  }
  static constexpr auto value = make(boost::describe::describe_enumerators<T>{});
};

template <class T>
  requires(boost::describe::has_describe_enumerators<T>::value)
struct CodecFor<T> {
  static constexpr Codec value{
      .form = Form::enumeration,
      .enumerators = DescribedEnumerators<T>::value.data(),
      .enumerator_count = DescribedEnumerators<T>::value.size(),
      .to_number = [](const void* p) { return static_cast<std::int64_t>(*static_cast<const T*>(p)); },
      .from_number = [](void* p, std::int64_t number) { *static_cast<T*>(p) = static_cast<T>(number); }};
};

template <class T>
concept OwnKind = std::is_base_of_v<Object<typename T::SpecType, typename T::StatusType>, T>;

template <OwnKind T>
struct ObjectFields {
  static constexpr FieldCodec value[] = {
      {.name = "metadata", .codec = &CodecFor<meta_v1::ObjectMeta>::value, .member = &member_of<T, &T::meta>},
      {.name = "spec", .codec = &CodecFor<typename T::SpecType>::value, .omit = Omit::never, .member = &member_of<T, &T::spec>},
      {.name = "status", .codec = &CodecFor<typename T::StatusType>::value, .omit = Omit::never, .member = &member_of<T, &T::status>}};
  static constexpr std::size_t count = std::is_same_v<typename T::StatusType, Nothing> ? 2 : 3;
};
template <>
struct CodecFor<Nothing> {
  static constexpr Codec value{.form = Form::object};
};

template <OwnKind T>
struct CodecFor<T> {
  static constexpr Codec value{.form = Form::object, .fields = ObjectFields<T>::value, .field_count = ObjectFields<T>::count, .gvk = &T::gvk};
};

}  // namespace codec
}  // namespace keelson

// What writers of different things know of a codec's forms: what is left out, where a field lies, how one value is printed.
//
// Threads: any, pure.
#pragma once
#include <string>

#include <keelson/codec.hpp>

namespace keelson::codec {

template <class T>
const T& as(const void* at) { return *static_cast<const T*>(at); }

inline const void* place(const FieldCodec& field, const void* object) {
  return field.member != nullptr ? field.member(object) : static_cast<const char*>(object) + field.offset;
}
/// Go's omitempty; structs are judged by what they write.
bool is_empty(const Codec& codec, const void* at);
/// Absent even where the field is always written: there is no value to write.
inline bool is_unset(const Codec& codec, const void* at) { return codec.form == Form::maybe && codec.size(at) == 0; }
/// Unset ones as null.
void append_value(std::string& out, const Codec& codec, const void* at);

}  // namespace keelson::codec

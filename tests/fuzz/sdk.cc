// Objects as plugins decode them: JSON into structs and back.
#include <keelson/codec.hpp>
#include <keelson/kinds/core_v1.hpp>

#include "tests/fuzz/fuzz.hpp"

namespace {

template <class T>
void through_struct(std::string_view text) try {
  const auto object = keelson::decode<T>(text);
  const auto printed = keelson::encode(object);
  keelson::fuzz::must_equal(keelson::encode(keelson::decode<T>(printed)), printed, "an object changes when it is encoded");
} catch (const keelson::DecodeError&) {   // what the SDK's users see of broken text
}

}  // namespace

KEELSON_FUZZ(sdk_object, bytes) {
  switch (keelson::fuzz::take(bytes) % 3) {
    case 0: return through_struct<keelson::core_v1::Pod>(bytes);
    case 1: return through_struct<keelson::core_v1::Node>(bytes);
    default: return through_struct<keelson::core_v1::Service>(bytes);
  }
}

#include "core/kinds/openapi/message.hpp"

#include <bit>

namespace keelson::kinds::openapi {

void Message::real(int field, double value) {
  varint(static_cast<std::uint64_t>(field) << 3 | 1);
  const auto bits = std::bit_cast<std::uint64_t>(value);
  for (int shift = 0; shift < 64; shift += 8) bytes_ += static_cast<char>(bits >> shift & 0xFF);
}

void Message::varint(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_ += static_cast<char>(value | 0x80);
  bytes_ += static_cast<char>(value);
}

Message any(const json::value& value) {
  Message message;
  message.text(2, json::serialize(value));
  return message;
}

Message named(std::string_view name, const Message& value) {
  Message message;
  message.text(1, name);
  message.message(2, value);
  return message;
}

static void plain(Message& message, int field, As as, const json::value& value) {
  switch (as) {
    case As::text: if (value.is_string()) message.text(field, value.get_string()); break;
    case As::flag: if (value.is_bool() && value.get_bool()) message.integer(field, 1); break;
    case As::integer: if (value.is_number()) message.integer(field, value.to_number<std::int64_t>()); break;
    case As::real: if (value.is_number()) message.real(field, value.to_number<double>()); break;
    case As::any: message.message(field, any(value)); break;
    case As::texts:
    case As::anys:
      if (value.is_array())
        for (const json::value& one : value.get_array()) {
          if (as == As::anys) message.message(field, any(one));
          else if (one.is_string()) message.text(field, one.get_string());
        }
  }
}

void plains(Message& message, const json::object& object, std::span<const Plain> fields) {
  for (const Plain& one : fields)
    if (const json::value* value = object.if_contains(one.name)) plain(message, one.field, one.as, *value);
}

void extensions(Message& message, const json::object& object, int field) {
  for (const auto& member : object)
    if (member.key().starts_with("x-")) message.message(field, named(member.key(), any(member.value())));
}

}  // namespace keelson::kinds::openapi

// Protobuf messages of OpenAPI documents, made from the JSON form: what the documents of both versions have in common.
//
// Threads: pure functions. Ownership: values.
#pragma once
#include <boost/json.hpp>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace keelson::kinds::openapi {

namespace json = boost::json;

/// Appends fields of one message.
class Message {
 public:
  void text(int field, std::string_view value) {
    varint(static_cast<std::uint64_t>(field) << 3 | 2);
    varint(value.size());
    bytes_ += value;
  }
  void message(int field, const Message& value) { text(field, value.bytes_); }
  void integer(int field, std::int64_t value) {
    varint(static_cast<std::uint64_t>(field) << 3);
    varint(static_cast<std::uint64_t>(value));
  }
  void real(int field, double value);
  std::string take() { return std::move(bytes_); }

 private:
  void varint(std::uint64_t value);
  std::string bytes_;
};

enum class As { text, flag, integer, real, texts, any, anys };
/// A member that is a field as it stands.
struct Plain {
  std::string_view name;
  int field;
  As as;
};

/// The value as YAML, which JSON is.
Message any(const json::value& value);
Message named(std::string_view name, const Message& value);
void plains(Message& message, const json::object& object, std::span<const Plain> fields);
/// Members that begin with "x-".
void extensions(Message& message, const json::object& object, int field);

}  // namespace keelson::kinds::openapi

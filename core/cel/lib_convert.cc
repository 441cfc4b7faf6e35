// Conversions: int(), string(), timestamp() and so on, dyn() and type().
#include <cmath>
#include <string>

#include "core/cel/function.hpp"
#include "core/cel/net.hpp"
#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

Value impossible(const Call& call, std::string_view to) {
  return call.error("type conversion error from '" + std::string(type_name(call[0])) + "' to '" + std::string(to) + "'");
}

constexpr double kTwoTo63 = 9223372036854775808.0, kTwoTo64 = 18446744073709551616.0;

Value to_int(const Call& call) {
  const auto& value = call[0];
  switch (value.kind) {
    case Kind::int64: case Kind::duration: return Value::of_int(value.integer);
    case Kind::timestamp: return Value::of_int(value.integer);
    case Kind::uint64: return value.natural > INT64_MAX ? Value::error("integer overflow") : Value::of_int(static_cast<std::int64_t>(value.natural));
    case Kind::float64:
      if (!std::isfinite(value.real) || value.real <= -kTwoTo63 || value.real >= kTwoTo63) return Value::error("integer overflow");
      return Value::of_int(static_cast<std::int64_t>(value.real));
    case Kind::string: {
      const auto number = parse_int(value.view());
      return number ? Value::of_int(*number) : impossible(call, "int");
    }
    default: return no_such_overload(call, "int");
  }
}

Value to_uint(const Call& call) {
  const auto& value = call[0];
  switch (value.kind) {
    case Kind::uint64: return value;
    case Kind::int64: return value.integer < 0 ? Value::error("unsigned integer overflow") : Value::of_uint(static_cast<std::uint64_t>(value.integer));
    case Kind::float64:
      if (!(value.real >= 0) || value.real >= kTwoTo64) return Value::error("unsigned integer overflow");
      return Value::of_uint(static_cast<std::uint64_t>(value.real));
    case Kind::string: {
      const auto number = parse_uint(value.view());
      return number ? Value::of_uint(*number) : impossible(call, "uint");
    }
    default: return no_such_overload(call, "uint");
  }
}

Value to_double(const Call& call) {
  const auto& value = call[0];
  switch (value.kind) {
    case Kind::float64: return value;
    case Kind::int64: return Value::of_double(static_cast<double>(value.integer));
    case Kind::uint64: return Value::of_double(static_cast<double>(value.natural));
    case Kind::string: {
      const auto number = parse_double(value.view());
      return number ? Value::of_double(*number) : impossible(call, "double");
    }
    default: return no_such_overload(call, "double");
  }
}

Value to_bool(const Call& call) {
  const auto& value = call[0];
  if (value.kind == Kind::boolean) return value;
  if (value.kind != Kind::string) return no_such_overload(call, "bool");
  for (const std::string_view yes : {"1", "t", "T", "true", "TRUE", "True"})
    if (value.view() == yes) return Value::of(true);
  for (const std::string_view no : {"0", "f", "F", "false", "FALSE", "False"})
    if (value.view() == no) return Value::of(false);
  return impossible(call, "bool");
}

Value to_string(const Call& call) {
  const auto& value = call[0];
  switch (value.kind) {
    case Kind::string: return value;
    case Kind::boolean: case Kind::int64: case Kind::uint64: case Kind::float64: case Kind::timestamp: case Kind::duration:
      return call.string(display(value, call.arena));
    case Kind::bytes:
      if (!valid_utf8(value.view())) return Value::error("invalid UTF-8 in bytes, cannot convert to string");
      return Value::string(value.view());
    case Kind::opaque: {
      std::string text;
      return net_text(*value.opaque, text) ? call.string(text) : no_such_overload(call, "string");
    }
    default: return no_such_overload(call, "string");
  }
}

Value to_bytes(const Call& call) {
  if (call[0].kind == Kind::bytes || call[0].kind == Kind::string) return Value::of_text(Kind::bytes, call[0].view());
  return no_such_overload(call, "bytes");
}

Value to_duration(const Call& call) {
  if (call[0].kind == Kind::duration) return call[0];
  if (call[0].kind != Kind::string) return no_such_overload(call, "duration");
  const auto nanos = parse_duration(call[0].view());
  return nanos ? Value::of_duration(*nanos) : impossible(call, "google.protobuf.Duration");
}

Value to_timestamp(const Call& call) {
  const auto& value = call[0];
  if (value.kind == Kind::timestamp) return value;
  std::optional<Moment> moment;
  if (value.kind == Kind::int64) moment = Moment{value.integer, 0};
  else if (value.kind != Kind::string) return no_such_overload(call, "timestamp");
  else if (moment = parse_timestamp(value.view()); !moment) return impossible(call, "google.protobuf.Timestamp");
  return in_range(*moment) ? Value::of_time(*moment) : Value::error("timestamp overflow");
}

Value to_dyn(const Call& call) { return call[0]; }
Value to_type(const Call& call) { return Value::of_text(Kind::type, call.arena.keep(type_name(call[0]))); }

constexpr Overload kConversions[] = {
    {"type", "type", "A:type<A>", Cost::unit, to_type},
    {"bool", "bool_to_bool", "bool:bool", Cost::unit, to_bool},
    {"bool", "string_to_bool", "string:bool", Cost::unit, to_bool},
    {"bytes", "bytes_to_bytes", "bytes:bytes", Cost::unit, to_bytes},
    {"bytes", "string_to_bytes", "string:bytes", Cost::string_to_bytes, to_bytes},
    {"double", "double_to_double", "double:double", Cost::unit, to_double},
    {"double", "int64_to_double", "int:double", Cost::unit, to_double},
    {"double", "string_to_double", "string:double", Cost::unit, to_double},
    {"double", "uint64_to_double", "uint:double", Cost::unit, to_double},
    {"duration", "duration_to_duration", "duration:duration", Cost::unit, to_duration},
    {"duration", "string_to_duration", "string:duration", Cost::unit, to_duration},
    {"dyn", "to_dyn", "A:dyn", Cost::unit, to_dyn},
    {"int", "int64_to_int64", "int:int", Cost::unit, to_int},
    {"int", "double_to_int64", "double:int", Cost::unit, to_int},
    {"int", "duration_to_int64", "duration:int", Cost::unit, to_int},
    {"int", "string_to_int64", "string:int", Cost::unit, to_int},
    {"int", "timestamp_to_int64", "timestamp:int", Cost::unit, to_int},
    {"int", "uint64_to_int64", "uint:int", Cost::unit, to_int},
    {"string", "string_to_string", "string:string", Cost::unit, to_string},
    {"string", "bool_to_string", "bool:string", Cost::unit, to_string},
    {"string", "bytes_to_string", "bytes:string", Cost::bytes_to_string, to_string},
    {"string", "double_to_string", "double:string", Cost::unit, to_string},
    {"string", "duration_to_string", "duration:string", Cost::unit, to_string},
    {"string", "int64_to_string", "int:string", Cost::unit, to_string},
    {"string", "timestamp_to_string", "timestamp:string", Cost::unit, to_string},
    {"string", "uint64_to_string", "uint:string", Cost::unit, to_string},
    {"string", "ip_to_string", "net.IP:string", Cost::unit, to_string},
    {"string", "cidr_to_string", "net.CIDR:string", Cost::unit, to_string},
    {"timestamp", "timestamp_to_timestamp", "timestamp:timestamp", Cost::unit, to_timestamp},
    {"timestamp", "int64_to_timestamp", "int:timestamp", Cost::unit, to_timestamp},
    {"timestamp", "string_to_timestamp", "string:timestamp", Cost::unit, to_timestamp},
    {"uint", "uint64_to_uint64", "uint:uint", Cost::unit, to_uint},
    {"uint", "double_to_uint64", "double:uint", Cost::unit, to_uint},
    {"uint", "int64_to_uint64", "int:uint", Cost::unit, to_uint},
    {"uint", "string_to_uint64", "string:uint", Cost::unit, to_uint},
};

}  // namespace

Library conversion_library() { return kConversions; }

}  // namespace keelson::cel

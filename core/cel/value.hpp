// Value: one CEL value. Numbers and texts lie in it, everything else is a pointer into the arena or into the caller's JSON.
//
// Invariants: 24 bytes, trivially copyable; errors are values too and travel through calls until something absorbs them.
// Threads: values of one evaluation belong to it. Ownership: none; JSON and arena must outlive the value.
#pragma once
#include <cstdint>
#include <span>
#include <string_view>

#include "core/cel/arena.hpp"

namespace keelson::cel {

enum class Kind : std::uint8_t {
  null, boolean, int64, uint64, float64, string, bytes, timestamp, duration, list, map, type, optional, opaque,
  preserved,   ///< JSON without a schema inside a schema: only equality works
  error,
};

struct Value;

/// How a list compares and adds: as Kubernetes' x-kubernetes-list-type says.
enum class ListStyle : std::uint8_t { atomic, set, map };

class List {
 public:
  virtual std::size_t size() const = 0;
  /// `index` is below size().
  virtual Value at(std::size_t index, Arena& arena) const = 0;
  virtual ListStyle style() const { return ListStyle::atomic; }
  /// Names of the keys of a list of style map, as they stand in JSON.
  virtual std::span<const std::string_view> keys() const { return {}; }

 protected:
  ~List() = default;
};

class Map {
 public:
  virtual std::size_t size() const = 0;
  /// False when there is no such key. The value may be an error.
  virtual bool find(const Value& key, Value& value, Arena& arena) const = 0;
  virtual Value key_at(std::size_t index, Arena& arena) const = 0;
  virtual Value value_at(std::size_t index, Arena& arena) const = 0;
  /// The type that was constructed, "Object.spec"; empty for maps.
  virtual std::string_view type_name() const { return {}; }

 protected:
  ~Map() = default;
};

/// A value of a library: URL, IP, CIDR, quantity, version, named format, authorizer and its steps.
class Opaque {
 public:
  virtual std::string_view type_name() const = 0;
  /// Only called for two of the same type name.
  virtual bool equal(const Opaque& other) const = 0;
  /// What size() would say, for costs; 1 when it has none.
  virtual std::uint64_t size() const { return 1; }

 protected:
  ~Opaque() = default;
};

/// Nanoseconds since 1970 do not fit 64 bits for years 1 to 9999.
struct Moment {
  std::int64_t seconds = 0;
  std::int32_t nanos = 0;
  friend auto operator<=>(const Moment&, const Moment&) = default;
};

struct Value {
  Kind kind = Kind::null;
  std::int32_t nanos = 0;      ///< of a timestamp
  union {
    bool flag;
    std::int64_t integer;      ///< int64; seconds of a timestamp; nanoseconds of a duration
    std::uint64_t natural;
    double real;
    const char* text;          ///< string, bytes, error message, type name
    const List* list;
    const Map* map;
    const Opaque* opaque;
    const Value* inner;        ///< optional; null: none
    const void* json;          ///< preserved
  };
  std::size_t length = 0;      ///< of text

  Value() : integer(0) {}
  std::string_view view() const { return {text, length}; }
  bool is_error() const { return kind == Kind::error; }
  bool is(bool wanted) const { return kind == Kind::boolean && flag == wanted; }

  static Value null() { return {}; }
  static Value of(bool flag) { Value v; v.kind = Kind::boolean; v.integer = 0; v.flag = flag; return v; }
  static Value of_int(std::int64_t i) { Value v; v.kind = Kind::int64; v.integer = i; return v; }
  static Value of_uint(std::uint64_t u) { Value v; v.kind = Kind::uint64; v.natural = u; return v; }
  static Value of_double(double d) { Value v; v.kind = Kind::float64; v.real = d; return v; }
  static Value of_duration(std::int64_t nanos) { Value v; v.kind = Kind::duration; v.integer = nanos; return v; }
  static Value of_time(Moment m) { Value v; v.kind = Kind::timestamp; v.integer = m.seconds; v.nanos = m.nanos; return v; }
  /// The text must outlive the value: a literal, or kept in the arena.
  static Value of_text(Kind kind, std::string_view text) {
    Value v; v.kind = kind; v.text = text.data(); v.length = text.size(); return v;
  }
  static Value string(std::string_view text) { return of_text(Kind::string, text); }
  static Value error(std::string_view message) { return of_text(Kind::error, message); }
  static Value of(const List* list) { Value v; v.kind = Kind::list; v.list = list; return v; }
  static Value of(const Map* map) { Value v; v.kind = Kind::map; v.map = map; return v; }
  static Value of(const Opaque* opaque) { Value v; v.kind = Kind::opaque; v.opaque = opaque; return v; }
  static Value none() { Value v; v.kind = Kind::optional; v.inner = nullptr; return v; }
  Moment moment() const { return {integer, nanos}; }
};

Value some(const Value& value, Arena& arena);
Value error_text(Arena& arena, std::string_view text);
inline Value no_such_overload() { return Value::error("no such overload"); }

/// "int", "string", "google.protobuf.Timestamp": what type(x) prints.
std::string_view type_name(const Value& value);

/// True, false, or an error.
Value equal(const Value& left, const Value& right, Arena& arena);
/// -1, 0, 1 as int64, or an error.
Value compare(const Value& left, const Value& right);
/// Numbers of different types compare by value.
bool same_number(const Value& left, const Value& right);

/// Values in arena memory; grows at its end without copying while nothing else was appended there.
class ArrayList final : public List {
 public:
  struct Buffer {
    Value* items;
    std::size_t used, capacity;
  };
  ArrayList(Buffer* buffer, std::size_t size) : buffer_(buffer), size_(size) {}
  std::size_t size() const override { return size_; }
  Value at(std::size_t index, Arena&) const override { return buffer_->items[index]; }
  std::span<const Value> items() const { return {buffer_->items, size_}; }
  static const ArrayList* make(std::span<const Value> items, Arena& arena);
  const ArrayList* append(const Value& item, Arena& arena) const;

 private:
  Buffer* buffer_;
  std::size_t size_;
};

/// `left + right` without copying.
const List* concatenate(const List* left, const List* right, Arena& arena);
/// All items, in order.
std::span<const Value> items_of(const List& list, Arena& arena);

/// A map made by an expression; a later entry of the same key wins.
const Map* make_map(std::span<const Value> keys, std::span<const Value> values, Arena& arena);
/// A value constructed with a type name, Object{...}.
const Map* make_struct(std::string_view type_name, std::span<const Value> keys, std::span<const Value> values, Arena& arena);
/// `map` with one entry more; an error when the key is there. Grows in place like ArrayList.
Value insert(const Map* map, const Value& key, const Value& value, Arena& arena);

/// As Go prints a CEL value in messages.
std::string display(const Value& value, Arena& arena);

}  // namespace keelson::cel

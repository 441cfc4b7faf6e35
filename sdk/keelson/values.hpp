// Scalar types of the API that C++ has no type for.
#pragma once
#include <compare>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace keelson {

/// A value that may be absent and lives on the heap: keeps big structs small; copies deeply.
/// What copies and destroys is never inlined: the API's structs nest so deep that each plugin would compile megabytes of it.
template <class T>
class Box {
 public:
  Box() = default;
  [[gnu::noinline]] Box(T value) : value_(std::make_unique<T>(std::move(value))) {}  // NOLINT: implicit, reads like assignment
  [[gnu::noinline]] Box(const Box& other) : value_(other.value_ ? std::make_unique<T>(*other.value_) : nullptr) {}
  Box(Box&& other) noexcept : value_(std::move(other.value_)) {}
  [[gnu::noinline]] ~Box() {}  // NOLINT: a defaulted one would be inlined
  [[gnu::noinline]] Box& operator=(const Box& other) { Box copy(other); value_.swap(copy.value_); return *this; }
  [[gnu::noinline]] Box& operator=(Box&& other) noexcept { value_ = std::move(other.value_); return *this; }
  explicit operator bool() const { return value_ != nullptr; }
  bool has_value() const { return value_ != nullptr; }
  T& operator*() { return *value_; }
  const T& operator*() const { return *value_; }
  T* operator->() { return value_.get(); }
  const T* operator->() const { return value_.get(); }
  [[gnu::noinline]] T& emplace() { value_ = std::make_unique<T>(); return *value_; }
  [[gnu::noinline]] void reset() { value_.reset(); }
  friend bool operator==(const Box& a, const Box& b) {
    return a.value_ && b.value_ ? *a.value_ == *b.value_ : !a.value_ == !b.value_;
  }

 private:
  std::unique_ptr<T> value_;
};

/// metav1.Time: whole seconds UTC; unset is JSON null / absent.
struct Time {
  std::int64_t unix_s = 0;
  bool set = false;
  Time() = default;
  explicit Time(std::int64_t seconds) : unix_s(seconds), set(true) {}
  explicit operator bool() const { return set; }
  friend auto operator<=>(const Time&, const Time&) = default;
};
/// metav1.MicroTime: microseconds UTC.
struct MicroTime {
  std::int64_t unix_us = 0;
  bool set = false;
  MicroTime() = default;
  explicit MicroTime(std::int64_t microseconds) : unix_us(microseconds), set(true) {}
  explicit operator bool() const { return set; }
  friend auto operator<=>(const MicroTime&, const MicroTime&) = default;
};
struct Duration {
  std::int64_t ns = 0;
  friend auto operator<=>(const Duration&, const Duration&) = default;
};

/// resource.Quantity, kept as canonical text. Values beyond int64 saturate; text that is no quantity counts as 0.
struct Quantity {
  std::string text;
  Quantity() = default;
  Quantity(std::string canonical) : text(std::move(canonical)) {}  // NOLINT
  Quantity(const char* canonical) : text(canonical) {}             // NOLINT
  std::int64_t value() const;        ///< rounded up to a whole number: bytes, pods
  std::int64_t milli_value() const;  ///< thousandths, rounded up: CPU
  static Quantity from_value(std::int64_t value);   ///< "3", "1k"
  static Quantity from_milli(std::int64_t milli);   ///< "250m", "3"
  friend bool operator==(const Quantity&, const Quantity&) = default;
};

struct IntOrString {
  std::variant<std::int32_t, std::string> value{0};
  IntOrString() = default;
  IntOrString(std::int32_t number) : value(number) {}           // NOLINT
  IntOrString(std::string text) : value(std::move(text)) {}     // NOLINT
  bool is_int() const { return value.index() == 0; }
  std::int32_t number() const { return is_int() ? std::get<0>(value) : 0; }
  /// The number itself, or the percentage of `total` rounded as asked; 0 for text that is no percentage.
  std::int32_t scaled(std::int32_t total, bool round_up) const;
  friend bool operator==(const IntOrString&, const IntOrString&) = default;
};

/// JSON text that the SDK does not look into (runtime.RawExtension, JSON of a schema). Empty = absent.
struct RawJson {
  std::string text;
  friend bool operator==(const RawJson&, const RawJson&) = default;
};

// --- text ----------------------------------------------------------------------------------------------------------
std::string to_text(Time time);              ///< "2006-01-02T15:04:05Z"
std::string to_text(MicroTime time);         ///< "2006-01-02T15:04:05.000000Z"
std::string to_text(Duration duration);      ///< as Go prints it: "1h30m0s", "250ms", "0s"
/// RFC 3339, any offset; fractions are cut off (MicroTime: after six digits). Nothing when it is none.
std::optional<Time> parse_time(std::string_view text);
std::optional<MicroTime> parse_micro_time(std::string_view text);
std::optional<Duration> parse_duration(std::string_view text);

}  // namespace keelson

// Compiled once, in the library; as are the containers of the API's structs.
extern template class std::vector<std::string>;
extern template class std::map<std::string, std::string>;
extern template class std::map<std::string, keelson::Quantity>;
extern template class std::variant<std::int32_t, std::string>;

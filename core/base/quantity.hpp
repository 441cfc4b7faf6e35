// Quantity: amounts as Kubernetes writes them (500m, 1Gi, 1e3): exact decimals with a family of suffixes.
//
// Invariants: a parsed quantity has no finer step than 1e-9; printing keeps the family (binary, decimal, exponent) and
//   is canonical: equal amounts of one family print the same.
// Threads: values. Errors: the texts that clients of Kubernetes know.
#pragma once
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace keelson::base {

class Quantity {
 public:
  enum class Family : std::uint8_t { decimal, binary, exponent };

  /// `error` (may be null) gets upstream's text when the result is empty.
  static std::optional<Quantity> parse(std::string_view text, std::string_view* error = nullptr);
  static Quantity whole(std::int64_t amount) { return Quantity(amount, 0, Family::decimal); }

  /// Rounds away from zero to a multiple of 10^exponent.
  void round_up(int exponent);
  Quantity negated() const { return Quantity(-mantissa_, exponent_, family_); }
  std::string text() const;
  int sign() const { return mantissa_ < 0 ? -1 : mantissa_ > 0; }
  bool is_whole() const;
  double approximate() const;
  /// Whole units, rounded away from zero, clamped to 64 bits.
  std::int64_t units() const;
  /// Thousandths, rounded away from zero, clamped to 64 bits.
  std::int64_t thousandths() const;
  friend int compare(const Quantity& left, const Quantity& right);
  friend Quantity add(const Quantity& left, const Quantity& right);

 private:
  using Wide = __int128;
  Quantity(Wide mantissa, int exponent, Family family) : mantissa_(mantissa), exponent_(exponent), family_(family) {}
  std::int64_t scaled(int exponent) const;
  Wide mantissa_ = 0;     ///< amount = mantissa * 10^exponent
  int exponent_ = 0;
  Family family_ = Family::decimal;
};

}  // namespace keelson::base

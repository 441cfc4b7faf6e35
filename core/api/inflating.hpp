// Inflating: compressed bodies of other servers, as they come.
//
// Invariants: what one piece unfolds to is bounded by kInflatedBytesMax.
// Threads: one at a time. Ownership: owns its zlib state. Errors: false, for good: the bytes are broken or unfold to too much.
#pragma once
#include <memory>
#include <string>
#include <string_view>

namespace keelson::api {

inline constexpr std::size_t kInflatedBytesMax = 16u << 20;

class Inflating {
 public:
  /// "gzip" or "deflate" (without zlib's frame, as Go has it); null for others.
  static std::unique_ptr<Inflating> of(std::string_view encoding);
  ~Inflating();
  Inflating(const Inflating&) = delete;
  Inflating& operator=(const Inflating&) = delete;
  bool feed(std::string_view piece, std::string& out);

 private:
  struct Stream;
  explicit Inflating(int window);
  std::unique_ptr<Stream> stream_;
};

}  // namespace keelson::api

// JsonIndex: where the values of a JSON text are, found in one pass along the type that describes them; nothing is copied that needs
// no unescaping, and what a type keeps as it is (managedFields) is stepped over.
//
// Invariants: the text is the server's own, printed before: what is no JSON is noticed where that matters for finding the way, and
//   never read beyond its end. Nested at most kNestingMax + kOwnNestingMax deep. Node 0 stands for what is not there.
// Threads: one. Ownership: refers to the text and to types, which live longer. Errors: read() says false.
#pragma once
#include <cstdint>
#include <deque>
#include <string>
#include <string_view>
#include <vector>

#include "core/kinds/type.hpp"

namespace keelson::kinds {

struct JsonNode {
  enum class Is : std::uint8_t { null, truth, number, string, array, object };
  std::string_view text;         ///< a string's content, unescaped; else what stands there, and so for all that is kept as it is
  std::string_view key;          ///< in a map
  std::uint32_t inside = 0;      ///< object with fields: its first slot; list and map: the last value in it
  std::uint32_t before = 0;      ///< in a list or map: the value before this one
  Is is = Is::null;
};

class JsonIndex {
 public:
  bool read(std::string_view text, const Type& type);
  const JsonNode& root() const { return nodes_[root_]; }
  const JsonNode& at(std::uint32_t node) const { return nodes_[node]; }
  /// The node of a field of an object that was read with its type, by its position there; 0: absent.
  std::uint32_t member(const JsonNode& object, std::size_t position) const { return slots_[object.inside + position]; }

 private:
  class Reading;
  std::vector<JsonNode> nodes_;
  std::vector<std::uint32_t> slots_;
  std::deque<std::string> unescaped_;
  std::uint32_t root_ = 0;
};

}  // namespace keelson::kinds

// Edit: members of a printed object replaced where they stand, without reading the rest: what a write leaves alone is neither
// parsed nor printed again.
//
// Invariants: only for text as encode() printed it: compact but for the spaces behind a resourceVersion, members in their type's
//   order. What comes out is what encode() would print. Names are compared as they are printed.
// Threads: any, stateless. Ownership: views are into the given text. Errors: none; text that is no object has no members.
#pragma once
#include <span>
#include <string>
#include <string_view>

#include "core/kinds/engine.hpp"
#include "core/kinds/type.hpp"

namespace keelson::kinds {

/// One member after another.
class PrintedMembers {
 public:
  explicit PrintedMembers(std::string_view object) : text_(object) {}
  bool next();
  std::string_view name() const { return name_; }
  std::string_view value() const { return value_; }

 private:
  std::string_view text_, name_, value_;
  std::size_t at_ = 0;   // of the brace or comma before the next one
};

/// The value of that name; empty: there is none.
std::string_view printed_member(std::string_view object, std::string_view name);

/// The object without its member of that name, whose value is `value`, as printed_member() gave it.
std::string without_member(std::string_view object, std::string_view name, std::string_view value);

struct Edit {
  std::string_view name;   ///< a field of the type
  std::string value;       ///< as encode_value() prints it; empty: the member goes
};
std::string edited(const Type& type, std::string_view object, std::span<const Edit> edits);

/// A value of `type` as encode() prints it.
std::string encode_value(const Type& type, const json::value& value);

}  // namespace keelson::kinds

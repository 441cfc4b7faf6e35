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

  /// next() in two steps: then either take_value() or, where it is an object whose members are wanted, these until there are no more
  /// and go_behind(them), so that it is not passed twice.
  bool next_name();
  void take_value();
  PrintedMembers inside() const { return PrintedMembers(text_.substr(from_)); }
  void go_behind(const PrintedMembers& inside);

 private:
  std::string_view text_, name_, value_;
  std::size_t at_ = 0;     // of the brace or comma before the next one
  std::size_t from_ = 0;   // where the value begins
};

/// One element of a printed list after another.
class PrintedElements {
 public:
  explicit PrintedElements(std::string_view list) : text_(list) {}
  bool next();
  std::string_view value() const { return value_; }

 private:
  std::string_view text_, value_;
  std::size_t at_ = 0;   // of the bracket or comma before the next one
};

/// Behind the value that begins at `at`; the text's end where it is broken off.
std::size_t end_of_value(std::string_view text, std::size_t at);

/// The value of that name; empty: there is none.
std::string_view printed_member(std::string_view object, std::string_view name);

/// The same, of an object as anybody may have sent it, with what white space it pleases; where it is JSON at all, this is where its one
/// member of that name stands, an object. Empty: there is none or more than one, or a name is not written plainly.
std::string_view sent_member(std::string_view object, std::string_view name);

struct Edit {
  std::string_view name;   ///< a field of the type
  std::string value;       ///< as encode_value() prints it; empty: the member goes
};
std::string edited(const Type& type, std::string_view object, std::span<const Edit> edits);

/// A value of `type` as encode() prints it.
std::string encode_value(const Type& type, const json::value& value);

}  // namespace keelson::kinds

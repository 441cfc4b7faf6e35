// Edit: members of a printed object set where they stand or would stand, without reading the rest: what a write leaves alone is neither
// parsed nor printed again.
//
// Invariants: only for text as encode() printed it: compact but for the spaces behind a resourceVersion, members in their type's
//   order. What comes out is what encode() would print. Names are compared as they are printed.
// Threads: any, stateless. Ownership: views are into the given text. Errors: none; text that is no object has no members.
#pragma once
#include <algorithm>
#include <span>
#include <string>
#include <string_view>
#include <utility>

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
  bool is_object() const { return from_ < text_.size() && text_[from_] == '{'; }
  /// After the last one: the closing brace.
  const char* behind() const { return text_.data() + std::min(at_ == 0 ? std::size_t{1} : at_, text_.size()); }
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
/// member of that name stands, an object. Empty: there is none or more than one, or a name is not written plainly. `likely`: an object
/// as which it may stand there, whose end is known then; empty: none.
std::string_view sent_member(std::string_view object, std::string_view name, std::string_view likely = {});

/// One member of an object within a text: where it stands or, where there is none of that name, where it would.
class MemberSlot {
 public:
  MemberSlot(const Type& type, std::string_view name) : type_(&type), name_(name), wanted_(find_field(type, name)) {}
  /// Is shown each member of the object, one after another, and then what is left.
  void pass(const PrintedMembers& member);
  void end(const PrintedMembers& members);
  /// Empty: there is none.
  std::string_view value() const { return value_; }
  /// The same in another text, which says there what the first one says here.
  void move(const char* here, const char* there);

 private:
  friend std::string spliced(std::string_view text, std::span<const std::pair<MemberSlot, std::string_view>> slots);
  const Type* type_;
  std::string_view name_, value_;
  const Field* wanted_;
  const char* at_ = nullptr;             // null: not known so far
  bool first_ = true, last_ = false;     // of its object, where it is put in
};
/// The text with these values in their slots, which follow one another.
std::string spliced(std::string_view text, std::span<const std::pair<MemberSlot, std::string_view>> slots);

/// A value of `type` as encode() prints it.
std::string encode_value(const Type& type, const json::value& value);

}  // namespace keelson::kinds

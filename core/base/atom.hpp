// Atom: an interned string. Resource names ("deployments.apps"), label keys and the like occur in every object; an
// Atom is one pointer, compared by address.
//
// Invariants: equal text <=> equal address; the text lives as long as the process (the table only grows, and only
//   by names from kinds and label keys, which are bounded by what is stored).
// Threads: any. The table is a cache of immutable values, not state: runs with the same seed do not depend on it.
#pragma once
#include <compare>
#include <functional>
#include <string>
#include <string_view>

namespace keelson::base {

class Atom {
 public:
  Atom();                                 ///< the empty string
  explicit Atom(std::string_view text);   ///< finds or adds
  std::string_view text() const { return *text_; }
  bool empty() const { return text_->empty(); }
  friend bool operator==(Atom a, Atom b) { return a.text_ == b.text_; }
  /// Ordered by text, so that containers of Atoms iterate the same way in every run.
  friend std::strong_ordering operator<=>(Atom a, Atom b) {
    return a.text_ == b.text_ ? std::strong_ordering::equal : *a.text_ <=> *b.text_;
  }
  std::size_t hash() const { return std::hash<const void*>{}(text_); }

 private:
  const std::string* text_;
};

}  // namespace keelson::base

template <>
struct std::hash<keelson::base::Atom> {
  std::size_t operator()(keelson::base::Atom a) const noexcept { return a.hash(); }
};

// Created fields: what whoever creates an object manages of it, as managedFields prints it. That depends on the object's shape alone:
// which members there are, what names the elements of lists, and which values are zeros that a typed client leaves out; so objects
// made from one template share it, and it is kept by shape.
//
// Invariants: what is kept is what record_update() (engine.hpp) finds and encode() prints; a shape is compared whole, never by its hash
//   alone; at most kShapesKeptMax shapes of at most kShapeBytesMax are kept, newcomers in the place of others.
// Threads: any; one short lock. Ownership: texts are shared with whoever still prints them; a kept shape holds its kind's type.
#pragma once
#include <array>
#include <memory>
#include <mutex>
#include <string>

#include "core/kinds/engine.hpp"
#include "core/kinds/json_print.hpp"

namespace keelson::kinds {

inline constexpr std::size_t kShapesKeptMax = 256;
inline constexpr std::size_t kShapeBytesMax = 16u << 10;

class KnownSpec;

class CreatedFields {
 public:
  using Text = std::shared_ptr<const std::string>;
  /// The printed set of the fields of a new `object` of `kind`, of which nothing is said yet about who manages them. Never null;
  /// empty when there are none.
  /// `spec`: the object's, which then may be missing in it; null: it is not known.
  Text of(const Kind& kind, const json::value& object, const KnownSpec* spec = nullptr);

 private:
  struct Known {
    std::shared_ptr<const Type> type;
    std::string shape;
    Text text;
  };
  std::mutex mutex_;   // guards known_
  std::array<std::shared_ptr<const Known>, kShapesKeptMax> known_;   // by hash
};

/// Appends to `shape` all that the fields of a new object depend on, in a form that reads back one way only. False: it is larger than is kept.
/// `spec`: a number that only objects with this spec are given; 0: none.
bool append_shape(const Kind& kind, const json::value& object, TextBuffer& shape, std::uint64_t spec = 0);
/// metadata.managedFields of an object whose creator manages `set`, as encode() prints it; empty when the set is.
std::string creator_entries(const Kind& kind, const ManagerInfo& creator, std::string_view set);

}  // namespace keelson::kinds

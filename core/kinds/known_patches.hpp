// Known patches: what runs from one template is told of in patches that are alike, and stored alike, but for times, addresses and names of
// containers. What a narrow patch made is kept as texts with slots for these. A patch that says the same of an object in which the same
// stands is not read: what stands in its slots is put into those of what came out.
//
// Invariants: what comes out is, byte for byte, what narrow_patch() makes of the same. Slots are only where nothing looks at a value beyond
//   its form and what equals it (FreeTexts), and of one form no two have the same in them; times in managedFields follow one another
//   as they did. What is kept was worked out with other values in all slots, and gave with the values
//   that had been sent what had come out.
// Threads: one at a time. Ownership: what is kept holds its kind's type. At most kPatchesKeptMax are kept, of at most kKnownBytesMax as
//   sent and as stored; what is not met again makes that less is kept. Errors: none; what is not known is told by nullopt.
#pragma once
#include <memory>
#include <vector>

#include "core/kinds/credit.hpp"
#include "core/kinds/narrow.hpp"

namespace keelson::kinds {

inline constexpr std::size_t kPatchesKeptMax = 16;
inline constexpr std::size_t kKnownBytesMax = 16u << 10;

/// What no rule, default or warning tells apart but by what equals it: of a member that is judged alone all times and these, at any depth.
struct FreeTexts {
  std::span<const std::string_view> texts;       ///< unless they are empty
  std::span<const std::string_view> addresses;   ///< as long as they are IPv4
  std::span<const std::string_view> fields;      ///< selectable values beside the member, unless they are empty
};
/// Null: nothing is known to be free.
const FreeTexts* free_texts(const Kind& kind, std::string_view subresource);

class KnownPatches {
 public:
  KnownPatches();
  ~KnownPatches();
  KnownPatches(const KnownPatches&) = delete;
  KnownPatches& operator=(const KnownPatches&) = delete;

  /// `patch`: as it was sent.
  std::optional<Narrowed> find(const NarrowWrite& write, PatchType type, std::string_view patch, FieldValidation validation);
  /// narrow_patch() has `made` this of it.
  void remember(const NarrowWrite& write, PatchType type, std::string_view patch, FieldValidation validation, const Narrowed& made, const json::storage_ptr& memory);

 private:
  struct Known;

  std::vector<std::unique_ptr<Known>> known_;   ///< the last one that was met first
  Credit credit_;
};

}  // namespace keelson::kinds

// VerdictCache: what an authorizer answered, by those texts of the question that mattered to the answer.
//
// Invariants: an answer is found only under the generation that it was given in. An answer that did not depend on some
//   fields is found for any value of them. At most kVerdictsMax answers; when a part is full it starts anew.
// Threads: any.
#pragma once
#include <array>
#include <atomic>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "core/auth/auth.hpp"

namespace keelson::plugins {

inline constexpr std::size_t kVerdictsMax = 65'536;
/// So many different sets of fields that do not matter are told apart; answers with others are kept under all fields.
inline constexpr std::size_t kVerdictFormsMax = 4;

class VerdictCache {
 public:
  VerdictCache();
  std::optional<auth::Verdict> find(const auth::Attributes& attributes, std::uint64_t generation);
  /// `independent`: bit i: field i of the question did not matter.
  void keep(const auth::Attributes& attributes, std::uint64_t independent, std::uint64_t generation, const auth::Verdict& verdict);
  std::size_t size();

 private:
  static constexpr std::size_t kParts = 16;
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const { return std::hash<std::string_view>()(text); }
  };
  struct Entry {
    std::uint64_t generation = 0;
    auth::Verdict verdict;
  };
  struct Part {
    std::mutex mutex;
    std::unordered_map<std::string, Entry, Hash, std::equal_to<>> entries;
  };
  Part& part_of(std::string_view key) { return parts_[Hash()(key) % kParts]; }
  /// The form's place; 0, all fields matter, when there is no room for another.
  std::size_t form_of(std::uint64_t independent);

  std::array<std::atomic<std::uint64_t>, kVerdictFormsMax> forms_;   // [0]: all fields matter
  std::atomic<std::size_t> form_count_{1};
  std::mutex forms_mutex_;                                           // writers of forms_
  std::array<Part, kParts> parts_;
};

}  // namespace keelson::plugins

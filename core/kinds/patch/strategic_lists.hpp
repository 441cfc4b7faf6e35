// Merging of lists in a strategic merge patch, and the order of the result: the patch's order first, then the live one.
//
// Invariants: elements are identified by the scalar under the merge key, or (no merge key) by the scalar they are.
// Threads: any. Ownership: results live in the storage of the list they replace.
#pragma once
#include <boost/json/array.hpp>
#include <boost/json/value.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

namespace keelson::kinds::strategic {

namespace json = boost::json;

/// Identity of an element: its scalar with the type in front; nullopt for what can have none.
std::optional<std::string> identity(const json::value& element, std::string_view merge_key);

/// Position of the first element of each identity.
class Positions {
 public:
  Positions(const json::array& list, std::string_view merge_key);
  /// -1 when absent.
  std::ptrdiff_t of(const json::value& element) const;
  std::ptrdiff_t of(const std::string& identity) const;
  void add(const std::string& identity, std::size_t position) { first_.emplace(identity, position); }

 private:
  std::string_view merge_key_;
  std::unordered_map<std::string, std::size_t> first_;
};

/// `merged` in the order a client expects: elements named by `wanted` in that order, the others in `live`'s order, the
/// two woven together by `live`.
json::array in_order(json::array&& merged, const json::array& wanted, const json::array& live, std::string_view merge_key);

/// Scalars of both, each once.
json::array united(const json::array& original, const json::array& patch, json::storage_ptr memory);
/// Scalars of `original` that `doomed` does not hold.
json::array without(const json::array& original, const json::array& doomed, json::storage_ptr memory);

/// True when all elements are of one JSON type (numbers are one).
bool uniform(const json::array& a, const json::array& b);
bool has_list(const json::array& list);

}  // namespace keelson::kinds::strategic

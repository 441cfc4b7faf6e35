// Values that stand in JSON, and lists whose items have an identity (list types set and map).
//
// Threads, ownership: as Value.
#pragma once
#include <boost/json/value.hpp>
#include <memory_resource>
#include <string>
#include <unordered_map>
#include <vector>

#include "core/cel/schema.hpp"
#include "core/cel/value.hpp"

namespace keelson::cel {

/// Kubernetes' semantic equality of two boost::json::value.
bool same_json(const void* left, const void* right);

/// Where each identity stands in a list: the item itself (set), or its keys (map). Built in linear time.
class ItemIndex {
 public:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);
  ItemIndex(std::span<const std::string_view> keys, Arena& arena) : keys_(keys), arena_(arena) {}
  void add(const Value& item, std::size_t at);
  std::size_t find(const Value& item) const;
  /// Number of different identities.
  std::size_t size() const { return places_.size(); }
  /// A dense number for the identity that stands at `at`.
  std::size_t ordinal(std::size_t at) const { return ordinals_.at(at); }

 private:
  std::string identity(const Value& item) const;
  std::span<const std::string_view> keys_;
  Arena& arena_;
  std::unordered_map<std::string, std::size_t> places_;
  std::unordered_map<std::size_t, std::size_t> ordinals_;
};
ItemIndex item_index(const List& list, std::span<const std::string_view> keys, Arena& arena);

}  // namespace keelson::cel

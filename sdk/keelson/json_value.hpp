// JSON values of texts, inside the library. Boost's own limit of 32 levels is less than schemas and custom objects have.
#pragma once
#include <boost/json.hpp>

#include <string_view>

namespace keelson::detail {

inline constexpr std::size_t kJsonDepthMax = 1024;

inline boost::json::parse_options deep() {
  boost::json::parse_options options;
  options.max_depth = kJsonDepthMax;
  return options;
}
/// Null, and `failed` says why, when `text` is not JSON.
inline boost::json::value json_of(std::string_view text, boost::system::error_code& failed) { return boost::json::parse(text, failed, {}, deep()); }
/// Throws when `text` is not JSON.
inline boost::json::value json_of(std::string_view text, boost::json::storage_ptr memory = {}) { return boost::json::parse(text, std::move(memory), deep()); }

}  // namespace keelson::detail

// JSON values of texts, for whoever reads again what the server has stored, made or fetched.
//
// Invariants: nothing that the server takes (kinds::kNestingMax) is too deep to be read again; the library's own limit is 32, which the
//   schemas of CustomResourceDefinitions go beyond. What a client sends is read by kinds/parse.
// Threads: pure functions. Ownership: values live in `memory`.
#pragma once
#include <boost/json/value.hpp>
#include <string_view>

namespace keelson::base {

inline constexpr std::size_t kJsonDepthMax = 1024;

/// Null, and `failed` says why, when `text` is not JSON.
boost::json::value json_of(std::string_view text, boost::system::error_code& failed, boost::json::storage_ptr memory = {});
/// Of text that is known to be JSON; throws boost::system::system_error otherwise.
boost::json::value json_of(std::string_view text, boost::json::storage_ptr memory = {});

}  // namespace keelson::base

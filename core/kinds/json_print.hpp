// Printing JSON: the pieces that the encoder, the tables and error texts share.
//
// Threads: any, stateless. Errors: none; a value prints as what it is.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace keelson::kinds {

/// Appends `text` as a JSON string, with its quotes.
void print_string(std::string& out, std::string_view text);
/// Appends a number as Go prints it (1e+21, 0.5), or `true`, `false`, `null`, or a string.
void print_scalar(std::string& out, const boost::json::value& value);
/// Appends any value, compact, members in their given order.
void print_value(std::string& out, const boost::json::value& value);

}  // namespace keelson::kinds

// YAML and JSON for tests: documents of a file, differences, partial matches.
//
// Errors: Failure with what is wrong. Threads: any.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <vector>

namespace keelson::testing {

/// All documents of a file or of a text that contains a line break.
std::vector<boost::json::value> documents(const std::string& file_or_text);
/// The merge patch that makes `from` `to`.
boost::json::value difference(const boost::json::value& from, const boost::json::value& to);
/// Where `actual` is not what `expected` says; "" = matches. Objects: only the members named, null = absent or null; lists:
/// all elements, each in part; numbers by value. In place of a value: {$has: x}, a list has an element that matches x (all of
/// them, when x is a list) or a text has x in it; {$not: x}, does not match x; {$atLeast: n}, {$atMost: n}, numbers.
std::string mismatch(const boost::json::value& expected, const boost::json::value& actual, const std::string& path = "");

}  // namespace keelson::testing

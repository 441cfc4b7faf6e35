// Text: JSON text looked into and rewritten without building a document, and the other forms it is printed in.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <string_view>

namespace keelson::api {

/// The raw text of a member of the JSON object `text`; empty when absent. Trusts that `text` is valid JSON.
std::string_view member(std::string_view text, std::string_view key);
/// Appends `text` as a JSON string with quotes.
void append_quoted(std::string& out, std::string_view text);
std::string quoted(std::string_view text);
/// Indented by two blanks, as upstream prints with ?pretty.
std::string pretty_json(std::string_view compact);
/// Block style, keys sorted.
std::string to_yaml(const boost::json::value& value);
/// JSON text as YAML.
std::string json_to_yaml(std::string_view text);
std::string fnv64_hex(std::string_view text);

}  // namespace keelson::api

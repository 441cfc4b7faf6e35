// What a YAML 1.1 scalar means, by the rules of the converter that kubectl uses.
//
// Threads: any, stateless. Errors: `fault` says what is wrong with a tagged scalar, or that JSON has no such number.
#pragma once
#include <boost/json/value.hpp>
#include <optional>
#include <string>

namespace keelson::kinds {

struct YamlScalar {
  boost::json::value value;
  std::string fault;
};

/// `tag` as yaml-cpp gives it: "?" for plain scalars, "!" for quoted ones, else the tag.
YamlScalar yaml_scalar(const std::string& tag, const std::string& text, const boost::json::storage_ptr& memory);
/// A map key as JSON needs it; nothing for lists, maps and null.
std::optional<std::string> yaml_key(const boost::json::value& key);

}  // namespace keelson::kinds

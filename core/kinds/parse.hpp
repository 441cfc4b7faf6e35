// Parsing of request bodies to JSON values, with what decode() needs beside the value.
//
// Invariants: the result is nested at most kNestingMax + kOwnNestingMax deep, so that walkers may recurse.
// Threads: any, stateless. Ownership: values live in the given memory resource. Errors: the bare text of what is wrong.
#pragma once
#include <boost/json/value.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "core/base/error.hpp"
#include "core/kinds/engine.hpp"

namespace keelson::kinds {

/// Deepest nesting that is accepted; kJsonDepthMax is what clients may expect to be refused, this is what is safe.
inline constexpr std::size_t kNestingMax = 500;
/// metadata.managedFields nests as deep as what it speaks of, below these: what is stored may be that much deeper than what a client sent.
inline constexpr std::size_t kOwnNestingMax = 8;
/// Complaints about unknown and duplicate fields that are collected, at most.
inline constexpr std::size_t kComplaintsMax = 100;

struct Parsed {
  json::value value;
  std::vector<std::string> duplicates;   ///< complaints about keys that occur twice; the last one counts
  std::size_t depth = 0;                 ///< of JSON: objects and lists inside each other
  std::string fault;                     ///< not empty: what is wrong with the text
};

Parsed parse_json(std::string_view body, json::storage_ptr memory);
Parsed parse_yaml(std::string_view body, json::storage_ptr memory);

}  // namespace keelson::kinds

// Selectors: label selectors as the API's types have them, against the labels of an object.
//
// Threads: pure. Errors: none; an operator that the API does not know is NotIn.
#pragma once
#include <map>
#include <string>

#include <keelson/abi.hpp>
#include <keelson/kinds/meta_v1.hpp>

namespace keelson {

using LabelMap = std::map<std::string, std::string>;

/// No requirement at all: it matches everything.
bool selects_all(const meta_v1::LabelSelector& selector);
bool matches(const meta_v1::LabelSelector& selector, const LabelMap& labels);
/// The same without decoding the object.
bool matches(const meta_v1::LabelSelector& selector, const ObjectHandle& object);

}  // namespace keelson

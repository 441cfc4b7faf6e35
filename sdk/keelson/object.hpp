// Objects as plugins see them: metadata, typed objects, counted references to the core's own copy.
//
// Threads and ownership: plain values.
#pragma once
#include <boost/describe.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <keelson/result.hpp>
#include <keelson/values.hpp>

namespace keelson {

struct Gvk {
  std::string_view group, version, kind, resource;
};

struct Key {
  std::string ns, name;
  Key() = default;
  Key(std::string ns_, std::string name_) : ns(std::move(ns_)), name(std::move(name_)) {}
  /// A name alone: of a cluster-scoped object or, in what a map answers, in the watched object's namespace.
  Key(std::string name_) : name(std::move(name_)) {}       // NOLINT: implicit, a map returns {name}
  Key(std::string_view name_) : name(name_) {}             // NOLINT
  Key(const char* name_) : name(name_) {}                  // NOLINT
  friend bool operator==(const Key&, const Key&) = default;
  /// Not <=>, which the strings of older standard libraries have not.
  friend bool operator<(const Key& one, const Key& other) { return one.ns != other.ns ? one.ns < other.ns : one.name < other.name; }
};
inline std::string str(const Key& key) { return key.ns.empty() ? key.name : key.ns + "/" + key.name; }

// meta_v1::ObjectMeta, OwnerReference, LabelSelector ... are generated (keelson/kinds.hpp) from sdk/kinds/meta like all others.
}  // namespace keelson

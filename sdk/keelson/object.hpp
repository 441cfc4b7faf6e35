// Objects as plugins see them: metadata, typed objects, counted references to the core's own copy.
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
  friend auto operator<=>(const Key&, const Key&) = default;
};

// meta_v1::ObjectMeta, OwnerReference, LabelSelector ... are generated (keelson/kinds.hpp) from sdk/kinds/meta like all others.
}  // namespace keelson

// ValueTransform: how the values of a resource are sealed on disk (encryption at rest). Without one they are stored
// as they are, under the empty key id.
//
// Invariants: open(seal(x)) == x under the same associated data, for as long as the key id is known; the key id
//   stands in front of each value, so that keys can be rotated without rewriting history.
// Threads: any. Ownership: shared by the store.
#pragma once
#include <string>
#include <string_view>

#include "core/base/error.hpp"

namespace keelson::store {

struct SealedValue {
  std::string key_id;   ///< at most 255 bytes
  std::string bytes;
};

class ValueTransform {
 public:
  virtual ~ValueTransform() = default;
  /// `associated`: the value's place (resource, namespace, name, revision), authenticated but not stored.
  virtual SealedValue seal(std::string_view associated, std::string_view plain) const = 0;
  /// Whether a new value would be sealed by that key too: what is not is sealed anew at the next start. "": as it is, unsealed.
  virtual bool current(std::string_view key_id) const {
    (void)key_id;
    return true;
  }
  virtual base::Outcome<std::string> open(std::string_view associated, std::string_view key_id, std::string_view sealed) const = 0;
};

}  // namespace keelson::store

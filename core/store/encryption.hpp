// Encryption: which resources are sealed on disk, and by which keys: an EncryptionConfiguration of apiserver.config.k8s.io/v1.
//
// Invariants: of a resource the first entry that names it counts ("secrets", "deployments.apps", "*.apps", "*." for the core
//   group, "*.*"); its first provider's first key seals, all its keys open. What lies there unsealed is always read, and sealed
//   at the next start, as is what an older key sealed: a key may be taken out of the file after one start with its successor.
//   Providers: aesgcm and identity. aescbc is refused, because nothing would notice a change of what it sealed; secretbox and
//   kms are refused as well.
// Threads: immutable once made, any. Ownership: shared by the store; the runtime must outlive it.
// Errors: a file that is wrong is refused as a whole, naming the field, never with a key's bytes.
#pragma once
#include <memory>
#include <string>
#include <string_view>

#include "core/base/runtime.hpp"
#include "core/store/object.hpp"
#include "core/store/transform.hpp"

namespace keelson::store {

class Encryption {
 public:
  virtual ~Encryption() = default;
  /// Null: the resource is stored as it is.
  virtual std::shared_ptr<const ValueTransform> transform_of(Atom resource) const = 0;
};

/// `name` (of the file) is for the error's text.
base::Outcome<std::shared_ptr<const Encryption>> parse_encryption(std::string_view text, std::string_view name, base::Runtime& runtime);
/// A file that seals Secrets by AES-256-GCM with a new key.
std::string new_encryption_file(base::Runtime& runtime);

}  // namespace keelson::store

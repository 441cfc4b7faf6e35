// StoreHooks: what a store asks of its surroundings beside the Runtime. Tests replace it; the server sets transforms.
//
// Threads: every hook from any thread of the store. Ownership: shared by the stores that were opened with it.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "core/store/object.hpp"
#include "core/store/transform.hpp"

namespace rocksdb {
class Env;
}

namespace keelson::store {

/// How long one batch may take before writes that wait behind it are given back undone.
inline constexpr std::int64_t kStorePatience_ms = 10'000;

struct StoreHooks {
  /// Bytes free for the store's directory. Empty: statvfs.
  std::function<std::uint64_t()> free_bytes;
  /// Called after a failed or uncertain sync, when all that wait have their 500. Empty: logs and ends the process.
  std::function<void(const std::string& what)> fatal;
  /// The transform of a resource's values, null for none. Must give the same answer for a resource every time.
  std::function<std::shared_ptr<const ValueTransform>(Atom resource)> transform_of;
  rocksdb::Env* env = nullptr;   ///< null: the operating system's; must outlive the store
  std::int64_t patience_ms = kStorePatience_ms;
};

}  // namespace keelson::store

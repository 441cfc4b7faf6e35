// Unreadable: what stands in the current state for an object whose record on the disk cannot be decoded: sealed by a key that
// is gone, or damaged. Everything else is served.
//
// Invariants: key and revision are those of the record, which stays as it is on the disk until the object is deleted. The
//   columns say nothing but the key; the body is an object with name, namespace and revision, so that whoever reads all
//   objects of a resource meets no broken text; no kind has its schema epoch, so it is nowhere served as it is.
// Threads: pure functions.
#pragma once
#include "core/store/object.hpp"

namespace keelson::store {

inline constexpr std::uint32_t kUnreadableEpoch = UINT32_MAX;

inline bool is_unreadable(const Object& object) { return object.columns().schema_epoch == kUnreadableEpoch; }
ObjectRef make_unreadable(const Key& key, Revision revision, std::string_view why);
/// Of one that is.
std::string why_unreadable(const Object& object);

}  // namespace keelson::store

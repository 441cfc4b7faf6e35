// Quota count: what a namespace holds of what a ResourceQuota limits.
//
// Threads: pure. Errors: none; kinds that are not there hold nothing.
#pragma once
#include "core/admission/usage.hpp"
#include "core/kinds/catalog.hpp"
#include "core/store/store.hpp"

namespace keelson::admission {

/// The status of a quota as `snapshot` has the namespace: {"hard": spec's, "used": counted}.
json::object counted_status(const store::Snapshot& snapshot, const kinds::Catalog& catalog, const std::string& ns, const json::value& quota, std::int64_t now_unix_s);

}  // namespace keelson::admission

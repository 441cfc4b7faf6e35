// Keys of the column family `meta`.
//
// Threads: pure. The names are part of the format on disk.
#pragma once
#include <string>

#include "core/store/record.hpp"

namespace keelson::store::meta {

inline constexpr const char* kFormat = "format";      ///< kStoreFormat
inline constexpr const char* kCeiling = "ceiling";    ///< revisions below may have been given
inline constexpr const char* kClean = "clean";        ///< only after an orderly end: the last revision given
inline constexpr std::string_view kMark = "mark/";    ///< + resource: compaction mark
inline constexpr std::string_view kGap = "gap/";      ///< + revision before an unclean end: the revision it went on at
inline constexpr std::string_view kVolatile = "volatile/";   ///< + resource: has had volatile objects

inline std::string mark_key(Atom resource) { return std::string(kMark) + std::string(resource.text()); }
inline std::string gap_key(Revision after) { return std::string(kGap) + encode_revision(after); }
inline std::string volatile_key(Atom resource) { return std::string(kVolatile) + std::string(resource.text()); }

}  // namespace keelson::store::meta

// Records: keys and values of the store on disk. A small binary encoding by hand: varints and length-prefixed text,
// read with a bound on every step, because Cap'n Proto's eight-byte words would double the log.
//
// Layout, kRecordFormat first in every value:
//   versions  resource NUL namespace NUL name NUL ~revision(8, big endian)  ->  format, type, key id, sealed payload
//   log       revision(8, big endian)  ->  format, flags, key, previous revision, time, size, cause
// The inverted revision puts a key's newest version first.
// Threads: pure functions. Errors: what cannot be decoded is an Error that names the key, never a crash.
#pragma once
#include "core/store/hooks.hpp"
#include "core/store/store.hpp"

namespace keelson::store {

inline constexpr char kRecordFormat = 1;

struct LogEntry {
  Operation operation = Operation::create;
  bool ends_commit = true;
  Key key;
  Revision previous = 0;        ///< 0 = there was none
  std::int64_t unix_ms = 0;
  std::uint64_t bytes = 0;      ///< about what this entry and its version take
  Cause cause;
};

std::string encode_revision(Revision revision);
Revision decode_revision(std::string_view eight_bytes);

/// The key of a version ends with its revision, of this many bytes; everything of one object's key starts with the rest.
inline constexpr std::size_t kRevisionBytes = 8;
std::string version_prefix(const Key& key);
std::string version_key(const Key& key, Revision revision);
void append_version_key(const Key& key, Revision revision, std::string& out);
struct VersionPlace {
  std::string_view resource, ns, name;
  Revision revision = 0;
};
std::optional<VersionPlace> parse_version_key(std::string_view text);

/// Appends the record of a change; `bytes` as in LogEntry.
void encode_log(const Change& change, bool ends_commit, std::int64_t now_ms, std::uint64_t bytes, std::string& out);
base::Outcome<LogEntry> decode_log(std::string_view text);

/// The key that a version's record is sealed by; empty: none.
std::string_view sealed_by(std::string_view value);
/// Appends the record of a version sealed anew. Error: it cannot be opened.
base::Outcome<void> reseal(std::string_view value, std::string_view place, const ValueTransform& transform, std::string& out);

std::string tombstone();
bool is_tombstone(std::string_view value);
/// Appends the record of an object; `place`: the version key.
void encode_version(const Object& object, std::uint64_t columns_version, std::string_view place, const ValueTransform* transform, std::string& out);
base::Outcome<ObjectRef> decode_version(const Key& key, Revision revision, std::string_view value, std::uint64_t columns_version, std::string_view place, const ValueTransform* transform, const ColumnsOf& columns_of);

}  // namespace keelson::store

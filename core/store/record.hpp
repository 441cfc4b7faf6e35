// Records: keys and values of the store on disk. A small binary encoding by hand: varints and length-prefixed text,
// read with a bound on every step, because Cap'n Proto's eight-byte words would double the log.
//
// Layout, kRecordFormat first in every value:
//   versions  resource NUL namespace NUL name NUL ~revision(8, big endian)  ->  format, type, and then
//             an object: key id, sealed payload; a difference: revision that it rests on, the difference of the two records (difference.hpp)
//   log       revision(8, big endian)  ->  format, flags, key, previous revision, time, size, cause
// The inverted revision puts a key's newest version first. A difference rests on the record next to it, which may be one, too; the last of
// such a chain is whole. Sealed records are whole, and nothing rests on them.
// Threads: pure functions. Errors: what cannot be decoded is an Error that names the key, never a crash.
#pragma once
#include "core/store/hooks.hpp"
#include "core/store/store.hpp"

namespace keelson::store {

inline constexpr char kRecordFormat = 1;

struct LogEntry {
  Operation operation = Operation::create;
  bool ends_commit = true;
  bool rests = false;           ///< its version is a difference to the previous one
  bool previous_rests = false;  ///< the previous one may be a difference, or may have been when it was last written
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

/// Appends the record of a change; `bytes` as in LogEntry. What its objects rest on is to be noted by then.
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
/// Of a whole record.
base::Outcome<ObjectRef> decode_version(const Key& key, Revision revision, std::string_view value, std::uint64_t columns_version, std::string_view place, const ValueTransform* transform, const ColumnsOf& columns_of);

/// Appends `record` as a difference to `base`, the one of `base_revision`; both whole and not sealed. False, and `out` as it was: it would
/// save too little.
bool encode_difference(Revision base_revision, std::string_view base, std::string_view record, std::string& out);

/// A version's record made whole: it is given the record, and then those that are asked for.
class RecordChain {
 public:
  explicit RecordChain(Revision revision) : revision_(revision), wanted_(revision) {}
  Revision revision() const { return revision_; }
  /// The revision whose record is to be added next; 0: none, it is complete.
  Revision wanted() const { return wanted_; }
  /// `record`: valid until whole() was asked, if it is the last.
  void add(std::string_view record);
  /// Valid as long as this, and as the last record. Error: they do not fit together, or one is missing.
  base::Outcome<std::string_view> whole(const Key& key);

 private:
  Revision revision_, wanted_;
  bool complete_ = false;
  std::vector<std::string> differences_;   // newest first
  std::string_view last_;
  std::string whole_;
};

}  // namespace keelson::store

// RocksDbStorage: the log and all versions in RocksDB's column families `versions`, `log` and `meta`.
//
// Invariants: all of a batch is one WriteBatch; the newest version of a key is its current state (a tombstone: it is
//   gone); versions that no kept log entry names as previous, and that are not current, are dropped with their entry, unless a
//   later one rests on them: then they go when the first that is whole again is no longer the oldest that is kept.
//   A resource's compaction mark rises in memory and on disk before anything below it is deleted.
// Threads: as Storage. Ownership: of the database, which it locks.
#pragma once
#include <rocksdb/write_batch.h>

#include <shared_mutex>
#include <unordered_map>
#include <unordered_set>

#include "core/store/acknowledged_mark.hpp"
#include "core/store/change_ring.hpp"
#include "core/store/history_bytes.hpp"
#include "core/store/record.hpp"
#include "core/store/rocksdb_tuning.hpp"
#include "core/store/storage.hpp"

namespace keelson::store {

inline constexpr std::uint64_t kStoreFormat = 2;                   ///< in meta; a newer one is refused. 1: all versions were whole
inline constexpr unsigned kDifferencesMax = 8;                     ///< in a row, until a version is written whole again
inline constexpr std::uint64_t kVolatileBytesMax = 4u << 20;       ///< history of volatile objects
inline constexpr std::size_t kVolatileChangesMax = 16'384;
inline constexpr std::size_t kHistoryScanMax = 20'000;             ///< log entries looked at per slice
inline constexpr std::size_t kTailChecked = 1024;                  ///< log entries checked against versions at start

class RocksDbStorage final : public Storage {
 public:
  RocksDbStorage(StoreOptions options, base::Runtime& runtime, ColumnsOf columns_of);
  ~RocksDbStorage() override;
  base::Outcome<void> open();

  base::Outcome<Recovered> recover() override;
  base::Outcome<void> append(std::span<const Change> changes, std::span<const Durability> durability, bool sync) override;
  base::Outcome<void> sync() override;
  base::Outcome<void> raise_ceiling(Revision ceiling) override;
  base::Outcome<HistoryPage> history(Atom resource, Revision after, const Snapshot& installed, std::size_t changes_max) const override;
  base::Outcome<ObjectRef> get_at(const Key& key, Revision revision, const Snapshot& installed) const override;
  Revision compacted(Atom resource) const override;
  bool compact(bool hard) override;
  void rest() override;
  base::Outcome<void> close(Revision revision) override;

 private:
  struct Gap {
    Revision after, before;   // both ends may be read from, what is between may not
  };
  struct Meta {
    Revision ceiling = 0;
    std::optional<Revision> clean;
    std::uint64_t format = 0;
  };
  class Dropping;
  struct Range;
  // rocksdb_recovery.cc
  base::Outcome<Recovered> recover_all();
  base::Outcome<Meta> read_meta();
  base::Outcome<void> seal_anew(const std::vector<std::string>& stale);
  base::Outcome<void> check_tail(const std::vector<ObjectRef>& objects);
  base::Outcome<void> check_acknowledged(Revision newest) const;
  Revision last_logged();
  base::Outcome<void> settle(const Meta& meta, Revision newest, Recovered& recovered);
  // rocksdb_scan.cc
  base::Outcome<std::vector<ObjectRef>> scan_versions(Revision& newest, std::vector<std::string>& stale);
  std::vector<Range> ranges() const;
  void scan(Range& range) const;
  void take(Range& range, const Key& key, RecordChain& chain, const ValueTransform* transform) const;
  // rocksdb_reading.cc
  base::Outcome<HistoryPage> read_log(Atom resource, Revision after, const Snapshot& installed, std::size_t changes_max) const;
  base::Outcome<Change> change_of(Revision revision, const LogEntry& entry, const Snapshot& installed, std::unordered_map<std::string, ObjectRef>& seen) const;
  base::Outcome<ObjectRef> version(const Key& key, Revision revision, const Snapshot& installed) const;
  /// `last` holds what the chain shows of the last record. NotFound: one was dropped, or never was.
  rocksdb::Status read_chain(const Key& key, RecordChain& chain, rocksdb::PinnableSlice& last) const;
  bool in_gap(Revision revision) const;
  // rocksdb_compaction.cc
  bool count_history();
  bool drop_older(std::int64_t before_ms);
  HistoryBytes::Each excess(std::uint64_t allowed_bytes) const;
  Revision least_mark(const HistoryBytes::Each& resources) const;
  void drop_oldest(HistoryBytes::Each excess);
  // rocksdb_storage.cc
  void encode(const Change& change);
  void put_change(const Change& change, bool ends_commit, std::int64_t now_ms);
  void keep_little();
  bool note_volatile(std::span<const Change> changes, std::span<const Durability> durability);
  void breathe(std::size_t bytes);
  std::shared_ptr<const ValueTransform> transform_of(Atom resource) const;
  std::unique_ptr<rocksdb::Iterator> iterate(rocksdb::ColumnFamilyHandle* family) const;

  const StoreOptions options_;
  base::Runtime& runtime_;
  const ColumnsOf columns_of_;
  Tuning tuning_;
  std::unique_ptr<rocksdb::DB> database_;
  rocksdb::ColumnFamilyHandle *default_ = nullptr, *versions_ = nullptr, *log_ = nullptr, *meta_ = nullptr;
  std::optional<AcknowledgedMark> acknowledged_;     // from open() on
  Revision appended_ = 0;                            // the committer's: the newest that was given to the disk
  rocksdb::WriteBatch batch_;                        // the committer's, of one append; so are the texts that go into it
  std::size_t batch_room_ = 0;                       // about what it has memory for
  struct {
    std::string place, value, entry, before, difference;
  } scratch_;
  ChangeRing ring_;                                  // of volatile objects
  std::unordered_set<Atom> volatile_resources_;      // the committer's
  std::vector<Gap> gaps_;                            // fixed after recover()
  Revision recovered_ = 0;                           // fixed after recover()
  HistoryBytes history_;
  HistoryBytes::Each appended_bytes_;                // the committer's, of one append
  bool history_counted_ = false;                     // the compaction's: whether what lay there at the start is in history_
  mutable std::shared_mutex marks_mutex_;
  std::unordered_map<Atom, Revision> marks_;
  base::Monotonic load_since_ = 0;                   // the committer's: how much is written these seconds
  std::uint64_t load_bytes_ = 0;
};

base::Error disk_error(const rocksdb::Status& status);
/// For whoever has to look at the files: `error`, naming a file or at least where they are.
base::Error in_directory(const std::string& directory, base::Error error);

}  // namespace keelson::store

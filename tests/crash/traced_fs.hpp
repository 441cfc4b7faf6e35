// TracedFs: a file system in memory under RocksDB that remembers every change to it in order, so that afterwards the power can be
// cut at any moment of its past.
//
// Invariants: files only grow. A cut keeps what was synced by then; of what came after it each change of the directory happened or not,
//   and each file keeps a part of its bytes, in logs perhaps torn or zeros (RocksDB refuses other files with such an end, which data
//   that is ordered before sizes does not have). A renamed file has the one name or the other, never none; one
//   that is synced keeps its name, as journaling file systems have it and RocksDB needs it.
// Threads: any while it is written to; cut() when nobody writes any more. Ownership: files are shared with what was cut from them.
#pragma once
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <string>
#include <vector>

namespace keelson::store::crash {

/// Bytes of a file of another file system, which no longer changes, then its own.
struct File {
  std::shared_ptr<const File> below;
  std::size_t below_bytes = 0;
  std::string own;

  std::size_t size() const { return below_bytes + own.size(); }
  /// Copies what there is of `count` bytes from `offset` on; how many.
  std::size_t read(std::size_t offset, std::size_t count, char* to) const;
};
using FileRef = std::shared_ptr<File>;
using Files = std::map<std::string, FileRef>;
using Entries = std::vector<std::pair<std::string, FileRef>>;   ///< of a directory, written at once; null: the name goes

/// The same without anything below.
Files flattened(const Files& files);

class TracedFs final : public rocksdb::FileSystemWrapper {
 public:
  /// All of `files` is safe. Without notes it refuses OPTIONS files, which RocksDB bears.
  explicit TracedFs(const Files& files, bool with_notes);
  const char* Name() const override { return "TracedFs"; }

  /// Changes so far: a moment.
  std::size_t moment() const;
  /// What a power cut at `moment` leaves.
  Files cut(std::size_t moment, std::mt19937_64& random) const;
  /// From now on nothing can be written: for a store whose end does not matter.
  void remove();
  /// All that there is now.
  Files files() const;

  using Options = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;
  using Status = rocksdb::IOStatus;
  Status NewSequentialFile(const std::string& name, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSSequentialFile>* result, Debug*) override;
  Status NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSRandomAccessFile>* result, Debug*) override;
  Status NewWritableFile(const std::string& name, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>* result, Debug*) override;
  Status ReopenWritableFile(const std::string& name, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>* result, Debug*) override;
  Status NewDirectory(const std::string& name, const Options&, std::unique_ptr<rocksdb::FSDirectory>* result, Debug*) override;
  Status FileExists(const std::string& name, const Options&, Debug*) override;
  Status GetChildren(const std::string& directory, const Options&, std::vector<std::string>* result, Debug*) override;
  Status GetFileSize(const std::string& name, const Options&, std::uint64_t* size, Debug*) override;
  Status GetFileModificationTime(const std::string& name, const Options&, std::uint64_t* time, Debug*) override;
  Status DeleteFile(const std::string& name, const Options&, Debug*) override;
  Status RenameFile(const std::string& from, const std::string& to, const Options&, Debug*) override;
  Status CreateDirIfMissing(const std::string&, const Options&, Debug*) override { return Status::OK(); }
  Status LockFile(const std::string& name, const Options&, rocksdb::FileLock** lock, Debug*) override;
  Status UnlockFile(rocksdb::FileLock* lock, const Options&, Debug*) override;

 private:
  struct Change {
    FileRef file;                                            // appended to or synced; null: entries, or their sync
    std::size_t bytes = 0;                                   // its length then
    bool sync = false;
    Entries entries;
  };
  struct Lengths {
    std::size_t written = 0, synced = 0;
  };
  class Writable;
  class Readable;
  class Directory;

  FileRef find(const std::string& name) const;
  Status note(Change change);   // mutex_ held
  Status enter(Entries entries);   // mutex_ held

  const bool with_notes_;
  const Files safe_;
  mutable std::mutex mutex_;
  Files files_;
  std::vector<Change> changes_;
  bool removed_ = false;
};

}  // namespace keelson::store::crash

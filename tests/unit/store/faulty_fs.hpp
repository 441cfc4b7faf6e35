// FaultyFs: a file system under RocksDB that can fail syncs and that knows what a power cut would leave.
//
// Invariants: a file's bytes beyond its last sync are not safe: a cut keeps a random part of them, perhaps torn. A file
//   whose directory was not synced since it was made may be missing.
// Threads: any. cut() sees one moment: nobody writes meanwhile.
#pragma once
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <map>
#include <mutex>
#include <random>

namespace keelson::store::testing {

class FaultyFs final : public rocksdb::FileSystemWrapper {
 public:
  FaultyFs() : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()) {}
  const char* Name() const override { return "FaultyFs"; }

  std::atomic<bool> fail_syncs{false};
  std::atomic<bool> lie_about_syncs{false};   ///< for a test of the tests: syncs that do nothing
  std::atomic<std::uint64_t> syncs{0};
  std::atomic<std::uint64_t> bytes_written{0};

  /// Writes what a power cut at this moment would leave of `from` to `to`. `at_moment` runs while nothing is written.
  template <class F>
  void cut(const std::filesystem::path& from, const std::filesystem::path& to, std::mt19937_64& random, F at_moment) {
    std::lock_guard lock(mutex_);
    at_moment();
    std::filesystem::create_directories(to);
    for (const auto& entry : std::filesystem::directory_iterator(from)) {
      if (!entry.is_regular_file() || entry.path().filename() == "ballast") continue;
      const auto found = files_.find(entry.path().string());
      if (found == files_.end()) std::filesystem::copy_file(entry.path(), to / entry.path().filename());
      else if (found->second.entry_synced || random() % 2 == 0) copy_cut(entry.path(), to / entry.path().filename(), found->second.synced, random);
    }
  }

  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options, std::unique_ptr<rocksdb::FSWritableFile>* result, rocksdb::IODebugContext* debug) override {
    std::lock_guard lock(mutex_);
    const auto status = target()->NewWritableFile(name, options, result, debug);
    if (status.ok()) files_[name] = {};
    return wrap(name, status, result);
  }
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options, std::unique_ptr<rocksdb::FSWritableFile>* result, rocksdb::IODebugContext* debug) override {
    std::lock_guard lock(mutex_);
    return wrap(name, target()->ReopenWritableFile(name, options, result, debug), result);
  }
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to, const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    std::lock_guard lock(mutex_);
    const auto status = target()->RenameFile(from, to, options, debug);
    if (const auto found = files_.find(from); status.ok() && found != files_.end()) {
      // Undoing a rename would need the old target; what was renamed stays.
      found->second.entry_synced = true;
      files_[to] = found->second;
      files_.erase(from);
    }
    return status;
  }
  rocksdb::IOStatus DeleteFile(const std::string& name, const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
    std::lock_guard lock(mutex_);
    files_.erase(name);
    return target()->DeleteFile(name, options, debug);
  }
  rocksdb::IOStatus NewDirectory(const std::string& name, const rocksdb::IOOptions& options, std::unique_ptr<rocksdb::FSDirectory>* result, rocksdb::IODebugContext* debug) override {
    std::unique_ptr<rocksdb::FSDirectory> inner;
    const auto status = target()->NewDirectory(name, options, &inner, debug);
    if (status.ok()) *result = std::make_unique<Directory>(*this, std::move(inner));
    return status;
  }

 private:
  struct File {
    std::uint64_t length = 0, synced = 0;
    bool entry_synced = false;
  };

  class Writable final : public rocksdb::FSWritableFileOwnerWrapper {
   public:
    Writable(FaultyFs& fs, std::string name, std::unique_ptr<rocksdb::FSWritableFile> inner) : FSWritableFileOwnerWrapper(std::move(inner)), fs_(fs), name_(std::move(name)) {}
    using FSWritableFileOwnerWrapper::Append;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override {
      std::lock_guard lock(fs_.mutex_);
      const auto status = FSWritableFileOwnerWrapper::Append(data, options, debug);
      if (status.ok()) fs_.files_[name_].length += data.size();
      fs_.bytes_written += data.size();
      return status;
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const rocksdb::IOOptions& options, const rocksdb::DataVerificationInfo&, rocksdb::IODebugContext* debug) override { return Append(data, options, debug); }
    rocksdb::IOStatus Sync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override { return sync(options, debug); }
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions& options, rocksdb::IODebugContext* debug) override { return sync(options, debug); }

   private:
    rocksdb::IOStatus sync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) {
      ++fs_.syncs;
      if (fs_.fail_syncs) return rocksdb::IOStatus::IOError("planted: sync failed");
      std::lock_guard lock(fs_.mutex_);
      File& file = fs_.files_[name_];
      if (!fs_.lie_about_syncs) file.synced = file.length;
      return rocksdb::IOStatus::OK();   // the real disk need not be asked: only cut() judges
    }
    FaultyFs& fs_;
    const std::string name_;
  };

  class Directory final : public rocksdb::FSDirectoryWrapper {
   public:
    Directory(FaultyFs& fs, std::unique_ptr<rocksdb::FSDirectory> inner) : FSDirectoryWrapper(std::move(inner)), fs_(fs) {}
    rocksdb::IOStatus Fsync(const rocksdb::IOOptions&, rocksdb::IODebugContext*) override { return synced(); }
    rocksdb::IOStatus FsyncWithDirOptions(const rocksdb::IOOptions&, rocksdb::IODebugContext*, const rocksdb::DirFsyncOptions&) override { return synced(); }

   private:
    rocksdb::IOStatus synced() {
      if (fs_.fail_syncs) return rocksdb::IOStatus::IOError("planted: directory sync failed");
      std::lock_guard lock(fs_.mutex_);
      for (auto& [name, file] : fs_.files_) file.entry_synced = true;
      return rocksdb::IOStatus::OK();
    }
    FaultyFs& fs_;
  };

  rocksdb::IOStatus wrap(const std::string& name, const rocksdb::IOStatus& status, std::unique_ptr<rocksdb::FSWritableFile>* result) {
    if (status.ok()) *result = std::make_unique<Writable>(*this, name, std::move(*result));
    return status;
  }

  static void copy_cut(const std::filesystem::path& from, const std::filesystem::path& to, std::uint64_t synced, std::mt19937_64& random) {
    std::ifstream in(from, std::ios::binary);
    std::string bytes(std::filesystem::file_size(from), '\0');
    in.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
    const std::uint64_t unsafe = bytes.size() > synced ? bytes.size() - synced : 0;
    if (unsafe > 0) bytes.resize(synced + random() % (unsafe + 1));
    if (bytes.size() > synced && random() % 2 == 0) bytes[synced + random() % (bytes.size() - synced)] ^= static_cast<char>(1 + random() % 255);
    std::ofstream(to, std::ios::binary) << bytes;
  }

  std::mutex mutex_;
  std::map<std::string, File> files_;
};

/// The file system and the Env that RocksDB wants around it.
struct FaultyDisk {
  std::shared_ptr<FaultyFs> fs = std::make_shared<FaultyFs>();
  std::unique_ptr<rocksdb::Env> env = rocksdb::NewCompositeEnv(fs);
};

}  // namespace keelson::store::testing

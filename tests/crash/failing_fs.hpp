// FailingFs: a file system under RocksDB whose n-th call fails, once or from there on.
//
// Invariants: calls are numbered in the order in which they come; a failing append may have written a part. What is read
//   from a file that exists is never wrong, it only cannot be had.
// Threads: any.
#pragma once
#include <rocksdb/env.h>
#include <rocksdb/file_system.h>

#include <atomic>
#include <optional>
#include <string>

namespace keelson::store::crash {

enum class Fault { io_error, no_space, short_write };

struct FaultPlan {
  std::uint64_t at = UINT64_MAX;   ///< number of the call
  Fault fault = Fault::io_error;
  bool for_good = false;           ///< all calls after it fail too
};

class FailingFs final : public rocksdb::FileSystemWrapper {
 public:
  explicit FailingFs(FaultPlan plan) : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()), plan_(plan) {}
  const char* Name() const override { return "FailingFs"; }

  std::uint64_t calls() const { return calls_; }
  std::uint64_t failed() const { return failed_; }
  void heal() { healed_ = true; }

  using Options = rocksdb::IOOptions;
  using Debug = rocksdb::IODebugContext;
  rocksdb::IOStatus NewWritableFile(const std::string& name, const rocksdb::FileOptions& options, std::unique_ptr<rocksdb::FSWritableFile>* result, Debug* debug) override {
    return wrapped<Writable>(result, [&] { return target()->NewWritableFile(name, options, result, debug); });
  }
  rocksdb::IOStatus ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options, std::unique_ptr<rocksdb::FSWritableFile>* result, Debug* debug) override {
    return wrapped<Writable>(result, [&] { return target()->ReopenWritableFile(name, options, result, debug); });
  }
  rocksdb::IOStatus NewSequentialFile(const std::string& name, const rocksdb::FileOptions& options, std::unique_ptr<rocksdb::FSSequentialFile>* result, Debug* debug) override {
    return wrapped<Sequential>(result, [&] { return target()->NewSequentialFile(name, options, result, debug); });
  }
  rocksdb::IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options, std::unique_ptr<rocksdb::FSRandomAccessFile>* result, Debug* debug) override {
    return wrapped<Random>(result, [&] { return target()->NewRandomAccessFile(name, options, result, debug); });
  }
  rocksdb::IOStatus NewDirectory(const std::string& name, const Options& options, std::unique_ptr<rocksdb::FSDirectory>* result, Debug* debug) override {
    std::unique_ptr<rocksdb::FSDirectory> inner;
    const auto status = tried([&] { return target()->NewDirectory(name, options, &inner, debug); });
    if (status.ok()) *result = std::make_unique<Directory>(*this, std::move(inner));
    return status;
  }
  rocksdb::IOStatus RenameFile(const std::string& from, const std::string& to, const Options& options, Debug* debug) override {
    return tried([&] { return target()->RenameFile(from, to, options, debug); });
  }
  rocksdb::IOStatus DeleteFile(const std::string& name, const Options& options, Debug* debug) override {
    return tried([&] { return target()->DeleteFile(name, options, debug); });
  }
  rocksdb::IOStatus GetChildren(const std::string& name, const Options& options, std::vector<std::string>* result, Debug* debug) override {
    return tried([&] { return target()->GetChildren(name, options, result, debug); });
  }
  rocksdb::IOStatus GetFileSize(const std::string& name, const Options& options, std::uint64_t* size, Debug* debug) override {
    return tried([&] { return target()->GetFileSize(name, options, size, debug); });
  }
  rocksdb::IOStatus CreateDirIfMissing(const std::string& name, const Options& options, Debug* debug) override {
    return tried([&] { return target()->CreateDirIfMissing(name, options, debug); });
  }
  rocksdb::IOStatus LockFile(const std::string& name, const Options& options, rocksdb::FileLock** lock, Debug* debug) override {
    return tried([&] { return target()->LockFile(name, options, lock, debug); });
  }

 private:
  template <class Base>
  struct Held : Base {
    template <class Inner>
    Held(FailingFs& owner, Inner inner) : Base(std::move(inner)), fs(owner) {}
    FailingFs& fs;
  };

  struct Writable final : Held<rocksdb::FSWritableFileOwnerWrapper> {
    using Held::Held;
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const Options& options, Debug* debug) override {
      const auto fault = fs.next();
      if (!fault) return FSWritableFileOwnerWrapper::Append(data, options, debug);
      if (*fault == Fault::short_write) (void)FSWritableFileOwnerWrapper::Append(rocksdb::Slice(data.data(), data.size() / 2), options, debug);
      return status_of(*fault);
    }
    rocksdb::IOStatus Append(const rocksdb::Slice& data, const Options& options, const rocksdb::DataVerificationInfo&, Debug* debug) override { return Append(data, options, debug); }
    rocksdb::IOStatus Sync(const Options&, Debug*) override { return synced(); }
    rocksdb::IOStatus Fsync(const Options&, Debug*) override { return synced(); }
    rocksdb::IOStatus Close(const Options& options, Debug* debug) override {
      return fs.tried([&] { return FSWritableFileOwnerWrapper::Close(options, debug); });
    }
    rocksdb::IOStatus synced() {
      return fs.tried([] { return rocksdb::IOStatus::OK(); });   // no power is cut here
    }
  };

  struct Sequential final : Held<rocksdb::FSSequentialFileOwnerWrapper> {
    using Held::Held;
    rocksdb::IOStatus Read(std::size_t n, const Options& options, rocksdb::Slice* result, char* scratch, Debug* debug) override {
      return fs.tried([&] { return FSSequentialFileOwnerWrapper::Read(n, options, result, scratch, debug); });
    }
  };

  struct Random final : Held<rocksdb::FSRandomAccessFileOwnerWrapper> {
    using Held::Held;
    rocksdb::IOStatus Read(std::uint64_t offset, std::size_t n, const Options& options, rocksdb::Slice* result, char* scratch, Debug* debug) const override {
      return fs.tried([&] { return FSRandomAccessFileOwnerWrapper::Read(offset, n, options, result, scratch, debug); });
    }
  };

  struct Directory final : rocksdb::FSDirectoryWrapper {
    Directory(FailingFs& owner, std::unique_ptr<rocksdb::FSDirectory> inner) : FSDirectoryWrapper(std::move(inner)), fs(owner) {}
    rocksdb::IOStatus Fsync(const Options&, Debug*) override { return synced(); }
    rocksdb::IOStatus FsyncWithDirOptions(const Options&, Debug*, const rocksdb::DirFsyncOptions&) override { return synced(); }
    rocksdb::IOStatus synced() {
      return fs.tried([] { return rocksdb::IOStatus::OK(); });
    }
    FailingFs& fs;
  };

  std::optional<Fault> next() {
    const auto call = calls_++;
    if (healed_ || call < plan_.at || (call > plan_.at && !plan_.for_good)) return std::nullopt;
    ++failed_;
    return plan_.fault;
  }
  static rocksdb::IOStatus status_of(Fault fault) {
    return fault == Fault::no_space ? rocksdb::IOStatus::NoSpace("planted: no space left on device") : rocksdb::IOStatus::IOError("planted: input/output error");
  }
  template <class Call>
  rocksdb::IOStatus tried(Call call) {
    const auto fault = next();
    return fault ? status_of(*fault) : call();
  }
  template <class Wrapper, class File, class Call>
  rocksdb::IOStatus wrapped(std::unique_ptr<File>* result, Call call) {
    const auto status = tried(call);
    if (status.ok()) *result = std::make_unique<Wrapper>(*this, std::move(*result));
    return status;
  }

  const FaultPlan plan_;
  std::atomic<std::uint64_t> calls_{0}, failed_{0};
  std::atomic<bool> healed_{false};
};

}  // namespace keelson::store::crash

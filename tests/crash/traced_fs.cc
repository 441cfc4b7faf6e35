#include "tests/crash/traced_fs.hpp"

#include <algorithm>
#include <cstring>
#include <unordered_map>
#include <utility>

namespace keelson::store::crash {
namespace {

using Status = rocksdb::IOStatus;

enum class Luck { none, all, mixed };   // of what was not synced

Luck lucky(std::mt19937_64& random) {
  const auto drawn = random() % 4;
  return drawn == 0 ? Luck::none : drawn == 1 ? Luck::all : Luck::mixed;
}

void take_over(Files& files, const Entries& entries) {
  for (const auto& [name, file] : entries) {
    if (file) files[name] = file;
    else files.erase(name);
  }
}

/// Those of `loose` that name `file`; what was done before to the same names is then done with.
void take_over_of(const FileRef& file, Files& entries, std::vector<Entries>& loose) {
  for (std::size_t i = 0; i < loose.size(); ++i) {
    if (std::none_of(loose[i].begin(), loose[i].end(), [&](const auto& entry) { return entry.second == file; })) continue;
    for (const auto& [name, taken] : loose[i])
      for (std::size_t before = 0; before < i; ++before) std::erase_if(loose[before], [&, &same = name](const auto& entry) { return entry.first == same; });
    take_over(entries, std::exchange(loose[i], {}));
  }
}

/// The first `bytes` of `whole`; those beyond `synced` may be other ones.
FileRef torn(const FileRef& whole, std::size_t bytes, std::size_t synced, bool whole_bytes, std::mt19937_64& random) {
  auto left = std::make_shared<File>();
  left->below = whole;
  left->below_bytes = bytes;
  if (whole_bytes || bytes == synced || random() % 2 == 0) return left;
  std::string rest(bytes - synced, '\0');
  if (random() % 4 != 0) {
    whole->read(synced, rest.size(), rest.data());
    rest[random() % rest.size()] ^= static_cast<char>(1 + random() % 255);
  }
  left->below_bytes = synced;
  left->own = std::move(rest);
  return left;
}

/// What is written to these is not seen in what they were made of.
Files on_top_of(const Files& files) {
  Files out;
  for (const auto& [name, file] : files) {
    auto own = std::make_shared<File>();
    own->below = file;
    own->below_bytes = file->size();
    out.emplace(name, std::move(own));
  }
  return out;
}

}  // namespace

std::size_t File::read(std::size_t offset, std::size_t count, char* to) const {
  std::size_t done = 0;
  if (offset < below_bytes) {
    done = below->read(offset, std::min(count, below_bytes - offset), to);
    offset += done;
  }
  if (done == count || offset < below_bytes) return done;
  const std::size_t at = offset - below_bytes;
  if (at >= own.size()) return done;
  const std::size_t more = std::min(count - done, own.size() - at);
  std::memcpy(to + done, own.data() + at, more);
  return done + more;
}

Files flattened(const Files& files) {
  Files flat;
  for (const auto& [name, file] : files) {
    auto copy = std::make_shared<File>();
    copy->own.resize(file->size());
    file->read(0, copy->own.size(), copy->own.data());
    flat.emplace(name, std::move(copy));
  }
  return flat;
}

class TracedFs::Writable final : public rocksdb::FSWritableFile {
 public:
  Writable(TracedFs& fs, FileRef file) : fs_(fs), file_(std::move(file)) {}
  Status Append(const rocksdb::Slice& data, const Options&, Debug*) override {
    const std::lock_guard lock(fs_.mutex_);
    if (!fs_.removed_) file_->own.append(data.data(), data.size());
    return fs_.note({file_, file_->size(), false, {}});
  }
  Status Append(const rocksdb::Slice& data, const Options& options, const rocksdb::DataVerificationInfo&, Debug* debug) override { return Append(data, options, debug); }
  Status Truncate(std::uint64_t bytes, const Options&, Debug*) override { return bytes >= GetFileSize({}, nullptr) ? Status::OK() : Status::NotSupported("files only grow"); }
  Status Close(const Options&, Debug*) override { return Status::OK(); }
  Status Flush(const Options&, Debug*) override { return Status::OK(); }
  Status Sync(const Options&, Debug*) override {
    const std::lock_guard lock(fs_.mutex_);
    return fs_.note({file_, file_->size(), true, {}});
  }
  std::uint64_t GetFileSize(const Options&, Debug*) override {
    const std::lock_guard lock(fs_.mutex_);
    return file_->size();
  }

 private:
  TracedFs& fs_;
  const FileRef file_;
};

class TracedFs::Readable final : public rocksdb::FSSequentialFile, public rocksdb::FSRandomAccessFile {
 public:
  Readable(const TracedFs& fs, FileRef file) : fs_(fs), file_(std::move(file)) {}
  Status Read(std::size_t count, const Options&, rocksdb::Slice* result, char* scratch, Debug*) override {
    *result = read(offset_, count, scratch);
    offset_ += result->size();
    return Status::OK();
  }
  Status Read(std::uint64_t offset, std::size_t count, const Options&, rocksdb::Slice* result, char* scratch, Debug*) const override {
    *result = read(offset, count, scratch);
    return Status::OK();
  }
  Status Skip(std::uint64_t count) override {
    offset_ += count;
    return Status::OK();
  }
  Status InvalidateCache(std::size_t, std::size_t) override { return Status::OK(); }
  bool use_direct_io() const override { return false; }
  std::size_t GetRequiredBufferAlignment() const override { return 1; }

 private:
  rocksdb::Slice read(std::size_t offset, std::size_t count, char* scratch) const {
    const std::lock_guard lock(fs_.mutex_);
    return {scratch, file_->read(offset, count, scratch)};
  }
  const TracedFs& fs_;
  const FileRef file_;
  std::size_t offset_ = 0;
};

class TracedFs::Directory final : public rocksdb::FSDirectory {
 public:
  explicit Directory(TracedFs& fs) : fs_(fs) {}
  Status Fsync(const Options&, Debug*) override {
    const std::lock_guard lock(fs_.mutex_);
    return fs_.note({nullptr, 0, true, {}});
  }

 private:
  TracedFs& fs_;
};

TracedFs::TracedFs(const Files& files, bool with_notes) : rocksdb::FileSystemWrapper(rocksdb::FileSystem::Default()), with_notes_(with_notes), safe_(on_top_of(files)), files_(safe_) {}

std::size_t TracedFs::moment() const {
  const std::lock_guard lock(mutex_);
  return changes_.size();
}

Files TracedFs::files() const {
  const std::lock_guard lock(mutex_);
  return files_;
}

Files TracedFs::cut(std::size_t moment, std::mt19937_64& random) const {
  const Luck luck = lucky(random);
  std::unordered_map<const File*, Lengths> lengths;
  for (const auto& [name, file] : safe_) lengths[file.get()] = {file->below_bytes, file->below_bytes};
  Files entries = safe_;
  std::vector<Entries> loose;   // what was not synced
  for (std::size_t i = 0; i < moment; ++i) {
    const auto& change = changes_[i];
    if (change.file) {
      auto& length = lengths[change.file.get()];
      (change.sync ? length.synced : length.written) = change.bytes;
      if (change.sync) take_over_of(change.file, entries, loose);
    } else if (change.sync) {
      for (const auto& one : loose) take_over(entries, one);
      loose.clear();
    } else {
      loose.push_back(change.entries);
    }
  }
  for (const auto& one : loose)
    if (luck == Luck::all || (luck == Luck::mixed && random() % 2 == 0)) take_over(entries, one);
  Files left;
  for (const auto& [name, file] : entries) {
    const auto [written, synced] = lengths[file.get()];
    const std::size_t kept = luck == Luck::all ? written : luck == Luck::none ? synced : synced + random() % (written - synced + 1);
    left.emplace(name, torn(file, kept, synced, luck == Luck::all || !name.ends_with(".log"), random));
  }
  return left;
}

FileRef TracedFs::find(const std::string& name) const {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(name);
  return found == files_.end() ? nullptr : found->second;
}

void TracedFs::remove() {
  const std::lock_guard lock(mutex_);
  removed_ = true;
}

Status TracedFs::note(Change change) {
  if (removed_) return Status::IOError("removed");
  changes_.push_back(std::move(change));
  return Status::OK();
}

Status TracedFs::enter(Entries entries) {
  if (!removed_) take_over(files_, entries);
  return note({nullptr, 0, false, std::move(entries)});
}

Status TracedFs::NewSequentialFile(const std::string& name, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSSequentialFile>* result, Debug*) {
  const auto file = find(name);
  if (!file) return Status::PathNotFound(name);
  *result = std::make_unique<Readable>(*this, file);
  return Status::OK();
}

Status TracedFs::NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSRandomAccessFile>* result, Debug*) {
  const auto file = find(name);
  if (!file) return Status::PathNotFound(name);
  *result = std::make_unique<Readable>(*this, file);
  return Status::OK();
}

Status TracedFs::NewWritableFile(const std::string& name, const rocksdb::FileOptions&, std::unique_ptr<rocksdb::FSWritableFile>* result, Debug*) {
  if (!with_notes_ && name.find("/OPTIONS-") != std::string::npos) return Status::NoSpace(name);
  const auto file = std::make_shared<File>();
  const std::lock_guard lock(mutex_);
  *result = std::make_unique<Writable>(*this, file);
  return enter({{name, file}});
}

Status TracedFs::ReopenWritableFile(const std::string& name, const rocksdb::FileOptions& options, std::unique_ptr<rocksdb::FSWritableFile>* result, Debug* debug) {
  const auto file = find(name);
  if (!file) return NewWritableFile(name, options, result, debug);
  *result = std::make_unique<Writable>(*this, file);
  return Status::OK();
}

Status TracedFs::NewDirectory(const std::string&, const Options&, std::unique_ptr<rocksdb::FSDirectory>* result, Debug*) {
  *result = std::make_unique<Directory>(*this);
  return Status::OK();
}

Status TracedFs::FileExists(const std::string& name, const Options&, Debug*) { return find(name) ? Status::OK() : Status::NotFound(name); }

Status TracedFs::GetChildren(const std::string& directory, const Options&, std::vector<std::string>* result, Debug*) {
  const auto prefix = directory.ends_with('/') ? directory : directory + "/";
  const std::lock_guard lock(mutex_);
  result->clear();
  for (auto at = files_.lower_bound(prefix); at != files_.end() && at->first.starts_with(prefix); ++at) result->push_back(at->first.substr(prefix.size()));
  return Status::OK();
}

Status TracedFs::GetFileSize(const std::string& name, const Options&, std::uint64_t* size, Debug*) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(name);
  if (found == files_.end()) return Status::PathNotFound(name);
  *size = found->second->size();
  return Status::OK();
}

Status TracedFs::GetFileModificationTime(const std::string& name, const Options&, std::uint64_t* time, Debug*) {
  *time = 0;
  return find(name) ? Status::OK() : Status::PathNotFound(name);
}

Status TracedFs::DeleteFile(const std::string& name, const Options&, Debug*) {
  const std::lock_guard lock(mutex_);
  if (!files_.contains(name)) return Status::PathNotFound(name);
  return enter({{name, nullptr}});
}

Status TracedFs::RenameFile(const std::string& from, const std::string& to, const Options&, Debug*) {
  const std::lock_guard lock(mutex_);
  const auto found = files_.find(from);
  if (found == files_.end()) return Status::PathNotFound(from);
  return enter({{to, found->second}, {from, nullptr}});
}

Status TracedFs::LockFile(const std::string&, const Options&, rocksdb::FileLock** lock, Debug*) {
  *lock = new rocksdb::FileLock;
  return Status::OK();
}

Status TracedFs::UnlockFile(rocksdb::FileLock* lock, const Options&, Debug*) {
  delete lock;
  return Status::OK();
}

}  // namespace keelson::store::crash

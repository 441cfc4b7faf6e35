#include "core/store/checked_tables.hpp"

#include <rocksdb/file_system.h>

#include <optional>
#include <string>
#include <string_view>

// RocksDB hashes blocks with it, and has it under this name in the library and in the archive.
extern "C" std::uint64_t ROCKSDB_XXH3_64bits(const void* bytes, std::size_t count);

namespace keelson::store {
namespace {

// A table ends with a footer: kind of checksum, two handles in a field of fixed size, version, magic number.
constexpr std::size_t kFooterBytes = 53, kVersionAt = 41, kMagicAt = 45;
constexpr std::uint64_t kMagic = 0x88e241b785f4cff7;
constexpr std::uint64_t kTailBytesMax = 1u << 20;   // of a block of that kind; ours have some hundreds
// A block is followed by how it is compressed and its checksum, which covers that, too.
constexpr std::size_t kTrailerBytes = 5;
constexpr std::uint32_t kLastByteFactor = 0x6b9083d9;
constexpr std::string_view kProperties = "rocksdb.properties";

struct Handle {
  std::uint64_t offset = 0, size = 0;
};

std::uint64_t little_endian(std::string_view bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8 | static_cast<std::uint8_t>(bytes[i]);
  return value;
}

std::optional<std::uint64_t> take_varint(std::string_view& bytes) {
  std::uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes.empty(); shift += 7) {
    const auto byte = static_cast<std::uint8_t>(bytes.front());
    bytes.remove_prefix(1);
    value |= static_cast<std::uint64_t>(byte & 0x7f) << shift;
    if (byte < 0x80) return value;
  }
  return std::nullopt;
}

std::optional<Handle> take_handle(std::string_view& bytes) {
  const auto offset = take_varint(bytes), size = take_varint(bytes);
  if (!offset || !size) return std::nullopt;
  return Handle{*offset, *size};
}

bool ours(std::string_view footer) {
  return footer.front() == static_cast<char>(kTableChecksum) && little_endian(footer.substr(kVersionAt, kMagicAt - kVersionAt)) == kTableVersion && little_endian(footer.substr(kMagicAt)) == kMagic;
}

bool as_summed(std::string_view block_and_trailer) {
  const auto block = block_and_trailer.substr(0, block_and_trailer.size() - kTrailerBytes), trailer = block_and_trailer.substr(block.size());
  const auto sum = static_cast<std::uint32_t>(ROCKSDB_XXH3_64bits(block.data(), block.size())) ^ static_cast<std::uint8_t>(trailer.front()) * kLastByteFactor;
  return sum == little_endian(trailer.substr(1));
}

/// The end of one table.
class Tail {
 public:
  Tail(const rocksdb::FSRandomAccessFile& file, std::uint64_t size, rocksdb::IODebugContext* debug) : file_(file), size_(size), debug_(debug) {}

  /// What is wrong with it, if anything; "" too where RocksDB will find it out itself and say where.
  rocksdb::IOStatus check(std::string& wrong) const {
    if (size_ < kFooterBytes) return rocksdb::IOStatus::OK();
    std::string footer, index, properties;
    if (auto read = bytes(size_ - kFooterBytes, kFooterBytes, footer); !read.ok()) return read;
    if (footer.size() != kFooterBytes) return rocksdb::IOStatus::OK();
    if (!ours(footer)) return wrong = "a table with another footer", rocksdb::IOStatus::OK();
    std::string_view handles = std::string_view(footer).substr(1, kVersionAt - 1);
    if (auto read = block(take_handle(handles), index); !read.ok() || index.empty()) return read;
    const auto found = index.find(kProperties);
    if (found == std::string::npos) return rocksdb::IOStatus::OK();
    std::string_view value = std::string_view(index).substr(found + kProperties.size());
    if (auto read = block(take_handle(value), properties); !read.ok()) return read;
    if (properties.empty() || !as_summed(properties)) wrong = "a table with damaged properties";
    return rocksdb::IOStatus::OK();
  }

 private:
  rocksdb::IOStatus bytes(std::uint64_t offset, std::size_t count, std::string& into) const {
    into.resize(count);
    rocksdb::Slice read;
    auto status = file_.Read(offset, count, rocksdb::IOOptions(), &read, into.data(), debug_);
    if (status.ok()) into = read.ToString();
    return status;
  }

  /// With its trailer; empty when it cannot be there.
  rocksdb::IOStatus block(std::optional<Handle> handle, std::string& into) const {
    into.clear();
    if (!handle || handle->size > kTailBytesMax || handle->offset > size_ || handle->size + kTrailerBytes > size_ - handle->offset) return rocksdb::IOStatus::OK();
    const auto count = static_cast<std::size_t>(handle->size) + kTrailerBytes;
    auto status = bytes(handle->offset, count, into);
    if (into.size() != count) into.clear();
    return status;
  }

  const rocksdb::FSRandomAccessFile& file_;
  const std::uint64_t size_;
  rocksdb::IODebugContext* const debug_;
};

class TableFiles final : public rocksdb::FileSystemWrapper {
 public:
  using FileSystemWrapper::FileSystemWrapper;
  const char* Name() const override { return "TableFiles"; }

  rocksdb::IOStatus NewRandomAccessFile(const std::string& name, const rocksdb::FileOptions& options, std::unique_ptr<rocksdb::FSRandomAccessFile>* result, rocksdb::IODebugContext* debug) override {
    auto opened = target()->NewRandomAccessFile(name, options, result, debug);
    if (!opened.ok() || !name.ends_with(".sst")) return opened;
    std::uint64_t size = 0;
    std::string wrong;
    auto looked_at = target()->GetFileSize(name, options.io_options, &size, debug);
    if (looked_at.ok()) looked_at = Tail(**result, size, debug).check(wrong);
    if (looked_at.ok() && !wrong.empty()) looked_at = rocksdb::IOStatus::Corruption(wrong, name);
    if (!looked_at.ok()) result->reset();
    return looked_at;
  }
};

class CheckedTables final : public rocksdb::EnvWrapper {
 public:
  explicit CheckedTables(rocksdb::Env& below) : EnvWrapper(&below) {
    file_system_ = std::make_shared<TableFiles>(below.GetFileSystem());
    system_clock_ = below.GetSystemClock();
  }
  const char* Name() const override { return "CheckedTables"; }
};

}  // namespace

std::unique_ptr<rocksdb::Env> make_checked_tables(rocksdb::Env& below) { return std::make_unique<CheckedTables>(below); }

}  // namespace keelson::store

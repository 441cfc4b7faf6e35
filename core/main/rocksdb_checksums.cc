// RocksDB's checksums by the processor's instruction (core/store/crc32c): the linker brings here what calls for them in its archive
// (--wrap in core/CMakeLists.txt). In a shared RocksDB, and on a processor without the instruction, they are its own.
#include "core/store/crc32c.hpp"

namespace keelson::server {

// rocksdb::crc32c::Extend(uint32_t, const char*, size_t), as --wrap names it and what takes its place.
std::uint32_t rocksdb_extend(std::uint32_t before, const char* data, std::size_t size) asm("__real__ZN7rocksdb6crc32c6ExtendEjPKcm");
std::uint32_t extend(std::uint32_t before, const char* data, std::size_t size) asm("__wrap__ZN7rocksdb6crc32c6ExtendEjPKcm");

std::uint32_t extend(std::uint32_t before, const char* data, std::size_t size) {
  return store::has_crc32c() ? store::crc32c(before, {data, size}) : rocksdb_extend(before, data, size);
}

}  // namespace keelson::server

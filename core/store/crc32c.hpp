// CRC-32C by the processor's instruction. Debian's build of RocksDB knows none and takes four instructions a byte, for each byte of the
// log and of tables; where the server is linked with its archive, its calls come here (main/rocksdb_checksums).
//
// Threads: pure functions.
#pragma once
#include <cstdint>
#include <string_view>

namespace keelson::store {

/// Whether this processor has the instruction.
bool has_crc32c();
/// Of `text` behind what `before` is the checksum of; only where has_crc32c().
std::uint32_t crc32c(std::uint32_t before, std::string_view text);

}  // namespace keelson::store

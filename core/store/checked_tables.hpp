// CheckedTables: RocksDB's environment, in which a table whose footer or properties are damaged cannot be opened. RocksDB itself
// takes a table's properties apart before it looks at their checksum, and a changed byte there ends the process by an assertion that
// names no file; of a version that it does not know it says that the manifest has it. Of all its other blocks it checks the checksum first.
//
// Invariants: only the end of a file is read, its footer, the index of its meta blocks and its properties, whenever RocksDB opens
//   a table; what is wrong with anything else there is left to RocksDB. All else goes to the environment below.
// Threads: any. Ownership: what is below is borrowed. Errors: Corruption with the file's name; of reading, as the file system has them.
#pragma once
#include <rocksdb/env.h>
#include <rocksdb/table.h>

#include <memory>

namespace keelson::store {

/// What every table of a store is made with.
inline constexpr rocksdb::ChecksumType kTableChecksum = rocksdb::kXXH3;
inline constexpr std::uint32_t kTableVersion = 5;

std::unique_ptr<rocksdb::Env> make_checked_tables(rocksdb::Env& below);

}  // namespace keelson::store

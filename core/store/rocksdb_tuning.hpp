// Tuning: RocksDB as small as it gets: its defaults are made for servers that do nothing else.
//
// Invariants: at rest all write buffers together take kWriteBuffersAtRest bytes, under load kWriteBuffersLoaded; no
//   statistics, no log dumps, no periodic threads.
// Threads: by one thread. Ownership: values.
#pragma once
#include <rocksdb/db.h>
#include <rocksdb/write_buffer_manager.h>

#include <memory>

namespace keelson::store {

inline constexpr std::size_t kWriteBuffersAtRest = 8u << 20;
inline constexpr std::size_t kWriteBuffersLoaded = 64u << 20;
inline constexpr std::size_t kBlockCacheBytes = 4u << 20;
inline constexpr std::size_t kWalBytesMax = 64u << 20;
inline constexpr int kOpenFilesMax = 128;

struct Tuning {
  explicit Tuning(rocksdb::Env* env);
  std::unique_ptr<rocksdb::Env> tables;   ///< what `database` works in
  std::shared_ptr<rocksdb::WriteBufferManager> buffers;
  rocksdb::DBOptions database;
  rocksdb::ColumnFamilyOptions bodies;   ///< `versions`: large values
  rocksdb::ColumnFamilyOptions small;    ///< `log` and `meta`
};

}  // namespace keelson::store

#include "core/store/rocksdb_tuning.hpp"

#include <rocksdb/cache.h>
#include <rocksdb/env.h>
#include <rocksdb/slice_transform.h>
#include <rocksdb/table.h>

#include "core/store/checked_tables.hpp"

namespace keelson::store {
namespace {

constexpr std::size_t kArenaBlockBytes = 64u << 10;
constexpr std::size_t kBodyBlockBytes = 16u << 10;   // bodies are read in rows at start; small blocks cost a system call each
constexpr std::uint64_t kBodyTableBytes = 16u << 20;   // at start threads share them
constexpr std::size_t kSmallBlockBytes = 4u << 10;

// A key is searched from where the last one with the same beginning went in: the resource and most of the namespace, and
// in the log, whose keys grow, all but the last bytes.
constexpr std::size_t kHintedBodyBytes = 12;
constexpr std::size_t kHintedLogBytes = 4;

// Nobody reads from files but a start and who asks for history: what was flushed may lie in many of them until it is merged, each time
// with most of what lies below.
constexpr int kFlushedFilesMax = 12;
constexpr std::uint64_t kFirstLevelBytes = 1u << 30;

// RocksDB writes a file of its own doings otherwise, also while idle.
class SilentLogger final : public rocksdb::Logger {
 public:
  using rocksdb::Logger::Logv;
  void Logv(const char*, va_list) override {}
};

rocksdb::ColumnFamilyOptions family(const std::shared_ptr<rocksdb::Cache>& cache, std::size_t block_bytes) {
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = cache;
  table.cache_index_and_filter_blocks = true;
  table.block_size = block_bytes;
  table.checksum = kTableChecksum;
  table.format_version = kTableVersion;
  rocksdb::ColumnFamilyOptions options;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  options.write_buffer_size = kWriteBuffersLoaded;
  options.arena_block_size = kArenaBlockBytes;
  options.max_write_buffer_number = 4;
  // What a flush writes is merged with the next level soon, and compressed then.
  options.compression_per_level = {rocksdb::kNoCompression, rocksdb::kLZ4Compression};
  options.level_compaction_dynamic_level_bytes = true;
  options.level0_file_num_compaction_trigger = kFlushedFilesMax;
  options.level0_slowdown_writes_trigger = 3 * kFlushedFilesMax;
  options.level0_stop_writes_trigger = 5 * kFlushedFilesMax;
  options.max_bytes_for_level_base = kFirstLevelBytes;
  return options;
}

}  // namespace

Tuning::Tuning(rocksdb::Env* env) {
  const auto cache = rocksdb::NewLRUCache(kBlockCacheBytes);
  buffers = std::make_shared<rocksdb::WriteBufferManager>(kWriteBuffersAtRest);
  tables = make_checked_tables(env ? *env : *rocksdb::Env::Default());
  database.env = tables.get();
  database.create_if_missing = true;
  database.create_missing_column_families = true;
  database.write_buffer_manager = buffers;
  database.info_log = std::make_shared<SilentLogger>();
  database.stats_dump_period_sec = 0;
  database.stats_persist_period_sec = 0;
  database.max_total_wal_size = kWalBytesMax;
  database.max_open_files = kOpenFilesMax;
  database.max_background_jobs = 2;
  database.max_file_opening_threads = 1;
  database.skip_stats_update_on_db_open = true;
  database.skip_checking_sst_file_sizes_on_db_open = true;
  database.track_and_verify_wals_in_manifest = true;
  // A torn tail is what a power cut leaves; everything acknowledged lies before it.
  database.wal_recovery_mode = rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  database.avoid_flush_during_recovery = false;
  bodies = family(cache, kBodyBlockBytes);
  bodies.target_file_size_base = kBodyTableBytes;
  bodies.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewCappedPrefixTransform(kHintedBodyBytes));
  small = family(cache, kSmallBlockBytes);
  small.memtable_insert_with_hint_prefix_extractor.reset(rocksdb::NewCappedPrefixTransform(kHintedLogBytes));
}

}  // namespace keelson::store

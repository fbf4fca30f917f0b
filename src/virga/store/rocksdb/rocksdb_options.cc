#include "virga/store/internal/rocksdb_options.h"

#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>

#include <array>
#include <cstdarg>
#include <cstdio>
#include <memory>

#include "virga/telemetry/log.h"

namespace virga::store::internal {

namespace {

// The next commit looks whether there is room again; RocksDB's own way polls every 5 seconds and refuses to be asked.
class NoSelfRecovery : public rocksdb::EventListener {
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

// What RocksDB has to tell, for who asks for it. Its own log is a file in its folder, and when that cannot be written
// because the disk is full, the second line that cannot ends the process by an assertion (Debian's build has them).
class Messages final : public rocksdb::Logger {
 public:
  Messages() : Logger(rocksdb::WARN_LEVEL) {}
  using Logger::Logv;
  void Logv(const char* format, va_list arguments) override {
    if (!log::enabled(log::Level::Debug)) return;
    std::array<char, 1024> text{};
    (void)std::vsnprintf(text.data(), text.size(), format, arguments);
    log::debug("rocksdb", {{"says", text.data()}});
  }
};

}  // namespace

// Small and quick to open: an idle daemon stays within 30 MiB and is ready within 150 ms. A write burst may take
// two memtables, a cache of 4 MiB and a few table readers more.
rocksdb::Options make_options(rocksdb::Env& env) {
  rocksdb::Options options;
  options.env = &env;
  options.create_if_missing = true;
  options.write_buffer_size = 8 << 20;
  options.max_write_buffer_number = 2;
  options.arena_block_size = 256 << 10;
  options.max_open_files = 256;
  options.max_background_jobs = 2;
  options.max_total_wal_size = 64 << 20;
  options.compression = rocksdb::kLZ4Compression;
  // One group at a time writes. No insert hints: those of a memtable's keys serve its removed ranges as well, which lie
  // in another list.
  options.allow_concurrent_memtable_write = false;
  options.level_compaction_dynamic_level_bytes = true;
  options.listeners.push_back(std::make_shared<NoSelfRecovery>());
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(4 << 20, /*num_shard_bits=*/2);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  // What opening need not do, and threads an idle daemon need not have.
  options.skip_stats_update_on_db_open = true;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.info_log = std::make_shared<Messages>();
  return options;
}

}  // namespace virga::store::internal

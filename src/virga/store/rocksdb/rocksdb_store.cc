#include "virga/store/rocksdb/rocksdb_store.h"

#include <fmt/format.h>
#include <rocksdb/cache.h>
#include <rocksdb/filter_policy.h>
#include <rocksdb/listener.h>
#include <rocksdb/table.h>
#include <rocksdb/write_batch.h>

#include <filesystem>

#include "virga/base/problems.h"
#include "virga/os/file.h"
#include "virga/store/internal/bounds.h"
#include "virga/store/internal/rocksdb_store.h"

namespace virga::store {

namespace internal {

namespace {

namespace fs = std::filesystem;

rocksdb::Slice slice(std::string_view bytes) {
  return {bytes.data(), bytes.size()};
}
std::string text(const rocksdb::Slice& bytes) {
  return {bytes.data(), bytes.size()};
}

// The next commit looks whether there is room again; RocksDB's own way polls every 5 seconds and refuses to be asked.
class NoSelfRecovery : public rocksdb::EventListener {
  void OnErrorRecoveryBegin(rocksdb::BackgroundErrorReason, rocksdb::Status, bool* auto_recovery) override {
    *auto_recovery = false;
  }
};

// Small and quick to open: an idle daemon stays within 30 MiB and is ready within 150 ms. A write burst may take
// two memtables, a cache of 4 MiB and a few table readers more.
rocksdb::Options options(rocksdb::Env& env) {
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
  options.level_compaction_dynamic_level_bytes = true;
  options.listeners.push_back(std::make_shared<NoSelfRecovery>());
  rocksdb::BlockBasedTableOptions table;
  table.block_cache = rocksdb::NewLRUCache(4 << 20, /*num_shard_bits=*/2);
  table.filter_policy.reset(rocksdb::NewBloomFilterPolicy(10));
  table.format_version = 5;
  options.table_factory.reset(rocksdb::NewBlockBasedTableFactory(table));
  // What opening need not do, and threads an idle daemon need not have.
  options.avoid_flush_during_recovery = true;
  options.skip_stats_update_on_db_open = true;
  options.stats_dump_period_sec = 0;
  options.stats_persist_period_sec = 0;
  options.max_log_file_size = 1 << 20;
  options.keep_log_file_num = 2;
  options.info_log_level = rocksdb::WARN_LEVEL;
  // A record cut off at the end of the log was never acknowledged and may go; damage anywhere else refuses to open,
  // while RocksDB's default would drop everything behind it without a word.
  options.wal_recovery_mode = rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords;
  return options;
}

constexpr std::string_view kRestore =
    "restore the folder from a backup, or move its 'store' folder away to start empty (functions are then deployed "
    "again)";

std::unexpected<Error> damaged(const std::string& folder, std::string_view what) {
  return fail(problem::kDataFolderDamaged,
              fmt::format("the data folder {} is damaged ({}); {}", folder, what, kRestore));
}

// RocksDB would take a folder without this file for a new one.
bool lost_its_root(const std::string& directory) {
  std::error_code error;
  if (fs::exists(directory + "/CURRENT", error)) return false;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    std::string name = entry.path().filename().string();
    if (name.starts_with("MANIFEST-") || name.ends_with(".sst") || name.ends_with(".log")) return true;
  }
  return false;
}

}  // namespace

Result<std::unique_ptr<Store>> RocksdbStore::open(const std::string& data_folder, rocksdb::Env& env) {
  VIRGA_TRY_ASSIGN(DataLock lock, DataLock::acquire(data_folder));
  std::string directory = data_folder + "/store";
  std::error_code exists_error;
  if (!fs::exists(directory, exists_error)) {
    VIRGA_TRY(os::make_directories(directory, 0700));
    VIRGA_TRY(os::sync_directory(data_folder));
  }
  if (lost_its_root(directory)) return damaged(data_folder, "store/CURRENT is missing");

  rocksdb::DB* db = nullptr;
  rocksdb::Status status = rocksdb::DB::Open(options(env), directory, &db);
  if (!status.ok()) {
    bool missing = status.IsPathNotFound() || status.ToString().find("No such file") != std::string::npos;
    if (status.IsCorruption() || status.IsInvalidArgument() || missing) return damaged(data_folder, status.ToString());
    if (status.IsNoSpace()) {
      return fail(problem::kDiskFull, fmt::format("the disk of the data folder {} is full ({}); make room on it",
                                                  data_folder, status.ToString()));
    }
    return fail(problem::kDataFolderUnreadable,
                fmt::format("the data folder {} cannot be opened ({}); check its disk and permissions", data_folder,
                            status.ToString()));
  }
  return std::make_unique<RocksdbStore>(data_folder, std::move(lock), std::unique_ptr<rocksdb::DB>(db));
}

RocksdbStore::RocksdbStore(std::string folder, DataLock lock, std::unique_ptr<rocksdb::DB> db)
    : folder_(std::move(folder)),
      lock_(std::move(lock)),
      db_(std::move(db)),
      group_commit_([this](const std::vector<GroupCommit::Waiting*>& group) { write(group); }) {}

Error RocksdbStore::read_error(const rocksdb::Status& status) const {
  if (status.IsCorruption()) return damaged(folder_, status.ToString()).error();
  return problem_error(
      problem::kDataFolderUnreadable,
      fmt::format("the data folder {} cannot be read ({}); check its disk", folder_, status.ToString()));
}

Result<std::optional<std::string>> RocksdbStore::get(std::string_view key) const {
  std::string value;
  rocksdb::Status status = db_->Get(rocksdb::ReadOptions(), slice(key), &value);
  if (status.IsNotFound()) return std::nullopt;
  if (!status.ok()) return fail(read_error(status));
  return value;
}

Result<std::vector<Record>> RocksdbStore::scan(const Range& range) const {
  Bounds bounds = bounds_of(range);
  std::vector<Record> records;
  if (bounds.upper && *bounds.upper <= bounds.lower) return records;
  rocksdb::ReadOptions read;
  rocksdb::Slice lower = slice(bounds.lower);
  rocksdb::Slice upper;
  read.iterate_lower_bound = &lower;
  if (bounds.upper) {
    upper = slice(*bounds.upper);
    read.iterate_upper_bound = &upper;
  }
  std::unique_ptr<rocksdb::Iterator> iterator(db_->NewIterator(read));
  bool ascending = range.order == Order::Ascending;
  ascending ? iterator->SeekToFirst() : iterator->SeekToLast();
  while (iterator->Valid() && records.size() < range.limit) {
    records.push_back({text(iterator->key()), text(iterator->value())});
    ascending ? iterator->Next() : iterator->Prev();
  }
  if (!iterator->status().ok()) return fail(read_error(iterator->status()));
  return records;
}

Result<> RocksdbStore::commit(Batch batch, Durability durability) {
  return group_commit_.commit(batch, durability);
}

Result<> RocksdbStore::judge(const Batch& batch) const {
  for (const Batch::Precondition& precondition : batch.preconditions()) {
    VIRGA_TRY_ASSIGN(std::optional<std::string> value, get(precondition.key));
    if (value != precondition.value) return precondition_failed(precondition.key);
  }
  return {};
}

void RocksdbStore::write(const std::vector<GroupCommit::Waiting*>& group) {
  rocksdb::WriteBatch together;
  Durability durability = Durability::Eventual;
  std::vector<GroupCommit::Waiting*> written;
  for (GroupCommit::Waiting* waiting : group) {
    waiting->result = judge(*waiting->batch);
    if (!waiting->result) continue;
    for (const Batch::Operation& operation : waiting->batch->operations()) {
      // These fail only for batches beyond a size that is not set.
      switch (operation.kind) {
        case Batch::Operation::Kind::Put:
          (void)together.Put(slice(operation.key), slice(operation.value));
          break;
        case Batch::Operation::Kind::Remove:
          (void)together.Delete(slice(operation.key));
          break;
        case Batch::Operation::Kind::RemoveRange:
          if (operation.key < operation.value) (void)together.DeleteRange(slice(operation.key), slice(operation.value));
          break;
      }
    }
    if (waiting->durability == Durability::Synced) durability = Durability::Synced;
    written.push_back(waiting);
  }
  if (written.empty()) return;
  Result<> result = write_batch(together, durability);
  for (GroupCommit::Waiting* waiting : written) waiting->result = result;
}

Result<> RocksdbStore::write_batch(rocksdb::WriteBatch& batch, Durability durability) {
  if (refused_) return fail(*refused_);
  rocksdb::Status status;
  // After a full disk RocksDB takes no writes until it is told to look again.
  if (disk_was_full_) status = db_->Resume();
  if (status.ok()) {
    rocksdb::WriteOptions write;
    write.sync = durability == Durability::Synced;
    status = db_->Write(write, &batch);
  }
  if (status.ok()) {
    disk_was_full_ = false;
    return {};
  }
  if (status.IsNoSpace()) {
    disk_was_full_ = true;
    return fail(
        problem::kDiskFull,
        fmt::format("the disk of the data folder {} is full; nothing was changed, make room on it and try again",
                    folder_));
  }
  refused_ = problem_error(
      problem::kDiskRefused,
      fmt::format("the disk of the data folder {} refused a write ({}), so nothing more is acknowledged; check the "
                  "disk and restart virga",
                  folder_, status.ToString()));
  return fail(*refused_);
}

}  // namespace internal

Result<std::unique_ptr<Store>> open_rocksdb(const std::string& data_folder) {
  return internal::RocksdbStore::open(data_folder, *rocksdb::Env::Default());
}

}  // namespace virga::store

#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <thread>

#include "virga/store/data_lock.h"
#include "virga/store/internal/group_commit.h"
#include "virga/store/internal/log_check.h"
#include "virga/store/internal/synced_mark.h"
#include "virga/store/store.h"

namespace virga::store::internal {

class RocksdbStore : public Store {
 public:
  // `env` is the disk; it outlives the store.
  static Result<std::unique_ptr<Store>> open(const std::string& data_folder, rocksdb::Env& env);

  // RocksDB, and what has to live as long.
  struct Opened {
    std::unique_ptr<LogCheck> check;
    std::unique_ptr<rocksdb::DB> db;
  };
  RocksdbStore(std::string folder, DataLock lock, SyncedMark mark, Opened opened);
  // Marks all that was synced.
  ~RocksdbStore() override;
  RocksdbStore(const RocksdbStore&) = delete;
  RocksdbStore& operator=(const RocksdbStore&) = delete;

  Result<std::optional<std::string>> get(std::string_view key) const override;
  Result<std::vector<Record>> scan(const Range& range) const override;
  Result<> commit(Batch batch, Durability durability) override;

 private:
  void write(const std::vector<GroupCommit::Waiting*>& group);
  Result<> judge(const Batch& batch) const;
  Result<> write_batch(rocksdb::WriteBatch& batch, Durability durability);
  Error read_error(const rocksdb::Status& status) const;
  Error refusal(std::string_view why) const;
  void mark_on();

  std::string folder_;
  DataLock lock_;
  Opened opened_;
  rocksdb::DB* db_;
  GroupCommit group_commit_;
  // Touched by the leader of a group only.
  bool disk_was_full_ = false;
  std::optional<Error> refused_;  // once the disk has refused a write, nothing is acknowledged any more

  // A thread that writes the mark, some time after a sync and once for all syncs of that time.
  SyncedMark mark_;  // the thread's
  std::mutex mutex_;
  std::condition_variable changed_;
  std::uint64_t synced_ = 0;
  std::uint64_t marked_ = 0;  // the same as synced_: the thread sleeps until there is more
  std::optional<Error> mark_refused_;
  bool is_ending_ = false;
  std::thread marker_;
};

}  // namespace virga::store::internal

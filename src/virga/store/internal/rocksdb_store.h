#pragma once

#include <rocksdb/db.h>
#include <rocksdb/env.h>

#include <memory>
#include <optional>
#include <string>

#include "virga/store/data_lock.h"
#include "virga/store/internal/group_commit.h"
#include "virga/store/store.h"

namespace virga::store::internal {

class RocksdbStore : public Store {
 public:
  // `env` is the disk; it outlives the store.
  static Result<std::unique_ptr<Store>> open(const std::string& data_folder, rocksdb::Env& env);

  RocksdbStore(std::string folder, DataLock lock, std::unique_ptr<rocksdb::DB> db);

  Result<std::optional<std::string>> get(std::string_view key) const override;
  Result<std::vector<Record>> scan(const Range& range) const override;
  Result<> commit(Batch batch, Durability durability) override;

 private:
  void write(const std::vector<GroupCommit::Waiting*>& group);
  Result<> judge(const Batch& batch) const;
  Result<> write_batch(rocksdb::WriteBatch& batch, Durability durability);
  Error read_error(const rocksdb::Status& status) const;

  std::string folder_;
  DataLock lock_;
  std::unique_ptr<rocksdb::DB> db_;
  GroupCommit group_commit_;
  // Touched by the leader of a group only.
  bool disk_was_full_ = false;
  std::optional<Error> refused_;  // once the disk has refused a write, nothing is acknowledged any more
};

}  // namespace virga::store::internal

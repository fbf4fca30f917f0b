#pragma once

#include <rocksdb/wal_filter.h>

#include <cstdint>
#include <optional>
#include <string>

namespace virga::store::internal {

// Follows RocksDB through its log at an opening and tells where a part of it is missing. RocksDB passes over zeros in
// the middle of a log without a word, and over a beginning that is gone; but every record says which change it begins
// with, and between two of them none may be missing, nor between the tables and the first one. Used by the one thread
// that opens; outlives the database.
class LogCheck final : public rocksdb::WalFilter {
 public:
  enum class AtGap { Refuse, EndThere };

  // `in_tables`: the last change that the log need not have.
  LogCheck(AtGap at_gap, std::uint64_t in_tables) : at_gap_(at_gap), next_(in_tables + 1) {}

  WalProcessingOption LogRecordFound(unsigned long long log, const std::string& name, const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch* new_batch, bool* batch_changed) override;
  const char* Name() const override { return "virga.LogCheck"; }

 private:
  AtGap at_gap_;
  bool is_first_ = true;
  std::uint64_t next_;  // the change that the next record has to begin with; the first one may begin before it
};

// Lets an opening see nothing of the log.
class NoLog final : public rocksdb::WalFilter {
 public:
  WalProcessingOption LogRecordFound(unsigned long long /*log*/, const std::string& /*name*/,
                                     const rocksdb::WriteBatch& /*batch*/, rocksdb::WriteBatch* /*new_batch*/,
                                     bool* /*batch_changed*/) override {
    return WalProcessingOption::kStopReplay;
  }
  const char* Name() const override { return "virga.NoLog"; }
};

// Where in a file of records (RocksDB's manifest, or a log) zeros stand in place of a record, with something else
// behind them; nullopt: nowhere. Format: https://github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format
std::optional<std::uint64_t> find_hole(const std::string& path);

}  // namespace virga::store::internal

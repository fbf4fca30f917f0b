#pragma once

#include <rocksdb/wal_filter.h>

#include <cstdint>
#include <optional>
#include <set>
#include <string>

namespace virga::store::internal {

// Follows RocksDB through its log at an opening and tells where a part of it is missing. RocksDB passes over zeros in
// the middle of a log without a word; but every record says which change it begins with, and between two of them none
// may be missing. Used by the one thread that opens; outlives the database.
class LogCheck final : public rocksdb::WalFilter {
 public:
  enum class AtGap { Refuse, EndThere };

  // `directory`: RocksDB's folder, whose logs are looked at for a beginning of zeros.
  LogCheck(const std::string& directory, AtGap at_gap);

  WalProcessingOption LogRecordFound(unsigned long long log, const std::string& name, const rocksdb::WriteBatch& batch,
                                     rocksdb::WriteBatch* new_batch, bool* batch_changed) override;
  const char* Name() const override { return "virga.LogCheck"; }

 private:
  AtGap at_gap_;
  std::set<std::uint64_t> without_beginning_;  // logs
  std::uint64_t log_ = 0;
  std::uint64_t next_ = 0;  // the change that the next record has to begin with; 0: any
};

// Where in a file of records (a log, or RocksDB's manifest) zeros stand in place of a record, with something else
// behind them; nullopt: nowhere. Format: https://github.com/facebook/rocksdb/wiki/Write-Ahead-Log-File-Format
std::optional<std::uint64_t> find_hole(const std::string& path);

}  // namespace virga::store::internal

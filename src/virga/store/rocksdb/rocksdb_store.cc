#include "virga/store/rocksdb/rocksdb_store.h"

#include <fmt/format.h>
#include <rocksdb/write_batch.h>

#include <chrono>
#include <filesystem>

#include "virga/base/problems.h"
#include "virga/os/file.h"
#include "virga/store/internal/bounds.h"
#include "virga/store/internal/rocksdb_options.h"
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

// How far the log was synced, in the store's folder; and how long a sync may be without it being written there.
constexpr std::string_view kMark = "SYNCED";
constexpr std::chrono::seconds kMarkPause{1};

constexpr std::string_view kRestore =
    "restore the folder from a backup, or move its 'store' folder away to start empty (functions are then deployed "
    "again)";

std::unexpected<Error> damaged(const std::string& folder, std::string_view what) {
  return fail(problem::kDataFolderDamaged,
              fmt::format("the data folder {} is damaged ({}); {}", folder, what, kRestore));
}

// RocksDB would take a folder without this file for a new one. One that was never opened to the end has no log yet.
bool lost_its_root(const std::string& directory) {
  std::error_code error;
  if (fs::exists(directory + "/CURRENT", error)) return false;
  for (const auto& entry : fs::directory_iterator(directory, error)) {
    std::string name = entry.path().filename().string();
    bool is_first = name == "MANIFEST-000001";
    if ((name.starts_with("MANIFEST-") && !is_first) || name.ends_with(".sst") || name.ends_with(".log")) return true;
  }
  return false;
}

// The manifest that counts has lost a part, which RocksDB would pass over.
bool has_hole_in_manifest(const std::string& directory) {
  auto current = os::read_file(directory + "/CURRENT");
  if (!current) return false;
  auto name = current->substr(0, current->find('\n'));
  return name.starts_with("MANIFEST-") && find_hole(directory + "/" + name).has_value();
}

// The last change that the tables and the manifest know of, before anything of the log; 0: there are none yet.
std::uint64_t last_in_tables(const std::string& directory, rocksdb::Env& env) {
  NoLog nothing;
  auto how = make_options(env);
  how.create_if_missing = false;
  how.wal_filter = &nothing;
  rocksdb::DB* opened = nullptr;
  auto status = rocksdb::DB::OpenForReadOnly(how, directory, &opened);
  std::unique_ptr<rocksdb::DB> db(opened);
  return status.ok() ? db->GetLatestSequenceNumber() : 0;  // what is wrong shows again
}

enum class Reach { All, UpToDamage, LookUpToDamage };

rocksdb::Status open_at(const std::string& directory, rocksdb::Env& env, std::uint64_t in_tables, Reach reach,
                        RocksdbStore::Opened& opened) {
  // A record cut off at the end of the log was never acknowledged and may go. Damage anywhere else refuses to open,
  // while RocksDB's default would drop everything behind it without a word.
  bool is_strict = reach == Reach::All;
  auto how = make_options(env);
  opened.check = std::make_unique<LogCheck>(is_strict ? LogCheck::AtGap::Refuse : LogCheck::AtGap::EndThere, in_tables);
  how.wal_filter = opened.check.get();
  how.wal_recovery_mode = is_strict ? rocksdb::WALRecoveryMode::kTolerateCorruptedTailRecords
                                    : rocksdb::WALRecoveryMode::kPointInTimeRecovery;
  rocksdb::DB* db = nullptr;
  auto status = reach == Reach::LookUpToDamage ? rocksdb::DB::OpenForReadOnly(how, directory, &db)
                                               : rocksdb::DB::Open(how, directory, &db);
  opened.db.reset(db);
  return status;
}

// Whether nothing that was acknowledged lies behind the damage: then it is what a power loss leaves of a write that was
// under way, and the log ends there.
bool is_whole_up_to_damage(const std::string& directory, rocksdb::Env& env, std::uint64_t in_tables,
                           const SyncedMark& mark) {
  if (!mark.sequence()) return false;
  RocksdbStore::Opened looked;
  auto status = open_at(directory, env, in_tables, Reach::LookUpToDamage, looked);
  return status.ok() && looked.db->GetLatestSequenceNumber() >= *mark.sequence();
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
  if (has_hole_in_manifest(directory)) return damaged(data_folder, "a part of the manifest in store is missing");
  VIRGA_TRY_ASSIGN(auto mark, SyncedMark::open(directory + "/" + std::string(kMark)));

  Opened opened;
  auto in_tables = last_in_tables(directory, env);
  rocksdb::Status status = open_at(directory, env, in_tables, Reach::All, opened);
  if (status.IsCorruption() && is_whole_up_to_damage(directory, env, in_tables, mark)) {
    status = open_at(directory, env, in_tables, Reach::UpToDamage, opened);
  }
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
  auto latest = opened.db->GetLatestSequenceNumber();
  if (mark.sequence() && latest < *mark.sequence()) {
    return fail(
        problem::kDataFolderDamaged,
        fmt::format("the data folder {} is damaged (its log ends at change {}, and {} was acknowledged); restore "
                    "the folder from a backup, or remove {}/{} to go on without what is missing",
                    data_folder, latest, *mark.sequence(), directory, kMark));
  }
  // Written before anything is acknowledged, so that from here on there is a mark.
  VIRGA_TRY(mark.write(latest));
  return std::make_unique<RocksdbStore>(data_folder, std::move(lock), std::move(mark), std::move(opened));
}

RocksdbStore::RocksdbStore(std::string folder, DataLock lock, SyncedMark mark, Opened opened)
    : folder_(std::move(folder)),
      lock_(std::move(lock)),
      opened_(std::move(opened)),
      db_(opened_.db.get()),
      group_commit_([this](const std::vector<GroupCommit::Waiting*>& group) { write(group); }),
      mark_(std::move(mark)),
      marker_([this] { mark_on(); }) {}

RocksdbStore::~RocksdbStore() {
  {
    std::lock_guard lock(mutex_);
    is_ending_ = true;
  }
  changed_.notify_one();
  marker_.join();
}

void RocksdbStore::mark_on() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return is_ending_ || synced_ != marked_; });
    if (synced_ == marked_) return;
    changed_.wait_for(lock, kMarkPause, [this] { return is_ending_; });
    auto sequence = marked_ = synced_;
    lock.unlock();
    auto written = mark_.write(sequence);
    lock.lock();
    // Of a full disk the commits tell, and the next mark will be as good as this one.
    if (!written && written.error().code() != ErrorCode::ResourceExhausted) {
      mark_refused_ = refusal(written.error().message());
    }
  }
}

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

Error RocksdbStore::refusal(std::string_view why) const {
  return problem_error(
      problem::kDiskRefused,
      fmt::format("the disk of the data folder {} refused a write ({}), so nothing more is acknowledged; check the "
                  "disk and restart virga",
                  folder_, why));
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
    if (durability == Durability::Eventual) return {};
    bool is_asleep = false;
    {
      std::lock_guard lock(mutex_);
      if (mark_refused_) return fail(*(refused_ = mark_refused_));
      is_asleep = synced_ == marked_;
      synced_ = db_->GetLatestSequenceNumber();
    }
    if (is_asleep) changed_.notify_one();
    return {};
  }
  if (status.IsNoSpace()) {
    disk_was_full_ = true;
    return fail(
        problem::kDiskFull,
        fmt::format("the disk of the data folder {} is full; nothing was changed, make room on it and try again",
                    folder_));
  }
  refused_ = refusal(status.ToString());
  return fail(*refused_);
}

}  // namespace internal

Result<std::unique_ptr<Store>> open_rocksdb(const std::string& data_folder) {
  return internal::RocksdbStore::open(data_folder, *rocksdb::Env::Default());
}

}  // namespace virga::store

#include "virga/store/rocksdb/rocksdb_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>
#include <fstream>
#include <optional>

#include "virga/os/file.h"
#include "virga/store/internal/rocksdb_store.h"

namespace virga::store {
namespace {

namespace fs = std::filesystem;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;

// The real disk, until it is told to fail.
class FailingEnv : public rocksdb::EnvWrapper {
 public:
  FailingEnv() : EnvWrapper(rocksdb::Env::Default()) {}

  rocksdb::Status NewWritableFile(const std::string& name, std::unique_ptr<rocksdb::WritableFile>* file,
                                  const rocksdb::EnvOptions& options) override {
    rocksdb::Status status = EnvWrapper::NewWritableFile(name, file, options);
    if (status.ok()) *file = std::make_unique<File>(std::move(*file), *this);
    return status;
  }

  std::atomic<bool> fail_sync = false;
  std::atomic<bool> full = false;

 private:
  class File : public rocksdb::WritableFileWrapper {
   public:
    File(std::unique_ptr<rocksdb::WritableFile> file, const FailingEnv& env)
        : WritableFileWrapper(file.get()), file_(std::move(file)), env_(env) {}
    rocksdb::Status Append(const rocksdb::Slice& data) override {
      if (env_.full) return rocksdb::Status::NoSpace("no space left on device");
      return WritableFileWrapper::Append(data);
    }
    rocksdb::Status Sync() override {
      if (env_.fail_sync) return rocksdb::Status::IOError("sync failed");
      return WritableFileWrapper::Sync();
    }
    rocksdb::Status Fsync() override { return Sync(); }

   private:
    std::unique_ptr<rocksdb::WritableFile> file_;
    const FailingEnv& env_;
  };
};

class RocksdbStore : public ::testing::Test {
 protected:
  RocksdbStore() {
    Result<os::TemporaryDirectory> directory = os::TemporaryDirectory::create();
    EXPECT_TRUE(directory);
    directory_.emplace(std::move(*directory));
    data_ = directory_->path() + "/data";
  }

  std::unique_ptr<Store> open() {
    Result<std::unique_ptr<Store>> store = open_rocksdb(data_);
    EXPECT_TRUE(store) << store.error().message();
    return store ? std::move(*store) : nullptr;
  }
  static Result<> put(Store& store, const std::string& key, const std::string& value) {
    Batch batch;
    batch.put(key, value);
    return store.commit(std::move(batch), Durability::Synced);
  }
  // The newest file with this beginning and end that holds anything.
  fs::path file(const std::string& begin, const std::string& end) {
    fs::path newest;
    for (const auto& entry : fs::directory_iterator(data_ + "/store")) {
      std::string name = entry.path().filename();
      if (name.starts_with(begin) && name.ends_with(end) && entry.file_size() > 0 && name > newest.filename()) {
        newest = entry.path();
      }
    }
    EXPECT_FALSE(newest.empty()) << begin << "..." << end;
    return newest;
  }
  static void flip(const fs::path& path, std::uintmax_t at) {
    std::fstream stream(path, std::ios::in | std::ios::out | std::ios::binary);
    stream.seekg(static_cast<std::streamoff>(at));
    char byte = static_cast<char>(stream.get() ^ 0x40);
    stream.seekp(static_cast<std::streamoff>(at));
    stream.put(byte);
  }
  void expect_damaged() {
    Result<std::unique_ptr<Store>> store = open_rocksdb(data_);
    ASSERT_FALSE(store);
    EXPECT_EQ(store.error().code(), ErrorCode::DataLoss);
    EXPECT_THAT(store.error().message(), AllOf(HasSubstr("the data folder " + data_ + " is damaged"),
                                               HasSubstr("restore the folder from a backup"), Not(HasSubstr("\n"))));
  }

  void commit_ten() {
    std::unique_ptr<Store> store = open();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(put(*store, "key" + std::to_string(i), std::string(100, 'v')));
  }
  // What the store remembers of them outside of its log.
  void forget_acknowledgements() { fs::remove(data_ + "/store/SYNCED"); }
  std::string keep_copy() {
    auto kept = directory_->path() + "/kept";
    fs::copy(data_, kept, fs::copy_options::recursive);
    return kept;
  }
  void restore(const std::string& kept) {
    fs::remove_all(data_);
    fs::copy(kept, data_, fs::copy_options::recursive);
  }

  std::optional<os::TemporaryDirectory> directory_;
  std::string data_;
};

TEST_F(RocksdbStore, KeepsWhatWasCommittedOverARestart) {
  for (int i = 0; i < 20; ++i) ASSERT_TRUE(put(*open(), std::to_string(i), "x"));
  EXPECT_EQ(open()->scan({})->size(), 20u);
}

TEST_F(RocksdbStore, RefusesASecondOneOnTheSameFolder) {
  std::unique_ptr<Store> store = open();
  Result<std::unique_ptr<Store>> second = open_rocksdb(data_);
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().code(), ErrorCode::Conflict);
  EXPECT_EQ(second.error().message(), "the data folder " + data_ + " is in use by another virga (pid " +
                                          std::to_string(::getpid()) +
                                          "); stop that one, or start this one with another data folder [VIRGA0003]");
  store.reset();
  EXPECT_TRUE(open_rocksdb(data_));
}

TEST_F(RocksdbStore, FindsAFlippedBitInTheLog) {
  {
    std::unique_ptr<Store> store = open();
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(put(*store, "key" + std::to_string(i), std::string(100, 'v')));
  }
  fs::path log = file("", ".log");
  flip(log, fs::file_size(log) / 2);
  expect_damaged();
}

TEST_F(RocksdbStore, OpensWithARecordCutOffAtTheEndOfTheLog) {
  commit_ten();
  forget_acknowledgements();  // as if the last one had been under way
  fs::path log = file("", ".log");
  fs::resize_file(log, fs::file_size(log) - 30);
  EXPECT_EQ(open()->scan({})->size(), 9u);
}

TEST_F(RocksdbStore, FindsALogWhoseEndIsCutOff) {
  commit_ten();
  auto kept = keep_copy();
  auto size = fs::file_size(file("", ".log"));
  // In the middle of a record, between two of them, and all of it.
  for (auto left : {size - 30, size / 10 * 9, std::uintmax_t{0}}) {
    restore(kept);
    fs::resize_file(file("", ".log"), left);
    expect_damaged();
    expect_damaged();  // the second time as well
  }
  // Someone who wants what is left may have it.
  forget_acknowledgements();
  EXPECT_TRUE(open());
}

TEST_F(RocksdbStore, FindsAManifestWhoseEndIsCutOff) {
  // Tables, and a log behind them that is whole: only together they are all that was acknowledged.
  commit_ten();
  ASSERT_TRUE(put(*open(), "more", "1"));
  ASSERT_TRUE(put(*open(), "more", "2"));
  auto kept = keep_copy();
  auto size = fs::file_size(file("MANIFEST-", ""));
  int refused = 0;
  for (std::uintmax_t left = 0; left < size; left += 7) {
    restore(kept);
    fs::resize_file(file("MANIFEST-", ""), left);
    Result<std::unique_ptr<Store>> store = open_rocksdb(data_);
    refused += store ? 0 : 1;
    if (!store) continue;
    // Nothing that counts was cut off.
    EXPECT_EQ((*store)->scan({})->size(), 11u) << left;
    EXPECT_EQ((*store)->get("more").value(), "2") << left;
  }
  EXPECT_GT(refused, 10);
}

TEST_F(RocksdbStore, FindsZerosInTheLog) {
  {
    std::unique_ptr<Store> store = open();
    for (int i = 0; i < 1000; ++i) ASSERT_TRUE(put(*store, "key" + std::to_string(i), std::string(100, 'v')));
  }
  auto kept = keep_copy();
  for (std::size_t at : {0u, 4096u, 40'960u, 94'208u}) {
    restore(kept);
    fs::path log = file("", ".log");
    auto bytes = *os::read_file(log);
    ASSERT_GT(bytes.size(), at + 4096);
    bytes.replace(at, 4096, std::string(4096, '\0'));
    ASSERT_TRUE(os::write_file_durably(log, bytes, 0600));
    Result<std::unique_ptr<Store>> store = open_rocksdb(data_);
    ASSERT_FALSE(store) << at;
    EXPECT_EQ(store.error().code(), ErrorCode::DataLoss) << at;
  }
}

TEST_F(RocksdbStore, EndsTheLogAtDamageBehindAllThatWasAcknowledged) {
  commit_ten();
  {
    // What was under way when the power went: written, perhaps by half, and never acknowledged.
    std::unique_ptr<Store> store = open();
    std::string mark = *os::read_file(data_ + "/store/SYNCED");
    for (int i = 0; i < 10; ++i) ASSERT_TRUE(put(*store, "more" + std::to_string(i), std::string(5000, 'v')));
    store.reset();
    ASSERT_TRUE(os::write_file_durably(data_ + "/store/SYNCED", mark, 0600));
  }
  auto kept = keep_copy();
  for (std::size_t at : {0u, 12'288u, 45'056u}) {
    for (bool is_zero : {true, false}) {
      restore(kept);
      auto bytes = *os::read_file(file("", ".log"));
      ASSERT_GT(bytes.size(), at + 4096);
      is_zero ? bytes.replace(at, 4096, std::string(4096, '\0')) : bytes.replace(at + 100, 1, "?");
      ASSERT_TRUE(os::write_file_durably(file("", ".log"), bytes, 0600));
      for (int start = 0; start < 2; ++start) {
        auto store = open();
        ASSERT_TRUE(store) << at;
        EXPECT_EQ(store->scan({.prefix = "key", .from = "", .limit = 100})->size(), 10u) << at;
        ASSERT_TRUE(put(*store, "again", std::to_string(start)));
      }
      EXPECT_EQ(open()->get("again").value(), "1");
    }
  }
}

TEST_F(RocksdbStore, AFirstStartThatWasCutOffBeginsAnew) {
  fs::create_directories(data_ + "/store");
  std::ofstream(data_ + "/store/MANIFEST-000001") << "half of";
  std::ofstream(data_ + "/store/000001.dbtmp") << "MANI";
  EXPECT_TRUE(put(*open(), "a", "1"));
  EXPECT_EQ(open()->get("a").value(), "1");
}

TEST_F(RocksdbStore, RefusesAFolderWithoutItsRoot) {
  ASSERT_TRUE(put(*open(), "a", "1"));
  fs::remove(data_ + "/store/CURRENT");
  expect_damaged();
}

TEST_F(RocksdbStore, RefusesADamagedManifest) {
  ASSERT_TRUE(put(*open(), "a", "1"));
  fs::path manifest = file("MANIFEST-", "");
  flip(manifest, 10);
  expect_damaged();
}

TEST_F(RocksdbStore, RefusesANonsenseRoot) {
  ASSERT_TRUE(put(*open(), "a", "1"));
  std::ofstream(data_ + "/store/CURRENT") << "nonsense";
  expect_damaged();
}

TEST_F(RocksdbStore, SaysWhenTheFolderCannotBeMade) {
  std::ofstream(directory_->path() + "/file") << "x";
  Result<std::unique_ptr<Store>> store = open_rocksdb(directory_->path() + "/file/data");
  ASSERT_FALSE(store);
  EXPECT_THAT(store.error().message(), HasSubstr("/file/data"));
}

TEST_F(RocksdbStore, AcknowledgesNothingAfterAFailedSync) {
  FailingEnv env;
  Result<std::unique_ptr<Store>> store = internal::RocksdbStore::open(data_, env);
  ASSERT_TRUE(store) << store.error().message();
  ASSERT_TRUE(put(**store, "a", "1"));
  env.fail_sync = true;
  Result<> done = put(**store, "b", "1");
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Unavailable);
  EXPECT_THAT(done.error().message(), AllOf(HasSubstr(data_), HasSubstr("check the disk and restart virga")));
  env.fail_sync = false;
  EXPECT_FALSE(put(**store, "c", "1"));
  Batch batch;
  batch.put("d", "1");
  EXPECT_FALSE((*store)->commit(std::move(batch), Durability::Eventual));
  EXPECT_EQ((*store)->get("a").value(), "1");
  store->reset();
  EXPECT_EQ(open()->get("c").value(), std::nullopt);
}

TEST_F(RocksdbStore, WorksAgainWhenAFullDiskHasRoom) {
  FailingEnv env;
  Result<std::unique_ptr<Store>> store = internal::RocksdbStore::open(data_, env);
  ASSERT_TRUE(store) << store.error().message();
  ASSERT_TRUE(put(**store, "a", "1"));
  env.full = true;
  for (int i = 0; i < 3; ++i) {
    Result<> done = put(**store, "b", "1");
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), ErrorCode::ResourceExhausted) << done.error().message();
    EXPECT_EQ((*store)->get("b").value(), std::nullopt);
  }
  env.full = false;
  Result<> done = put(**store, "c", "1");
  ASSERT_TRUE(done) << done.error().message();
  store->reset();
  std::unique_ptr<Store> again = open();
  EXPECT_EQ(again->get("a").value(), "1");
  EXPECT_EQ(again->get("c").value(), "1");
}

}  // namespace
}  // namespace virga::store

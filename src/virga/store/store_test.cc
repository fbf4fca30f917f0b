#include "virga/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <optional>
#include <thread>

#include "virga/os/file.h"
#include "virga/store/rocksdb/rocksdb_store.h"
#include "virga/store/sealed/sealed_store.h"
#include "virga/store/testing/memory_store.h"

namespace virga::store {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

// What every store has to do. A new one joins by one line at the end.
class AnyStore : public ::testing::TestWithParam<std::string> {
 protected:
  void SetUp() override {
    if (GetParam() == "memory") {
      store_ = std::make_unique<testing::MemoryStore>();
      return;
    }
    if (GetParam() == "sealed") {
      auto sealed = seal(std::make_unique<testing::MemoryStore>(), Secret(std::string(32, 'k')));
      ASSERT_TRUE(sealed) << sealed.error().message();
      store_ = std::move(*sealed);
      return;
    }
    Result<os::TemporaryDirectory> directory = os::TemporaryDirectory::create();
    ASSERT_TRUE(directory) << directory.error().message();
    directory_.emplace(std::move(*directory));
    Result<std::unique_ptr<Store>> store = open_rocksdb(directory_->path());
    ASSERT_TRUE(store) << store.error().message();
    store_ = std::move(*store);
  }

  void put(std::string_view key, std::string_view value) {
    Batch batch;
    batch.put(key, value);
    Result<> done = store_->commit(std::move(batch), Durability::Synced);
    ASSERT_TRUE(done) << done.error().message();
  }
  std::optional<std::string> get(std::string_view key) {
    Result<std::optional<std::string>> value = store_->get(key);
    EXPECT_TRUE(value) << value.error().message();
    return value ? *value : std::nullopt;
  }
  std::vector<std::string> keys(const Range& range) {
    Result<std::vector<Record>> records = store_->scan(range);
    EXPECT_TRUE(records) << records.error().message();
    std::vector<std::string> keys;
    for (const Record& record : *records) keys.push_back(record.key);
    return keys;
  }

  std::optional<os::TemporaryDirectory> directory_;
  std::unique_ptr<Store> store_;
};

TEST_P(AnyStore, GivesBackWhatWasPut) {
  EXPECT_EQ(get("a"), std::nullopt);
  put("a", "1");
  EXPECT_EQ(get("a"), "1");
  put("a", "2");
  EXPECT_EQ(get("a"), "2");
  put("empty", "");
  EXPECT_EQ(get("empty"), "");
  std::string odd("\0\xff/\n", 4);
  put(odd, odd);
  EXPECT_EQ(get(odd), odd);
}

TEST_P(AnyStore, AppliesABatchInItsOrder) {
  Batch batch;
  batch.put("a", "1");
  batch.put("b", "1");
  batch.remove("a");
  batch.put("c", "1");
  batch.remove_range("b", "d");
  batch.put("b", "2");
  ASSERT_TRUE(store_->commit(std::move(batch)));
  EXPECT_THAT(keys({}), ElementsAre("b"));
  EXPECT_EQ(get("b"), "2");
}

TEST_P(AnyStore, RemovesARangeWithoutItsEnd) {
  for (const char* key : {"a", "b", "c", "d"}) put(key, "x");
  Batch batch;
  batch.remove_range("b", "d");
  batch.remove_range("z", "a");  // nothing
  ASSERT_TRUE(store_->commit(std::move(batch)));
  EXPECT_THAT(keys({}), ElementsAre("a", "d"));
}

TEST_P(AnyStore, ScansAPrefixFromEitherEnd) {
  for (const char* key : {"a", "p", "p/1", "p/2", "p/3", "q", "p\xff\xff", "\xff\xff", "\xff"}) put(key, "x");
  EXPECT_THAT(keys({.prefix = "p/"}), ElementsAre("p/1", "p/2", "p/3"));
  EXPECT_THAT(keys({.prefix = "p/", .limit = 2}), ElementsAre("p/1", "p/2"));
  EXPECT_THAT(keys({.prefix = "p/", .from = "p/1"}), ElementsAre("p/2", "p/3"));
  EXPECT_THAT(keys({.prefix = "p/", .from = "a"}), ElementsAre("p/1", "p/2", "p/3"));
  EXPECT_THAT(keys({.prefix = "p/", .from = "p/3"}), IsEmpty());
  EXPECT_THAT(keys({.prefix = "p/", .from = "z"}), IsEmpty());
  EXPECT_THAT(keys({.prefix = "p/", .limit = 0}), IsEmpty());
  EXPECT_THAT(keys({.prefix = "p/", .order = Order::Descending}), ElementsAre("p/3", "p/2", "p/1"));
  EXPECT_THAT(keys({.prefix = "p/", .from = "p/3", .limit = 1, .order = Order::Descending}), ElementsAre("p/2"));
  EXPECT_THAT(keys({.prefix = "p/", .from = "a", .order = Order::Descending}), IsEmpty());
  EXPECT_THAT(keys({.prefix = "p/", .from = "z", .order = Order::Descending}), ElementsAre("p/3", "p/2", "p/1"));
  EXPECT_THAT(keys({.prefix = "p\xff"}), ElementsAre("p\xff\xff"));
  EXPECT_THAT(keys({.prefix = "\xff"}), ElementsAre("\xff", "\xff\xff"));
  EXPECT_THAT(keys({.prefix = "\xff", .order = Order::Descending}), ElementsAre("\xff\xff", "\xff"));
  EXPECT_EQ(keys({}).size(), 9u);
}

TEST_P(AnyStore, ChangesNothingIfAPreconditionFails) {
  put("a", "1");
  auto attempt = [&](std::optional<std::string_view> expected_a, std::optional<std::string_view> expected_b) {
    Batch batch;
    batch.require("a", expected_a);
    batch.require("b", expected_b);
    batch.put("b", "2");
    return store_->commit(std::move(batch), Durability::Synced);
  };
  for (auto [a, b] : {std::pair<std::optional<std::string_view>, std::optional<std::string_view>>{"0", std::nullopt},
                      {std::nullopt, std::nullopt},
                      {"1", "2"}}) {
    Result<> done = attempt(a, b);
    ASSERT_FALSE(done);
    EXPECT_EQ(done.error().code(), ErrorCode::PreconditionFailed);
    EXPECT_EQ(get("b"), std::nullopt);
  }
  EXPECT_TRUE(attempt("1", std::nullopt));
  EXPECT_EQ(get("b"), "2");
}

TEST_P(AnyStore, LetsOneOfManyWinEachRound) {
  // Each thread adds one to a counter 50 times, guarded by a precondition only; none gets lost.
  put("counter", "0");
  auto work = [&] {
    for (int i = 0; i < 50;) {
      std::string old = *get("counter");
      Batch batch;
      batch.require("counter", old);
      batch.put("counter", std::to_string(std::stoi(old) + 1));
      Result<> done = store_->commit(std::move(batch), Durability::Eventual);
      if (done)
        ++i;
      else
        ASSERT_EQ(done.error().code(), ErrorCode::PreconditionFailed);
    }
  };
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(work);
  threads.clear();
  EXPECT_EQ(get("counter"), "200");
}

INSTANTIATE_TEST_SUITE_P(Kinds, AnyStore, ::testing::Values("memory", "rocksdb", "sealed"),
                         [](const auto& kind) { return kind.param; });

}  // namespace
}  // namespace virga::store

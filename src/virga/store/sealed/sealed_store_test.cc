#include "virga/store/sealed/sealed_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/store/testing/memory_store.h"

namespace virga::store {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

const Secret kKey(std::string(32, 'k'));

// Lends a store to a sealed one that owns what it is given.
class Lent final : public Store {
 public:
  explicit Lent(Store& store) : store_(store) {}
  Result<std::optional<std::string>> get(std::string_view key) const override { return store_.get(key); }
  Result<std::vector<Record>> scan(const Range& range) const override { return store_.scan(range); }
  Result<> commit(Batch batch, Durability durability) override { return store_.commit(std::move(batch), durability); }

 private:
  Store& store_;
};

std::unique_ptr<Store> sealed(Store& under, const Secret& key = kKey) {
  return seal(std::make_unique<Lent>(under), key).value();
}
void put(Store& store, std::string_view key, std::string_view value) {
  Batch batch;
  batch.put(key, value);
  ASSERT_TRUE(store.commit(std::move(batch), Durability::Synced));
}
std::string raw(const Store& store, std::string_view key) {
  return store.get(key).value().value();
}

TEST(SealedStore, LeavesNoTextReadable) {
  testing::MemoryStore under;
  put(*sealed(under), "catalog/f", R"({"PASSWORD":"hunter2"})");
  EXPECT_THAT(raw(under, "catalog/f"), Not(HasSubstr("hunter2")));
  EXPECT_EQ(raw(*sealed(under), "catalog/f"), R"({"PASSWORD":"hunter2"})");
}

TEST(SealedStore, NoticesEveryChangedBit) {
  testing::MemoryStore under;
  put(*sealed(under), "k", "value");
  auto good = raw(under, "k");
  // The first byte says that it is sealed at all: without it the value is one from before there was a key.
  for (std::size_t byte = 1; byte < good.size(); ++byte) {
    for (int bit = 0; bit < 8; ++bit) {
      auto bad = good;
      bad[byte] = static_cast<char>(bad[byte] ^ (1 << bit));
      put(under, "k", bad);
      EXPECT_EQ(sealed(under)->get("k").error().code(), ErrorCode::DataLoss) << byte << " " << bit;
    }
  }
  for (std::size_t size = 1; size < good.size(); ++size) {
    put(under, "k", good.substr(0, size));
    EXPECT_EQ(sealed(under)->get("k").error().code(), ErrorCode::DataLoss) << size;
  }
}

TEST(SealedStore, NoticesAValueOfAnotherRecordOrKey) {
  testing::MemoryStore under;
  put(*sealed(under), "a", "value");
  put(under, "b", raw(under, "a"));
  EXPECT_EQ(sealed(under)->get("b").error().code(), ErrorCode::DataLoss);
  auto other = sealed(under, Secret(std::string(32, 'x')));
  EXPECT_THAT(other->get("a").error().message(), HasSubstr("store-key"));
  EXPECT_EQ(other->scan({}).error().code(), ErrorCode::DataLoss);
  EXPECT_FALSE(seal(std::make_unique<testing::MemoryStore>(), Secret("short")));
}

TEST(SealedStore, ReadsAndComparesWhatWasWrittenBeforeThereWasAKey) {
  testing::MemoryStore under;
  put(under, "old", R"({"format":1})");
  auto store = sealed(under);
  EXPECT_EQ(raw(*store, "old"), R"({"format":1})");
  Batch batch;
  batch.require("old", R"({"format":1})");
  batch.put("old", R"({"format":2})");
  ASSERT_TRUE(store->commit(std::move(batch), Durability::Synced));
  EXPECT_EQ(raw(*store, "old"), R"({"format":2})");
  EXPECT_THAT(raw(under, "old"), Not(HasSubstr("format")));
}

}  // namespace
}  // namespace virga::store

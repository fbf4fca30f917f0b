#include "virga/services/object/objects.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "virga/services/object/testing/object_world.h"

namespace virga::services::object {
namespace {

using Texts = std::vector<std::string>;

class ObjectsTest : public ::testing::Test {
 protected:
  ObjectsTest() { EXPECT_TRUE(world.wait(world.objects->create_bucket("bucket"))); }

  template <typename T>
  static Fault fault(const Result<T>& result) {
    return result ? Fault::None : read_fault(result.error()).fault;
  }

  testing::ObjectWorld world;
};

TEST_F(ObjectsTest, RefusesWhatIsNotThereOrNotAllowed) {
  EXPECT_EQ(fault(world.wait(world.objects->create_bucket("bucket"))), Fault::BucketExists);
  EXPECT_EQ(fault(world.wait(world.objects->bucket("other"))), Fault::NoSuchBucket);
  EXPECT_EQ(fault(world.wait(world.objects->delete_bucket("other"))), Fault::NoSuchBucket);
  EXPECT_EQ(fault(world.find("nothing")), Fault::NoSuchKey);
  EXPECT_EQ(fault(world.find("nothing", "null")), Fault::NoSuchVersion);
  EXPECT_EQ(fault(world.put(std::string(1025, 'x'), "a")), Fault::KeyTooLong);
  EXPECT_EQ(fault(world.put("", "a")), Fault::InvalidArgument);
  EXPECT_EQ(fault(world.put("\xFF", "a")), Fault::InvalidArgument);
  EXPECT_EQ(fault(world.put("a", "a", {.must_be_absent = false, .etag = "x"})), Fault::NoSuchKey);
  EXPECT_EQ(world.count_files(), 0u);  // what was refused left nothing
  ASSERT_TRUE(world.put("a", "a"));
  EXPECT_EQ(fault(world.put("a", "b", {.must_be_absent = true, .etag = {}})), Fault::ConditionFailed);
  EXPECT_EQ(fault(world.put("a", "b", {.must_be_absent = false, .etag = "x"})), Fault::ConditionFailed);
  EXPECT_EQ(fault(world.wait(world.objects->delete_bucket("bucket"))), Fault::BucketNotEmpty);
  EXPECT_EQ(world.read("a"), "a");
  EXPECT_EQ(world.count_files(), 1u);
}

TEST_F(ObjectsTest, ADeletionMaySayWhatItBelievesToBeThere) {
  auto put = world.put("a", "12345");
  ASSERT_TRUE(put);
  auto erase = [&](Condition condition) {
    condition.may_be_absent = true;
    return fault(world.wait(world.objects->erase("bucket", "a", "", condition, {})));
  };
  EXPECT_EQ(erase({.etag = "x", .size = {}, .modified = {}}), Fault::ConditionFailed);
  EXPECT_EQ(erase({.etag = {}, .size = 4, .modified = {}}), Fault::ConditionFailed);
  EXPECT_EQ(erase({.etag = {}, .size = {}, .modified = WallTime()}), Fault::ConditionFailed);
  EXPECT_EQ(fault(world.put("a", "b", {.unwanted_etag = put->etag})), Fault::ConditionFailed);
  EXPECT_EQ(erase({.etag = put->etag, .size = 5, .modified = {}}), Fault::None);
  EXPECT_EQ(erase({.etag = put->etag, .size = 5, .modified = {}}), Fault::None);
}

TEST_F(ObjectsTest, GivesBackWhatWasPutAfterARestartToo) {
  std::string large(1'500'000, 'x');
  large[1'000'000] = 'y';
  ASSERT_TRUE(world.put("large", large));
  ASSERT_TRUE(world.put("../../etc/passwd", "harmless"));
  ASSERT_TRUE(world.put("empty", ""));
  world.restart();
  EXPECT_EQ(world.read("large"), large);
  EXPECT_EQ(world.read("../../etc/passwd"), "harmless");
  EXPECT_EQ(world.read("empty"), "");
  EXPECT_EQ(world.find("empty")->etag, "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(world.read(world.find("large"), 999'999, 3), "xyx");
  EXPECT_EQ(world.list(), (Texts{"../../etc/passwd", "empty", "large"}));
}

TEST_F(ObjectsTest, AReplacedObjectsFileGoesWhenNobodyReadsIt) {
  ASSERT_TRUE(world.put("a", "first"));
  auto reader = world.wait(world.objects->read(*world.find("a"), 0, 5));
  ASSERT_TRUE(reader);
  ASSERT_TRUE(world.put("a", "second"));
  EXPECT_EQ(world.count_files(), 2u);
  EXPECT_EQ(*world.wait((*reader)->next()), "first");
  reader->reset();
  EXPECT_EQ(world.count_files(), 1u);
  ASSERT_TRUE(world.erase("a"));
  ASSERT_TRUE(world.erase("a"));
  EXPECT_EQ(world.count_files(), 0u);
  EXPECT_TRUE(world.wait(world.objects->delete_bucket("bucket")));
}

TEST_F(ObjectsTest, ReadsAnyRangeAcrossBlocks) {
  std::string bytes;
  while (bytes.size() < 700'000) bytes += static_cast<char>(bytes.size() * 31 + bytes.size() / 1000);
  ASSERT_TRUE(world.put("a", bytes));
  for (std::uint64_t offset : {0u, 1u, 16'383u, 16'384u, 262'143u, 262'144u, 300'001u, 699'999u}) {
    for (std::uint64_t size : {1u, 16'384u, 16'385u, 262'144u, 262'145u, 700'000u}) {
      EXPECT_TRUE(world.read(world.find("a"), offset, size) == bytes.substr(offset, size)) << offset << " " << size;
    }
  }
}

TEST_F(ObjectsTest, DamagedBytesAreNeverGivenOut) {
  std::string bytes(600'000, 'x');
  ASSERT_TRUE(world.put("a", bytes));
  ASSERT_TRUE(world.put("b", "another"));
  auto path = world.file_of("a");
  auto stored = *os::read_file(path);
  // In its place: the file may be open.
  auto write = [&](const std::string& wrong) { std::ofstream(path, std::ios::binary | std::ios::trunc) << wrong; };
  auto change = [&](std::size_t at) {
    auto changed = stored;
    changed[at] = static_cast<char>(changed[at] ^ 4);
    write(changed);
  };
  for (std::size_t at : {0u, 16'384u, 599'999u, 600'000u, 600'147u}) {
    change(at);
    EXPECT_THAT(world.read("a"), ::testing::HasSubstr("VIRGA0048")) << at;
  }
  change(300'000);
  EXPECT_TRUE(world.read(world.find("a"), 0, 262'144) == bytes.substr(0, 262'144));  // what is whole can be read
  EXPECT_THAT(world.read(world.find("a"), 300'001, 1), ::testing::HasSubstr("damaged at byte 294912"));
  for (std::size_t size : {0u, 599'999u, 600'147u}) {
    write(stored.substr(0, size));
    EXPECT_THAT(world.read("a"), ::testing::HasSubstr("shorter than it was")) << size;
  }
  std::filesystem::remove(path);
  world.restart();
  EXPECT_THAT(world.read("a"), ::testing::HasSubstr("is not there"));
  EXPECT_EQ(world.read("b"), "another");
}

TEST_F(ObjectsTest, FilesOfObjectsThatWentAreWrittenAnew) {
  io::run_until_done(*world.loop, world.objects->stop());  // the cleaning of the start
  ASSERT_TRUE(world.put("a", "longer than what comes next"));
  ASSERT_TRUE(world.erase("a"));
  EXPECT_EQ(world.objects->count_spare_files(), 1u);
  ASSERT_TRUE(world.put("b", "short"));
  EXPECT_EQ(world.objects->count_spare_files(), 0u);
  EXPECT_EQ(world.count_files(), 1u);
  EXPECT_EQ(world.read("b"), "short");
  ASSERT_TRUE(world.put("b", std::string(5000, 'x')));
  ASSERT_TRUE(world.put("empty", ""));
  EXPECT_EQ(world.objects->count_spare_files(), 1u);
  // What a put that was refused has written is one as well.
  EXPECT_EQ(fault(world.put("b", "y", {.must_be_absent = true, .etag = {}})), Fault::ConditionFailed);
  EXPECT_EQ(world.objects->count_spare_files(), 1u);
  world.objects->close();
  EXPECT_EQ(world.objects->count_spare_files(), 0u);
  EXPECT_EQ(world.count_files(), 1u);
  world.restart();
  io::run_until_done(*world.loop, world.objects->stop());
  EXPECT_EQ(world.count_files(), 1u);
  EXPECT_EQ(world.read("b"), std::string(5000, 'x'));
}

TEST_F(ObjectsTest, WhatOthersReferToIsNotWrittenAnew) {
  io::run_until_done(*world.loop, world.objects->stop());
  ASSERT_TRUE(world.put("a", "first"));
  auto copy = world.wait(world.objects->duplicate(*world.find("a"), {}));
  ASSERT_TRUE(copy);
  ASSERT_TRUE(world.wait(world.objects->put("bucket", "copy", *copy, {}, {}, ChangeKind::Copy, {})));
  ASSERT_TRUE(world.erase("a"));
  ASSERT_TRUE(world.put("b", "other"));
  EXPECT_EQ(world.read("copy"), "first");
  // Nor is what was found, or is read.
  auto found = world.find("copy");
  ASSERT_TRUE(world.put("copy", "later"));
  ASSERT_TRUE(world.put("b", "other"));
  EXPECT_EQ(world.read(found), "first");
  found = world.find("copy");
  auto reader = world.wait(world.objects->read(*world.find("copy"), 0, 5));
  ASSERT_TRUE(reader);
  ASSERT_TRUE(world.erase("copy"));
  ASSERT_TRUE(world.put("c", "other"));
  EXPECT_EQ(*world.wait((*reader)->next()), "later");
  std::string large(internal::SpareFiles::kLargest + 1, 'x');
  ASSERT_TRUE(world.put("large", large));
  auto count = world.objects->count_spare_files();
  ASSERT_TRUE(world.erase("large"));
  EXPECT_EQ(world.objects->count_spare_files(), count);
}

TEST_F(ObjectsTest, FilesWithoutARecordAreRemovedAtAStart) {
  ASSERT_TRUE(world.put("a", "kept"));
  auto lost = world.write("of a put that a crash cut off");
  EXPECT_EQ(world.count_files(), 2u);
  world.restart();
  // The cleaning goes on in the background of what is asked.
  io::run_until_done(*world.loop, world.objects->stop());
  EXPECT_EQ(world.count_files(), 1u);
  EXPECT_EQ(world.read("a"), "kept");
}

TEST_F(ObjectsTest, KeepsVersionsWhereThatIsOn) {
  ASSERT_TRUE(world.put("a", "1"));
  world.set_versioning(Versioning::Enabled);
  auto second = world.put("a", "22");
  ASSERT_TRUE(second);
  EXPECT_NE(second->id, "null");
  auto marker = world.erase("a");
  ASSERT_TRUE(marker);
  EXPECT_TRUE(marker->is_marker);
  EXPECT_EQ(fault(world.find("a")), Fault::DeleteMarker);
  EXPECT_EQ(fault(world.find("a", marker->version)), Fault::MarkerNamed);
  EXPECT_EQ(world.read(world.find("a", "null")), "1");
  EXPECT_EQ(world.read(world.find("a", second->id)), "22");
  EXPECT_EQ(world.list(), Texts());
  EXPECT_EQ(world.list_versions(), (Texts{"a!*", "a=2", "a=1"}));
  // The marker is taken away: what was before is there again.
  ASSERT_TRUE(world.erase("a", marker->version));
  EXPECT_EQ(world.read("a"), "22");
  ASSERT_TRUE(world.erase("a", second->id));
  EXPECT_EQ(world.read("a"), "1");
  EXPECT_EQ(world.list_versions(), (Texts{"a=1*"}));
  EXPECT_EQ(world.count_files(), 1u);
}

TEST_F(ObjectsTest, WhileVersioningIsSuspendedOneVersionHasNoName) {
  world.set_versioning(Versioning::Enabled);
  ASSERT_TRUE(world.put("a", "1"));
  world.set_versioning(Versioning::Suspended);
  ASSERT_TRUE(world.put("a", "22"));
  ASSERT_TRUE(world.put("a", "333"));
  EXPECT_EQ(world.list_versions(), (Texts{"a=3*", "a=1"}));
  world.set_versioning(Versioning::Enabled);
  ASSERT_TRUE(world.put("a", "4444"));
  world.set_versioning(Versioning::Suspended);
  auto marker = world.erase("a");
  ASSERT_TRUE(marker);
  EXPECT_EQ(marker->version, "null");
  EXPECT_EQ(world.list_versions(), (Texts{"a!*", "a=4", "a=1"}));
  EXPECT_EQ(world.count_files(), 2u);
}

TEST_F(ObjectsTest, ListsByPagesAndGroups) {
  for (const auto* key : {"asdf", "boo/bar", "boo/baz/xyzzy", "cquux/bla", "cquux/thud", "zoo"}) {
    ASSERT_TRUE(world.put(key, "x"));
  }
  EXPECT_EQ(world.list({.prefix = "", .delimiter = "/", .after = "", .after_version = "", .most = 2}),
            (Texts{"asdf", "(boo/)", "..."}));
  EXPECT_EQ(world.list({.prefix = "", .delimiter = "/", .after = "boo/", .after_version = "", .most = 2}),
            (Texts{"zoo", "(cquux/)"}));
  EXPECT_EQ(world.list({.prefix = "boo/", .delimiter = "/", .after = "", .after_version = "", .most = 9}),
            (Texts{"boo/bar", "(boo/baz/)"}));
  EXPECT_EQ(world.list({.prefix = "", .delimiter = "", .after = "boo/baz/xyzzy", .after_version = "", .most = 1}),
            (Texts{"cquux/bla", "..."}));
}

TEST_F(ObjectsTest, ALargeGroupIsPassedOver) {
  for (int i = 0; i < 250; ++i) ASSERT_TRUE(world.put("a/" + std::to_string(i), ""));
  ASSERT_TRUE(world.put("b", ""));
  EXPECT_EQ(world.list({.prefix = "", .delimiter = "/", .after = "", .after_version = "", .most = 1000}),
            (Texts{"b", "(a/)"}));
  EXPECT_EQ(world.list().size(), 251u);
}

TEST_F(ObjectsTest, VersionsAreListedByPages) {
  world.set_versioning(Versioning::Enabled);
  std::vector<std::string> ids;
  for (const auto* bytes : {"1", "22", "333"}) ids.push_back(world.put("a", bytes)->id);
  ASSERT_TRUE(world.put("a!", "x"));
  EXPECT_EQ(world.list_versions({.prefix = "", .delimiter = "", .after = "a", .after_version = ids[2], .most = 1}),
            (Texts{"a=2", "..."}));
  EXPECT_EQ(world.list_versions({.prefix = "", .delimiter = "", .after = "a", .after_version = ids[1], .most = 9}),
            (Texts{"a=1", "a!=1*"}));
  EXPECT_EQ(world.list_versions({.prefix = "", .delimiter = "", .after = "a", .after_version = "", .most = 9}),
            (Texts{"a!=1*"}));
}

// A second name for the same bytes, or a copy of them.
TEST_F(ObjectsTest, ACopyOutlivesItsSource) {
  ASSERT_TRUE(world.put("a", "bytes"));
  auto file = world.wait(world.objects->duplicate(*world.find("a"), {}));
  ASSERT_TRUE(file);
  ASSERT_TRUE(world.wait(world.objects->put("bucket", "b", *file, {}, {}, ChangeKind::Copy, {})));
  auto hashed = world.wait(world.objects->duplicate(*world.find("a"), {ChecksumAlgorithm::Crc32c}));
  ASSERT_TRUE(hashed);
  EXPECT_EQ(hashed->digest(ChecksumAlgorithm::Crc32c), digest(ChecksumAlgorithm::Crc32c, "bytes"));
  world.objects->discard(*hashed);
  ASSERT_TRUE(world.erase("a"));
  EXPECT_EQ(world.read("b"), "bytes");
  EXPECT_EQ(world.count_files(), 1u);
}

class Noted final : public ChangeListener {
 public:
  std::vector<std::function<void()>> changing(const Change& change, store::Batch& batch) override {
    batch.put("told/" + std::string(change.key), "");
    std::string text = std::to_string(static_cast<int>(change.kind)) + std::string(change.key);
    return {[this, text] { told.push_back(text); }};
  }
  std::vector<std::string> told;
};

TEST_F(ObjectsTest, ChangesAreToldTogetherWithBeingWritten) {
  Noted noted;
  world.objects->listen(noted);
  ASSERT_TRUE(world.put("a", "1"));
  EXPECT_EQ(noted.told, Texts{"0a"});
  EXPECT_TRUE(world.memory.get("told/a")->has_value());
  EXPECT_FALSE(world.put("a", "1", {.must_be_absent = true, .etag = {}}));
  world.memory.fail_commits(Error(ErrorCode::Unavailable, "no"));
  EXPECT_FALSE(world.put("b", "1"));
  world.memory.fail_commits(std::nullopt);
  EXPECT_EQ(noted.told.size(), 1u);
  ASSERT_TRUE(world.erase("a"));
  EXPECT_EQ(noted.told, (Texts{"0a", "4a"}));
}

}  // namespace
}  // namespace virga::services::object

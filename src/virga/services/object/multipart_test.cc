#include <gtest/gtest.h>

#include "virga/base/encoding.h"
#include "virga/services/object/testing/object_world.h"

namespace virga::services::object {
namespace {

std::string hex(const std::string& bytes) {
  return to_hex({reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size()});
}

class UploadTest : public ::testing::Test {
 protected:
  UploadTest() { EXPECT_TRUE(world.wait(world.objects->create_bucket("bucket"))); }

  std::string begin(ChecksumAlgorithm algorithm = ChecksumAlgorithm::None,
                    ChecksumType type = ChecksumType::FullObject) {
    Upload upload;
    upload.algorithm = algorithm;
    upload.type = type;
    upload.fields = {{"content-type", "text/plain"}};
    auto begun = world.wait(world.objects->begin_upload("bucket", "key", upload));
    EXPECT_TRUE(begun);
    return begun ? begun->id : "";
  }
  // The part's ETag.
  std::string part(const std::string& id, std::uint32_t number, const std::string& bytes,
                   ChecksumAlgorithm algorithm = ChecksumAlgorithm::None) {
    auto file = world.write(bytes, {algorithm});
    Checksum checksum;
    if (algorithm != ChecksumAlgorithm::None) {
      checksum = {algorithm, ChecksumType::FullObject, std::string(file.digest(algorithm))};
    }
    auto etag = hex(file.md5);
    auto put = world.wait(world.objects->put_part("bucket", "key", id, number, std::move(file), checksum));
    EXPECT_TRUE(put) << put.error().message();
    return etag;
  }
  Result<Version> complete(const std::string& id, std::vector<Objects::ChosenPart> chosen, Condition condition = {}) {
    return world.wait(world.objects->complete_upload("bucket", "key", id, std::move(chosen), {}, condition, {}));
  }
  Fault fault_of(const std::string& id, std::vector<Objects::ChosenPart> chosen) {
    auto completed = complete(id, std::move(chosen));
    return completed ? Fault::None : read_fault(completed.error()).fault;
  }

  testing::ObjectWorld world;
  const std::string big = std::string(5u << 20, 'a');
};

TEST_F(UploadTest, RefusesWhatDoesNotFit) {
  auto id = begin();
  auto first = part(id, 1, "small");
  auto second = part(id, 2, "last");
  EXPECT_EQ(fault_of("nothing", {{1, first, ""}}), Fault::NoSuchUpload);
  EXPECT_EQ(fault_of(id, {{1, first, ""}, {2, second, ""}}), Fault::PartTooSmall);
  EXPECT_EQ(fault_of(id, {{2, second, ""}, {1, first, ""}}), Fault::InvalidPartOrder);
  EXPECT_EQ(fault_of(id, {{1, second, ""}}), Fault::InvalidPart);
  EXPECT_EQ(fault_of(id, {{3, first, ""}}), Fault::InvalidPart);
  EXPECT_EQ(fault_of(id, {{1, first, "xxxx"}}), Fault::InvalidPart);
  auto put = world.wait(world.objects->put_part("bucket", "other", id, 1, world.write("x"), {}));
  ASSERT_FALSE(put);
  EXPECT_EQ(read_fault(put.error()).fault, Fault::NoSuchUpload);
  EXPECT_FALSE(world.wait(world.objects->put_part("bucket", "key", id, 10'001, world.write("x"), {})));
  EXPECT_EQ(world.count_files(), 2u);
}

TEST_F(UploadTest, BecomesAnObjectOfItsPartsInOrder) {
  auto id = begin();
  (void)part(id, 2, "replaced");
  auto second = part(id, 2, "end");
  auto first = part(id, 1, big);
  (void)part(id, 7, "not chosen");
  auto version = complete(id, {{1, first, ""}, {2, "\"" + second + "\"", ""}});
  ASSERT_TRUE(version) << version.error().message();
  EXPECT_EQ(version->size, big.size() + 3);
  EXPECT_TRUE(version->etag.ends_with("-2"));
  EXPECT_EQ(world.count_files(), 2u);
  world.restart();
  EXPECT_EQ(world.read("key"), big + "end");
  EXPECT_EQ(world.read(world.find("key"), big.size() - 1, 2), "ae");
  EXPECT_EQ(world.find("key")->fields[0].second, "text/plain");
  // Asked once more, since the answer was lost.
  auto again = complete(id, {{1, first, ""}});
  ASSERT_TRUE(again);
  EXPECT_EQ(again->etag, version->etag);
  ASSERT_TRUE(world.erase("key"));
  EXPECT_EQ(world.count_files(), 0u);
}

TEST_F(UploadTest, HasTheChecksumOfTheWholeOrOfTheParts) {
  auto whole = digest(ChecksumAlgorithm::Crc64Nvme, big + "end");
  auto id = begin(ChecksumAlgorithm::Crc64Nvme, ChecksumType::FullObject);
  auto first = part(id, 1, big, ChecksumAlgorithm::Crc64Nvme);
  auto second = part(id, 2, "end", ChecksumAlgorithm::Crc64Nvme);
  auto version = complete(id, {{1, first, ""}, {2, second, ""}});
  ASSERT_TRUE(version);
  EXPECT_EQ(version->checksum.bytes, whole);

  id = begin(ChecksumAlgorithm::Sha256, ChecksumType::Composite);
  first = part(id, 1, big, ChecksumAlgorithm::Sha256);
  second = part(id, 2, "end", ChecksumAlgorithm::Sha256);
  version = complete(id, {{1, first, ""}, {2, second, digest(ChecksumAlgorithm::Sha256, "end")}});
  ASSERT_TRUE(version);
  EXPECT_EQ(version->checksum.bytes, digest(ChecksumAlgorithm::Sha256, digest(ChecksumAlgorithm::Sha256, big) +
                                                                           digest(ChecksumAlgorithm::Sha256, "end")));
  id = begin(ChecksumAlgorithm::Sha256, ChecksumType::Composite);
  first = part(id, 1, "x");
  EXPECT_EQ(fault_of(id, {{1, first, ""}}), Fault::InvalidPart);
}

TEST_F(UploadTest, IsListedUntilItIsAborted) {
  auto id = begin();
  (void)part(id, 3, "x");
  (void)part(id, 5, "y");
  auto uploads = world.wait(world.objects->list_uploads("bucket", {}));
  ASSERT_TRUE(uploads);
  ASSERT_EQ(uploads->items.size(), 1u);
  EXPECT_EQ(uploads->items[0].upload.id, id);
  auto parts = world.wait(world.objects->list_parts("bucket", "key", id, 0, 1));
  ASSERT_TRUE(parts);
  EXPECT_TRUE(parts->is_truncated);
  ASSERT_EQ(parts->parts.size(), 1u);
  EXPECT_EQ(parts->parts[0].number, 3u);
  parts = world.wait(world.objects->list_parts("bucket", "key", id, 3, 10));
  ASSERT_EQ(parts->parts.size(), 1u);
  EXPECT_EQ(parts->parts[0].number, 5u);
  EXPECT_TRUE(world.wait(world.objects->abort_upload("bucket", "key", id)));
  EXPECT_EQ(world.count_files(), 0u);
  EXPECT_FALSE(world.wait(world.objects->abort_upload("bucket", "key", id)));
}

TEST_F(UploadTest, GoesWithItsBucket) {
  (void)part(begin(), 1, "x");
  EXPECT_TRUE(world.wait(world.objects->delete_bucket("bucket")));
  EXPECT_EQ(world.count_files(), 0u);
}

}  // namespace
}  // namespace virga::services::object

#include "virga/store/blob_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <optional>

#include "virga/base/encoding.h"
#include "virga/base/hash.h"
#include "virga/os/file.h"

namespace virga::store {
namespace {

namespace fs = std::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

class Blobs : public ::testing::Test {
 protected:
  Blobs() {
    Result<os::TemporaryDirectory> directory = os::TemporaryDirectory::create();
    EXPECT_TRUE(directory);
    directory_.emplace(std::move(*directory));
  }
  BlobStore open() {
    Result<BlobStore> blobs = BlobStore::open(directory_->path() + "/blobs");
    EXPECT_TRUE(blobs) << blobs.error().message();
    return std::move(*blobs);
  }
  void damage(const std::string& path) {
    fs::permissions(path, fs::perms(0600));
    std::ofstream(path, std::ios::in | std::ios::out) << "X";
  }
  std::optional<os::TemporaryDirectory> directory_;
};

TEST_F(Blobs, AreNamedByTheirContent) {
  BlobStore blobs = open();
  Result<std::string> id = blobs.write("hello");
  ASSERT_TRUE(id) << id.error().message();
  EXPECT_EQ(*id, to_hex(sha256("hello")));
  EXPECT_EQ(blobs.write("hello").value(), *id);
  EXPECT_EQ(blobs.read(*id).value(), "hello");
  EXPECT_TRUE(blobs.verify(*id));
  EXPECT_EQ(blobs.size(*id).value(), 5u);
  EXPECT_TRUE(blobs.contains(*id));
  std::string empty = blobs.write("").value();
  EXPECT_EQ(blobs.read(empty).value(), "");
  EXPECT_THAT(open().list().value(), ElementsAre(*id, empty));
}

TEST_F(Blobs, AreGoneAfterRemoval) {
  BlobStore blobs = open();
  std::string id = blobs.write("hello").value();
  ASSERT_TRUE(blobs.remove(id));
  ASSERT_TRUE(blobs.remove(id));
  EXPECT_FALSE(blobs.contains(id));
  Result<std::string> bytes = blobs.read(id);
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code(), ErrorCode::NotFound);
  EXPECT_EQ(blobs.size(id).error().code(), ErrorCode::NotFound);
  EXPECT_THAT(blobs.list().value(), IsEmpty());
}

TEST_F(Blobs, AreNeverServedDamaged) {
  BlobStore blobs = open();
  std::string id = blobs.write("hello").value();
  damage(blobs.path(id));
  for (const Error& error : {blobs.read(id).error(), blobs.verify(id).error()}) {
    EXPECT_EQ(error.code(), ErrorCode::DataLoss);
    EXPECT_THAT(error.message(), HasSubstr(blobs.path(id)));
  }
  EXPECT_EQ(blobs.write("hello").value(), id);  // heals it
  EXPECT_EQ(blobs.read(id).value(), "hello");
}

TEST_F(Blobs, LoseWhatACrashLeftHalfWritten) {
  BlobStore first = open();
  std::string id = first.write("hello").value();
  std::string left = directory_->path() + "/blobs/aside/" + std::string(64, 'a') + ".Xy1z2w";
  std::ofstream(left) << "half";
  BlobStore again = open();
  EXPECT_FALSE(fs::exists(left));
  EXPECT_THAT(again.list().value(), ElementsAre(id));
}

TEST_F(Blobs, RefuseWhatIsNoId) {
  BlobStore blobs = open();
  for (std::string id :
       {std::string("../../../etc/passwd"), std::string(), std::string(64, 'A'), std::string(63, 'a')}) {
    EXPECT_EQ(blobs.read(id).error().code(), ErrorCode::InvalidArgument);
    EXPECT_EQ(blobs.remove(id).error().code(), ErrorCode::InvalidArgument);
    EXPECT_FALSE(blobs.contains(id));
  }
}

}  // namespace
}  // namespace virga::store

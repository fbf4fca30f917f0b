#include "virga/server/keys.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "virga/os/file.h"

namespace virga::server {
namespace {

TEST(RootKey, IsTheSameAtTheNextStart) {
  auto folder = os::TemporaryDirectory::create().value();
  auto made = load_or_make_root_key(folder.path());
  ASSERT_TRUE(made) << made.error().message();
  auto read = load_or_make_root_key(folder.path());
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->id, made->id);
  EXPECT_EQ(read->secret, made->secret);
  struct stat status{};
  ASSERT_EQ(::stat(made->file.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST(StoreKey, IsTheSameAtTheNextStart) {
  auto folder = os::TemporaryDirectory::create().value();
  auto made = load_or_make_store_key(folder.path());
  ASSERT_TRUE(made) << made.error().message();
  auto read = load_or_make_store_key(folder.path());
  ASSERT_TRUE(read) << read.error().message();
  EXPECT_EQ(read->reveal(), made->reveal());
}

TEST(StoreKey, IsNotReplacedWhenItIsDamaged) {
  auto folder = os::TemporaryDirectory::create().value();
  ASSERT_TRUE(os::write_file_durably(folder.path() + "/store-key", "short\n", 0600));
  EXPECT_EQ(load_or_make_store_key(folder.path()).error().code(), ErrorCode::DataLoss);
  EXPECT_EQ(os::read_file(folder.path() + "/store-key").value(), "short\n");
}

}  // namespace
}  // namespace virga::server

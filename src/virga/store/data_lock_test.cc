#include "virga/store/data_lock.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>

#include "virga/os/file.h"

namespace virga::store {
namespace {

TEST(DataLock, IsHeldOnceAndGivenBack) {
  Result<os::TemporaryDirectory> directory = os::TemporaryDirectory::create();
  ASSERT_TRUE(directory);
  std::string folder = directory->path() + "/data";
  {
    Result<DataLock> first = DataLock::acquire(folder);
    ASSERT_TRUE(first) << first.error().message();
    Result<DataLock> second = DataLock::acquire(folder);
    ASSERT_FALSE(second);
    EXPECT_EQ(second.error().code(), ErrorCode::Conflict);
  }
  EXPECT_TRUE(DataLock::acquire(folder));
  struct stat status{};
  ASSERT_EQ(::stat(folder.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777u, 0700u);
}

TEST(DataLock, DoesNotRepeatNonsenseFromTheFile) {
  Result<os::TemporaryDirectory> directory = os::TemporaryDirectory::create();
  ASSERT_TRUE(directory);
  Result<DataLock> first = DataLock::acquire(directory->path());
  ASSERT_TRUE(first);
  std::ofstream(directory->path() + "/virga.lock") << "\x1b[31mno pid";
  Result<DataLock> second = DataLock::acquire(directory->path());
  ASSERT_FALSE(second);
  EXPECT_EQ(second.error().message().find("pid"), std::string::npos);
}

}  // namespace
}  // namespace virga::store

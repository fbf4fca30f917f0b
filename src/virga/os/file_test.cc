#include "virga/os/file.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>

namespace virga::os {
namespace {

TEST(File, WritesDurablyWithTheModeAsked) {
  auto folder = TemporaryDirectory::create().value();
  std::string path = folder.path() + "/key";
  ASSERT_TRUE(write_file_durably(path, "first", 0600));
  ASSERT_TRUE(write_file_durably(path, "second", 0600));
  EXPECT_EQ(read_file(path).value(), "second");
  struct stat status{};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
  int entries = 0;
  for ([[maybe_unused]] auto& entry : std::filesystem::directory_iterator(folder.path())) ++entries;
  EXPECT_EQ(entries, 1);
}

TEST(File, SaysWhichPathIsMissing) {
  auto bytes = read_file("/nonexistent/file");
  ASSERT_FALSE(bytes);
  EXPECT_EQ(bytes.error().code(), ErrorCode::NotFound);
  EXPECT_EQ(bytes.error().message(), "open /nonexistent/file: No such file or directory");
}

TEST(TemporaryDirectory, IsGoneAfterwards) {
  std::string path;
  {
    auto folder = TemporaryDirectory::create().value();
    path = folder.path();
    ASSERT_TRUE(write_file_durably(path + "/a", "x"));
  }
  EXPECT_FALSE(std::filesystem::exists(path));
}

}  // namespace
}  // namespace virga::os

#include "virga/os/file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/mman.h>
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

TEST(Seal, KeepsAMemoryFileAsItIs) {
  Descriptor file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_TRUE(write_all(file, "bytes"));
  ASSERT_TRUE(seal(file, F_SEAL_WRITE, "test"));
  EXPECT_FALSE(write_all(file, "more"));
}

TEST(Seal, IsRefusedWhileSomebodyMayWrite) {
  Descriptor file(::memfd_create("test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_TRUE(write_all(file, "bytes"));
  void* mapped = ::mmap(nullptr, 5, PROT_READ | PROT_WRITE, MAP_SHARED, file.get(), 0);
  ASSERT_NE(mapped, MAP_FAILED);
  auto sealed = seal(file, F_SEAL_WRITE, "test");
  ASSERT_FALSE(sealed);
  EXPECT_EQ(sealed.error().message(), "seal test: Device or resource busy");
  ::munmap(mapped, 5);
  EXPECT_TRUE(seal(file, F_SEAL_WRITE, "test"));
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

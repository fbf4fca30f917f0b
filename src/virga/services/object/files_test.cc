#include "virga/services/object/files.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <optional>

#include "virga/os/file.h"

namespace virga::services::object {
namespace {

class FilesTest : public ::testing::Test {
 protected:
  FilesTest() {
    auto folder = os::TemporaryDirectory::create();
    EXPECT_TRUE(folder);
    folder_.emplace(std::move(*folder));
    auto files = Files::open(folder_->path() + "/objects", system_random());
    EXPECT_TRUE(files);
    files_.emplace(std::move(*files));
  }
  std::string write(std::string_view bytes) {
    auto id = files_->make_id();
    auto file = files_->create(id);
    EXPECT_TRUE(file);
    EXPECT_TRUE(os::write_all(*file, bytes));
    EXPECT_TRUE(files_->sync(*file, id, bytes.size(), Files::Name::New));
    return id;
  }
  static std::string read(const os::Descriptor& file) {
    std::array<char, 100> bytes;
    auto count = ::pread(file.get(), bytes.data(), bytes.size(), 0);
    return {bytes.data(), static_cast<std::size_t>(std::max<ssize_t>(count, 0))};
  }

  std::optional<os::TemporaryDirectory> folder_;
  std::optional<Files> files_;
};

TEST_F(FilesTest, AFileThatIsAskedForStaysOpenUntilItIsRemoved) {
  auto id = write("bytes");
  auto first = files_->open_now(id);
  ASSERT_NE(first, nullptr);
  EXPECT_EQ(read(*first), "bytes");
  auto copy = *files_;
  EXPECT_EQ(copy.open_now(id), first) << "copies share what is open";

  ASSERT_TRUE(copy.remove(id));
  EXPECT_EQ(files_->open_now(id), nullptr);
  EXPECT_EQ(first.use_count(), 1) << "its space is free when this reader goes";
  EXPECT_EQ(read(*first), "bytes");
}

TEST_F(FilesTest, KeepsNotMoreOpenThanItMay) {
  std::vector<std::shared_ptr<const os::Descriptor>> held;
  for (int i = 0; i < 200; ++i) {
    held.push_back(files_->open_now(write(std::to_string(i))));
    ASSERT_NE(held.back(), nullptr);
    EXPECT_EQ(read(*held.back()), std::to_string(i));
  }
  auto kept = std::ranges::count_if(held, [](const auto& file) { return file.use_count() > 1; });
  EXPECT_LE(kept, 64);
  EXPECT_GT(kept, 0);
}

TEST_F(FilesTest, AFileIsWrittenAnewUnlessItsBytesHaveAnotherName) {
  auto id = write("first bytes");
  auto open = files_->open_now(id);
  auto again = files_->reuse(id);
  ASSERT_TRUE(again.valid());
  ASSERT_TRUE(os::write_all(again, "second"));
  ASSERT_TRUE(files_->sync(again, id, 6, Files::Name::Synced));
  EXPECT_EQ(read(*files_->open_now(id)), "second");

  auto copy = files_->make_id();
  ASSERT_TRUE(files_->link(id, copy));
  EXPECT_FALSE(files_->reuse(id).valid());
  EXPECT_EQ(files_->open_now(id), nullptr) << "this name is gone";
  EXPECT_EQ(read(*files_->open_now(copy)), "second");
  EXPECT_FALSE(files_->reuse(files_->make_id()).valid());
}

TEST_F(FilesTest, WhatIsNotThereIsNotOpened) {
  EXPECT_EQ(files_->open_now(files_->make_id()), nullptr);
}

}  // namespace
}  // namespace virga::services::object

#include "virga/sandbox/spawn/roots.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "virga/os/file.h"

namespace virga::sandbox::spawn {
namespace {

class RootsTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = os::TemporaryDirectory::create();
    ASSERT_TRUE(folder);
    folder_.emplace(std::move(*folder));
    for (const char* name : {"data/packages/one", "database", "runtimes/node", "elsewhere"}) {
      std::filesystem::create_directories(path(name));
    }
    std::vector<Roots::Folder> folders = {{path("data"), Access::ReadWrite}, {path("runtimes"), Access::ReadOnly}};
    auto roots = Roots::open(folders);
    ASSERT_TRUE(roots) << roots.error().message();
    roots_.emplace(std::move(*roots));
  }

  std::string path(const std::string& name) const { return folder_->path() + "/" + name; }
  ErrorCode refusal(const std::string& name, Access access = Access::ReadOnly) const {
    auto opened = roots_->open_folder(name, access);
    EXPECT_FALSE(opened) << name;
    return opened ? ErrorCode::Internal : opened.error().code();
  }

  std::optional<os::TemporaryDirectory> folder_;
  std::optional<Roots> roots_;
};

TEST_F(RootsTest, OpensTheFolderThatWasNamed) {
  for (const char* name : {"data", "data/packages/one", "runtimes/node"}) {
    auto opened = roots_->open_folder(path(name), Access::ReadOnly);
    ASSERT_TRUE(opened) << opened.error().message();
    struct stat there{};
    struct stat named{};
    ASSERT_EQ(::fstat(opened->get(), &there), 0);
    ASSERT_EQ(::stat(path(name).c_str(), &named), 0);
    EXPECT_EQ(there.st_ino, named.st_ino);
  }
  EXPECT_TRUE(roots_->open_folder(path("data/packages"), Access::ReadWrite));
}

TEST_F(RootsTest, RefusesFoldersThatWereNotGiven) {
  for (const auto& name : {std::string("/"), std::string("/etc"), std::string("relative"), std::string(""),
                           path("elsewhere"), path("database"), path("data") + "/../elsewhere", folder_->path()}) {
    auto opened = roots_->open_folder(name, Access::ReadOnly);
    EXPECT_FALSE(opened) << name;
  }
  EXPECT_EQ(refusal(path("elsewhere")), ErrorCode::PermissionDenied);
  EXPECT_EQ(refusal(path("database")), ErrorCode::PermissionDenied);  // only its first letters are those of a root
  EXPECT_EQ(refusal(path("data") + "//etc"), ErrorCode::PermissionDenied);
}

TEST_F(RootsTest, OpensFilesByTheSameRules) {
  std::ofstream(path("data/file")) << "x";
  std::ofstream(path("elsewhere/file")) << "x";
  std::filesystem::create_symlink(path("elsewhere/file"), path("data/link"));
  EXPECT_TRUE(roots_->open_file(path("data/file")));
  EXPECT_FALSE(roots_->open_file(path("elsewhere/file")));
  EXPECT_FALSE(roots_->open_file(path("data/link")));
  EXPECT_FALSE(roots_->open_file(path("data/none")));
  EXPECT_FALSE(roots_->open_folder(path("data/file"), Access::ReadOnly));
}

TEST_F(RootsTest, RefusesToWriteWhereOneMayOnlyRead) {
  EXPECT_EQ(refusal(path("runtimes/node"), Access::ReadWrite), ErrorCode::PermissionDenied);
}

TEST_F(RootsTest, FollowsNoSymlink) {
  std::filesystem::create_directory_symlink(path("elsewhere"), path("data/link"));
  std::filesystem::create_directory_symlink("packages", path("data/inner"));
  EXPECT_EQ(refusal(path("data/link")), ErrorCode::InvalidArgument);
  EXPECT_EQ(refusal(path("data/link/below")), ErrorCode::InvalidArgument);
  EXPECT_EQ(refusal(path("data/inner/one")), ErrorCode::InvalidArgument);
}

TEST_F(RootsTest, DoesNotLeaveByDotDot) {
  EXPECT_EQ(refusal(path("data/packages/../../elsewhere")), ErrorCode::InvalidArgument);
}

TEST_F(RootsTest, KeepsToTheFolderWhenItsNameMovesOn) {
  std::filesystem::rename(path("data"), path("moved"));
  std::filesystem::create_directories(path("data/packages/evil"));
  EXPECT_EQ(refusal(path("data/packages/evil")), ErrorCode::NotFound);
  auto again = roots_->open_again();
  ASSERT_FALSE(again);
  EXPECT_EQ(again.error().code(), ErrorCode::Conflict);
}

TEST_F(RootsTest, OpensTheSameFoldersAgain) {
  auto again = roots_->open_again();
  ASSERT_TRUE(again) << again.error().message();
  EXPECT_TRUE(again->open_folder(path("data/packages/one"), Access::ReadWrite));
}

TEST(Roots, NeedsRealFolders) {
  std::vector<Roots::Folder> relative = {{"relative", Access::ReadOnly}};
  EXPECT_FALSE(Roots::open(relative));
  std::vector<Roots::Folder> missing = {{"/no/such/folder", Access::ReadOnly}};
  EXPECT_FALSE(Roots::open(missing));
}

}  // namespace
}  // namespace virga::sandbox::spawn

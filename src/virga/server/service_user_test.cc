#include "virga/server/service_user.h"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "virga/os/file.h"

namespace virga::server {
namespace {

namespace fs = std::filesystem;

class ServiceUserTest : public testing::Test {
 protected:
  void SetUp() override {
    auto folder = os::TemporaryDirectory::create();
    ASSERT_TRUE(folder);
    folder_.emplace(std::move(*folder));
    data_ = folder_->path() + "/data";
    if (::geteuid() != 0) GTEST_SKIP() << "only root may become somebody else";
    ASSERT_EQ(::chmod(folder_->path().c_str(), 0755), 0);
  }

  static uid_t owner(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0) << path;
    return status.st_uid;
  }
  void fill() const {
    fs::create_directories(data_ + "/store/deep");
    std::ofstream(data_ + "/store/deep/file") << "x";
    std::ofstream(folder_->path() + "/outside") << "x";
    fs::create_symlink(folder_->path() + "/outside", data_ + "/link");
    fs::create_directory_symlink(folder_->path(), data_ + "/store/out");
  }

  std::optional<os::TemporaryDirectory> folder_;
  std::string data_;
  const ServiceUser daemon_{12345, 12346, "daemon"};
};

TEST_F(ServiceUserTest, HandsOverWhatIsRootsAndFollowsNoSymlink) {
  fill();
  ASSERT_EQ(::chown((data_ + "/store/deep").c_str(), 777, 777), 0);  // somebody else's already
  ASSERT_TRUE(hand_over(data_, daemon_));
  EXPECT_EQ(owner(data_), 12345u);
  EXPECT_EQ(owner(data_ + "/store"), 12345u);
  EXPECT_EQ(owner(data_ + "/store/deep"), 777u);
  EXPECT_EQ(owner(data_ + "/store/deep/file"), 12345u);
  EXPECT_EQ(owner(data_ + "/link"), 12345u);
  EXPECT_EQ(owner(folder_->path() + "/outside"), 0u);
  EXPECT_EQ(owner(folder_->path()), 0u);
}

TEST_F(ServiceUserTest, HandsOverWhatRootLeftInTheUsersOwnFolder) {
  fill();
  ASSERT_EQ(::chown(data_.c_str(), 12345, 12346), 0);
  ASSERT_TRUE(hand_over(data_, daemon_));
  EXPECT_EQ(owner(data_ + "/store/deep/file"), 12345u);
}

TEST_F(ServiceUserTest, LeavesAFileWithASecondNameAlone) {
  fill();
  fs::create_hard_link(folder_->path() + "/outside", data_ + "/twin");
  ASSERT_TRUE(hand_over(data_, daemon_));
  EXPECT_EQ(owner(folder_->path() + "/outside"), 0u);
}

TEST_F(ServiceUserTest, HandsOverOnce) {
  fill();
  std::ofstream(data_ + "/virga.lock") << "";
  ASSERT_TRUE(hand_over(data_, daemon_));
  // What the user may have put there since is left alone.
  std::ofstream(data_ + "/later") << "x";
  ASSERT_TRUE(hand_over(data_, daemon_));
  EXPECT_EQ(owner(data_ + "/later"), 0u);
}

TEST_F(ServiceUserTest, RefusesAFolderOfSomebodyElse) {
  fs::create_directories(data_);
  ASSERT_EQ(::chown(data_.c_str(), 777, 777), 0);
  auto done = hand_over(data_, daemon_);
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::Conflict);
  EXPECT_NE(done.error().message().find("777"), std::string::npos) << done.error().message();
}

TEST_F(ServiceUserTest, MakesTheFolderForItsUserAlone) {
  auto made = make_data_directory(data_, daemon_);
  ASSERT_TRUE(made) << made.error().message();
  struct stat status{};
  ASSERT_EQ(::stat(made->c_str(), &status), 0);
  EXPECT_EQ(status.st_uid, 12345u);
  EXPECT_EQ(status.st_mode & 0777, 0700u);
}

TEST_F(ServiceUserTest, IsTheFoldersOwnerUnlessToldOtherwise) {
  fs::create_directories(data_);
  EXPECT_EQ(choose_user("", "", data_)->user, 0u);
  ASSERT_EQ(::chown(data_.c_str(), 777, 778), 0);
  EXPECT_EQ(choose_user("", "", data_)->user, 777u);
  EXPECT_EQ(choose_user("", "", data_)->group, 778u);
  EXPECT_EQ(choose_user("", "", data_ + "/not/there/yet")->user, 777u);
  EXPECT_EQ(choose_user("", "no-such-user-here", data_)->user, 777u);
  EXPECT_EQ(choose_user("", "nobody", folder_->path())->name, "nobody");
  EXPECT_EQ(choose_user("root", "nobody", data_)->user, 0u);
}

TEST_F(ServiceUserTest, TakesNoUserWhoCannotReachTheFolder) {
  ASSERT_EQ(::chmod(folder_->path().c_str(), 0700), 0);
  fs::create_directories(data_);
  EXPECT_EQ(choose_user("", "nobody", data_)->user, 0u);
  auto asked = choose_user("nobody", "", data_);
  ASSERT_FALSE(asked);
  EXPECT_NE(asked.error().message().find("--data"), std::string::npos) << asked.error().message();
  EXPECT_FALSE(choose_user("no-such-user-here", "", data_));
}

}  // namespace
}  // namespace virga::server

#include "virga/cli/folder_watch.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "virga/cli/deployment.h"
#include "virga/io/task_group.h"
#include "virga/os/file.h"

namespace virga::cli {
namespace {

namespace fs = std::filesystem;
using Depth = FolderWatch::Depth;

class FolderWatchTest : public ::testing::Test {
 protected:
  FolderWatchTest() : folder_(os::TemporaryDirectory::create().value()), loop_(io::Loop::create().value()) {
    watch_ = FolderWatch::create(*loop_, is_left_out).value();
  }

  std::string path(std::string_view name) const { return folder_.path() + "/" + std::string(name); }
  void write(std::string_view name) const { std::ofstream(path(name)) << "x"; }

  // The changes that were made before, by paths relative to the folder; they are in the kernel's queue already.
  std::set<std::string> changes() {
    std::set<std::string> names;
    auto collect = [](FolderWatchTest& test, std::set<std::string>& found) -> io::Task<void> {
      auto changed = co_await test.watch_->changes(std::chrono::milliseconds(1));
      EXPECT_TRUE(changed);
      if (!changed) co_return;
      for (const auto& one : *changed) found.insert(fs::relative(one, test.folder_.path()).string());
    };
    io::run_until_done(*loop_, collect(*this, names));
    return names;
  }

  os::TemporaryDirectory folder_;
  std::unique_ptr<io::Loop> loop_;
  std::unique_ptr<FolderWatch> watch_;
};

TEST_F(FolderWatchTest, NamesTheFoldersInWhichSomethingChanged) {
  fs::create_directories(path("a/deep"));
  fs::create_directories(path("b"));
  ASSERT_TRUE(watch_->add(path("a"), Depth::Tree));
  ASSERT_TRUE(watch_->add(path("b"), Depth::Tree));
  write("a/deep/file");
  EXPECT_EQ(changes(), std::set<std::string>{"a/deep"});
  write("b/file");
  fs::remove(path("a/deep/file"));
  EXPECT_EQ(changes(), (std::set<std::string>{"a/deep", "b"}));
}

TEST_F(FolderWatchTest, FollowsIntoFoldersThatAppear) {
  ASSERT_TRUE(watch_->add(folder_.path(), Depth::Tree));
  fs::create_directories(path("new/deep"));
  EXPECT_TRUE(changes().contains("."));
  write("new/deep/file");
  EXPECT_EQ(changes(), std::set<std::string>{"new/deep"});
}

TEST_F(FolderWatchTest, LeavesOutWhatIsNotDeployed) {
  fs::create_directories(path("__pycache__"));
  ASSERT_TRUE(watch_->add(folder_.path(), Depth::Tree));
  fs::create_directories(path(".git/objects"));
  write(".git/objects/one");
  write("__pycache__/app.pyc");
  write("app.py");
  EXPECT_EQ(changes(), std::set<std::string>{"."});
}

TEST_F(FolderWatchTest, WatchesOneFolderAndNotWhatIsBelow) {
  fs::create_directories(path("below"));
  ASSERT_TRUE(watch_->add(folder_.path(), Depth::Folder));
  write("below/file");
  write("virga.json");
  EXPECT_EQ(changes(), std::set<std::string>{"."});
}

TEST_F(FolderWatchTest, EndsTheWaitWhenItIsClosed) {
  ASSERT_TRUE(watch_->add(folder_.path(), Depth::Folder));
  Result<std::set<std::string>> result;
  auto wait = [](FolderWatch& watch, Result<std::set<std::string>>& into) -> io::Task<void> {
    into = co_await watch.changes(std::chrono::milliseconds(1));
  };
  loop_->post([this] { watch_->close(); });
  io::run_until_done(*loop_, wait(*watch_, result));
  ASSERT_FALSE(result);
  EXPECT_EQ(result.error().code(), ErrorCode::Cancelled);
}

TEST_F(FolderWatchTest, SaysThatAFolderIsNotThere) {
  EXPECT_EQ(watch_->add(path("none"), Depth::Tree).error().code(), ErrorCode::NotFound);
}

}  // namespace
}  // namespace virga::cli

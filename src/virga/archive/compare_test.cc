#include "virga/archive/compare.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <filesystem>
#include <fstream>

#include "virga/archive/extract.h"
#include "virga/archive/internal/file_handle.h"
#include "virga/archive/zip_writer.h"

namespace virga::archive {
namespace {

namespace fs = std::filesystem;

class Compare : public ::testing::Test {
 protected:
  Compare() {
    std::string path = (fs::temp_directory_path() / "virga-compare-XXXXXX").string();
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
    ZipWriter writer;
    EXPECT_TRUE(writer.add_file("index.js", "exports"));
    EXPECT_TRUE(writer.add_file("bin/run", std::string(100'000, 'x'), ZipWriter::Executable::Yes));
    EXPECT_TRUE(writer.add_directory("empty"));
    EXPECT_TRUE(writer.add_symlink("link", "bin/run"));
    zip_ = std::move(writer).finish().value();
    unpack();
  }
  ~Compare() override { fs::remove_all(root_); }

  void unpack() {
    fs::remove_all(root_ / "tree");
    fs::create_directory(root_ / "tree");
    internal::FileHandle directory(::open((root_ / "tree").c_str(), O_RDONLY | O_DIRECTORY));
    ASSERT_TRUE(extract(zip_, *inspect(zip_), directory.get()));
  }
  std::string difference() {
    auto found = find_difference(zip_, (root_ / "tree").string());
    return found ? found->value_or("") : found.error().message();
  }
  template <typename Change>
  std::string difference_after(Change change) {
    unpack();
    change(root_ / "tree");
    return difference();
  }

  fs::path root_;
  std::string zip_;
};

TEST_F(Compare, FindsNothingInWhatWasUnpacked) {
  EXPECT_EQ(difference(), "");
  std::ofstream(root_ / "tree" / "more") << "derived";
  EXPECT_EQ(difference(), "");
}

TEST_F(Compare, NamesTheEntryThatDiffers) {
  EXPECT_EQ(difference_after([](const fs::path& tree) {
              std::fstream file(tree / "bin/run", std::ios::in | std::ios::out);
              file.seekp(70'000);
              file.put('y');
            }),
            "bin/run");
  EXPECT_EQ(difference_after([](const fs::path& tree) { fs::resize_file(tree / "index.js", 3); }), "index.js");
  EXPECT_EQ(difference_after([](const fs::path& tree) { fs::remove(tree / "index.js"); }), "index.js");
  EXPECT_EQ(difference_after([](const fs::path& tree) { fs::remove(tree / "empty"); }), "empty");
  EXPECT_EQ(difference_after([](const fs::path& tree) {
              fs::remove(tree / "link");
              fs::create_symlink("bin", tree / "link");
            }),
            "link");
  EXPECT_EQ(difference_after([](const fs::path& tree) {
              fs::permissions(tree / "bin/run", fs::perms::owner_exec, fs::perm_options::remove);
            }),
            "bin/run");
  EXPECT_EQ(difference_after([](const fs::path& tree) {
              fs::remove(tree / "index.js");
              fs::create_symlink("bin/run", tree / "index.js");
            }),
            "index.js");
  EXPECT_EQ(difference_after([](const fs::path& tree) { fs::remove_all(tree); }), "index.js");
}

}  // namespace
}  // namespace virga::archive

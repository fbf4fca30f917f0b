#include "virga/archive/extract.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "virga/archive/internal/file_handle.h"
#include "virga/archive/testing/raw_zip.h"

namespace virga::archive {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;
using testing::raw_zip;
using testing::RawMember;

class Extract : public ::testing::Test {
 protected:
  Extract() {
    std::string path = (fs::temp_directory_path() / "virga-extract-XXXXXX").string();
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
    fs::create_directory(root_ / "out");
    old_umask_ = ::umask(077);
  }
  ~Extract() override {
    ::umask(old_umask_);
    fs::remove_all(root_);
  }

  Result<Extracted> extract_to_out(const std::string& zip) {
    Result<Listing> listing = inspect(zip);
    if (!listing) return fail(listing.error());
    internal::FileHandle directory(::open((root_ / "out").c_str(), O_RDONLY | O_DIRECTORY));
    return extract(zip, *listing, directory.get());
  }
  std::string content(const std::string& path) {
    std::ifstream stream(root_ / "out" / path);
    return std::string(std::istreambuf_iterator<char>(stream), {});
  }
  mode_t mode(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::lstat((root_ / "out" / path).c_str(), &status), 0) << path;
    return status.st_mode & 07777;
  }

  fs::path root_;
  mode_t old_umask_;
};

std::vector<RawMember> tree() {
  return {RawMember{.name = "b/c/d.txt", .content = "deep", .method = 8},
          RawMember{.name = "run", .content = "#!", .mode = S_IFREG | 04711},
          RawMember{.name = "b-c", .content = "between"},
          RawMember{.name = "empty/", .mode = S_IFDIR | 0700},
          RawMember{.name = "b/", .mode = S_IFDIR | 0700},
          RawMember{.name = "b/link", .content = "../run", .mode = S_IFLNK | 0777}};
}

TEST_F(Extract, MakesTheTreeWithPlainModesWhateverTheUmask) {
  Result<Extracted> done = extract_to_out(raw_zip(tree()));
  ASSERT_TRUE(done) << done.error().message();
  EXPECT_EQ(done->files, 3u);
  EXPECT_EQ(done->directories, 3u);
  EXPECT_EQ(done->symlinks, 1u);
  EXPECT_EQ(done->bytes, 4u + 2 + 7);
  EXPECT_EQ(content("b/c/d.txt"), "deep");
  EXPECT_EQ(content("b-c"), "between");
  EXPECT_EQ(mode("run"), 0755u);
  EXPECT_EQ(mode("b-c"), 0644u);
  EXPECT_EQ(mode("b"), 0755u);
  EXPECT_EQ(mode("empty"), 0755u);
  EXPECT_EQ(fs::read_symlink(root_ / "out/b/link"), "../run");
}

TEST_F(Extract, GivesEqualTreesEqualHashesAndOthersOthers) {
  std::vector<RawMember> members = tree();
  Result<Extracted> first = extract_to_out(raw_zip(members));
  ASSERT_TRUE(first) << first.error().message();
  auto again = [&] {
    fs::remove_all(root_ / "out");
    fs::create_directory(root_ / "out");
    Result<Extracted> done = extract_to_out(raw_zip(members));
    EXPECT_TRUE(done) << done.error().message();
    return done ? done->tree_hash : "";
  };
  std::ranges::reverse(members);
  for (RawMember& member : members) member.method = 8;
  EXPECT_EQ(again(), first->tree_hash);
  members.back().content = "deeq";
  EXPECT_NE(again(), first->tree_hash);
  members = tree();
  members[2].mode = S_IFREG | 0755;
  EXPECT_NE(again(), first->tree_hash);
}

TEST_F(Extract, NeitherReplacesNorFollowsWhatIsThere) {
  std::ofstream(root_ / "secret") << "untouched";
  fs::create_directory(root_ / "elsewhere");
  std::string zip = raw_zip({RawMember{.name = "a/b", .content = "x"}});
  fs::create_directory_symlink(root_ / "elsewhere", root_ / "out/a");
  Result<Extracted> done = extract_to_out(zip);
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("create folder 'a'"));
  EXPECT_TRUE(fs::is_empty(root_ / "elsewhere"));

  fs::create_symlink(root_ / "secret", root_ / "out/f");
  done = extract_to_out(raw_zip({RawMember{.name = "f", .content = "overwritten"}}));
  ASSERT_FALSE(done);
  std::ifstream stream(root_ / "secret");
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(stream), {}), "untouched");
}

TEST_F(Extract, FailsOnDamagedContent) {
  RawMember member{.name = "a", .content = "abc"};
  member.crc = 1;
  Result<Extracted> done = extract_to_out(raw_zip({member}));
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("entry 'a': its checksum"));
}

}  // namespace
}  // namespace virga::archive

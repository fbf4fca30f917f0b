#include "virga/archive/zip_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "virga/archive/pack.h"

namespace virga::archive {
namespace {

namespace fs = std::filesystem;
using ::testing::HasSubstr;

TEST(ZipWriter, WritesWhatTheReaderReads) {
  ZipWriter writer;
  std::string large(200'000, 'a');
  ASSERT_TRUE(writer.add_file("a.txt", large));
  ASSERT_TRUE(writer.add_file("bin/run", "#!", ZipWriter::Executable::Yes));
  ASSERT_TRUE(writer.add_directory("empty"));
  ASSERT_TRUE(writer.add_symlink("bin/link", "../a.txt"));
  Result<std::string> zip = std::move(writer).finish();
  ASSERT_TRUE(zip) << zip.error().message();
  EXPECT_LT(zip->size(), 2000u);
  Result<Listing> listing = inspect(*zip);
  ASSERT_TRUE(listing) << listing.error().message();
  EXPECT_EQ(unpack(*zip, listing->entries[0]).value(), large);
  EXPECT_TRUE(listing->entries[1].executable);
  EXPECT_EQ(listing->entries[2].kind, EntryKind::Directory);
  EXPECT_EQ(listing->entries[3].target, "../a.txt");
}

TEST(ZipWriter, WritesMoreEntriesThanSixteenBitsCount) {
  ZipWriter writer;
  for (int i = 0; i < 66'000; ++i) ASSERT_TRUE(writer.add_file("f" + std::to_string(i), ""));
  Result<std::string> zip = std::move(writer).finish();
  ASSERT_TRUE(zip) << zip.error().message();
  EXPECT_EQ(inspect(*zip)->entries.size(), 66'000u);
}

TEST(ZipWriter, RefusesWhatTheReaderWouldRefuse) {
  ZipWriter writer(Limits{.archive_bytes = 4000, .unpacked_bytes = 5000});
  EXPECT_FALSE(writer.add_file("../a", ""));
  EXPECT_FALSE(writer.add_symlink("a", "/etc"));
  Result<> done = writer.add_file("large", std::string(6000, 'a'));
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::TooLarge);
  EXPECT_THAT(done.error().message(), HasSubstr("entry 'large': with it the package is more than 5000 bytes"));

  ZipWriter twice;
  ASSERT_TRUE(twice.add_file("a", "1"));
  ASSERT_TRUE(twice.add_file("a", "2"));
  EXPECT_FALSE(std::move(twice).finish());
}

class Pack : public ::testing::Test {
 protected:
  Pack() {
    std::string path = (fs::temp_directory_path() / "virga-pack-XXXXXX").string();
    EXPECT_NE(::mkdtemp(path.data()), nullptr);
    root_ = path;
  }
  ~Pack() override { fs::remove_all(root_); }
  void write(const std::string& name, const std::string& content) {
    fs::create_directories((root_ / name).parent_path());
    std::ofstream(root_ / name) << content;
  }
  fs::path root_;
};

TEST_F(Pack, GivesTheSameBytesForTheSameTree) {
  write("index.js", "exports.handler = () => 1");
  write("node_modules/x/index.js", "1");
  write("node_modules/x/cli.js", "2");
  fs::permissions(root_ / "node_modules/x/cli.js", fs::perms(0700));
  fs::create_directories(root_ / "node_modules/.bin");
  fs::create_symlink("../x/cli.js", root_ / "node_modules/.bin/x");
  fs::create_directory(root_ / "empty");
  Result<std::string> first = pack_directory(root_.string());
  ASSERT_TRUE(first) << first.error().message();
  Result<Listing> listing = inspect(*first);
  ASSERT_TRUE(listing) << listing.error().message();
  std::vector<std::string> names;
  for (const Entry& entry : listing->entries) names.push_back(entry.name);
  EXPECT_THAT(names, ::testing::ElementsAre("empty", "index.js", "node_modules/.bin/x", "node_modules/x/cli.js",
                                            "node_modules/x/index.js"));
  EXPECT_TRUE(listing->entries[3].executable);
  EXPECT_EQ(listing->entries[2].target, "../x/cli.js");

  fs::last_write_time(root_ / "index.js", fs::file_time_type::clock::now() - std::chrono::hours(1000));
  fs::permissions(root_ / "index.js", fs::perms(0600));
  EXPECT_EQ(pack_directory(root_.string()).value(), *first);
}

TEST_F(Pack, LeavesOutWhatIsToBeSkipped) {
  write("a", "1");
  write(".git/config", "secret");
  Result<std::string> zip = pack_directory(root_.string(), [](std::string_view path) { return path == ".git"; });
  ASSERT_TRUE(zip) << zip.error().message();
  EXPECT_EQ(inspect(*zip)->entries.size(), 1u);
  EXPECT_EQ(zip->find("secret"), std::string::npos);
}

TEST_F(Pack, RefusesLinksThatLeadOutsideAndSpecialFiles) {
  fs::create_symlink("/etc/passwd", root_ / "link");
  Result<std::string> zip = pack_directory(root_.string());
  ASSERT_FALSE(zip);
  EXPECT_THAT(zip.error().message(), HasSubstr("entry 'link': the symlink points to the absolute path '/etc/passwd'"));
  fs::remove(root_ / "link");
  ASSERT_EQ(::mkfifo((root_ / "pipe").c_str(), 0600), 0);
  zip = pack_directory(root_.string());
  ASSERT_FALSE(zip);
  EXPECT_THAT(zip.error().message(), HasSubstr("entry 'pipe': it is a device, a pipe or a socket"));
}

TEST_F(Pack, SaysWhichFolderIsNotThere) {
  Result<std::string> zip = pack_directory((root_ / "nowhere").string());
  ASSERT_FALSE(zip);
  EXPECT_THAT(zip.error().message(), HasSubstr("nowhere': No such file or directory"));
}

}  // namespace
}  // namespace virga::archive

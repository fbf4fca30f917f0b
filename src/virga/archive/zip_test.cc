#include "virga/archive/zip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/archive/testing/raw_zip.h"

namespace virga::archive {
namespace {

using internal::append16;
using internal::append32;
using internal::append64;
using testing::crc_of;
using testing::deflate;
using ::testing::HasSubstr;
using testing::raw_zip;
using testing::RawEnd;
using testing::RawMember;

TEST(Zip, ListsFilesFoldersAndSymlinks) {
  std::string zip =
      raw_zip({RawMember{.name = "index.js", .content = "exports.handler = 1"},
               RawMember{.name = "bin/", .mode = S_IFDIR | 0755},
               RawMember{.name = "bin/run", .content = "#!/bin/sh\n", .mode = S_IFREG | 0755, .method = 8},
               RawMember{.name = "bin/link", .content = "../index.js", .mode = S_IFLNK | 0777}});
  Result<Listing> listing = inspect(zip);
  ASSERT_TRUE(listing) << listing.error().message();
  ASSERT_EQ(listing->entries.size(), 4u);
  EXPECT_EQ(listing->entries[0].name, "index.js");
  EXPECT_EQ(listing->entries[0].kind, EntryKind::File);
  EXPECT_FALSE(listing->entries[0].executable);
  EXPECT_EQ(listing->entries[1].name, "bin");
  EXPECT_EQ(listing->entries[1].kind, EntryKind::Directory);
  EXPECT_TRUE(listing->entries[2].executable);
  EXPECT_EQ(unpack(zip, listing->entries[2]).value(), "#!/bin/sh\n");
  EXPECT_EQ(listing->entries[3].kind, EntryKind::Symlink);
  EXPECT_EQ(listing->entries[3].target, "../index.js");
  EXPECT_EQ(listing->unpacked_bytes, 19u + 10 + 11);
}

TEST(Zip, AcceptsAnEmptyArchive) {
  Result<Listing> listing = inspect(raw_zip({}));
  ASSERT_TRUE(listing) << listing.error().message();
  EXPECT_TRUE(listing->entries.empty());
}

TEST(Zip, AcceptsACommentAndFoldersThatNoEntryNames) {
  Result<Listing> listing =
      inspect(raw_zip({RawMember{.name = "a/b/c.txt", .content = "x"}}, RawEnd{.comment = "made by hand"}));
  ASSERT_TRUE(listing) << listing.error().message();
  EXPECT_EQ(listing->entries.size(), 1u);
}

TEST(Zip, IgnoresUnixModesOfOtherSystems) {
  // MS-DOS (0) does not define the upper half of the attributes.
  Result<Listing> listing =
      inspect(raw_zip({RawMember{.name = "a", .content = "x", .mode = S_IFCHR | 0755, .host = 0}}));
  ASSERT_TRUE(listing) << listing.error().message();
  EXPECT_EQ(listing->entries[0].kind, EntryKind::File);
  EXPECT_FALSE(listing->entries[0].executable);
}

TEST(Zip, DropsSetUserIdAndEveryOtherModeBit) {
  Result<Listing> listing = inspect(raw_zip({RawMember{.name = "a", .content = "x", .mode = S_IFREG | 06777}}));
  ASSERT_TRUE(listing) << listing.error().message();
  EXPECT_TRUE(listing->entries[0].executable);
}

TEST(Zip, AcceptsDataDescriptorsInAllFourForms) {
  for (bool signature : {true, false}) {
    for (std::size_t width : {4, 8}) {
      std::string content = "hello hello hello hello";
      std::string packed = deflate(content), descriptor;
      if (signature) append32(descriptor, internal::kDataDescriptor);
      append32(descriptor, crc_of(content));
      internal::append_number(descriptor, packed.size(), width);
      internal::append_number(descriptor, content.size(), width);
      RawMember member{.name = "a", .content = content, .flags = 8, .method = 8, .descriptor = descriptor};
      member.local_crc = member.local_size = member.local_packed = 0;
      std::string zip = raw_zip({member, RawMember{.name = "b", .content = "b"}});
      Result<Listing> listing = inspect(zip);
      ASSERT_TRUE(listing) << listing.error().message();
      EXPECT_EQ(unpack(zip, listing->entries[0]).value(), content);
    }
  }
}

TEST(Zip, AcceptsAStreamedHeaderThatKnowsItsSizeAlready) {
  // As `zip - file | cat` writes it.
  std::string content = "hello hello hello hello", packed = deflate(content), descriptor;
  append32(descriptor, internal::kDataDescriptor);
  append32(descriptor, crc_of(content));
  append32(descriptor, packed.size());
  append32(descriptor, content.size());
  RawMember member{.name = "a", .content = content, .flags = 8, .method = 8, .descriptor = descriptor};
  member.local_crc = member.local_packed = 0;
  std::string zip = raw_zip({member});
  Result<Listing> listing = inspect(zip);
  ASSERT_TRUE(listing) << listing.error().message();
  EXPECT_EQ(unpack(zip, listing->entries[0]).value(), content);
  member.local_size = 5;
  EXPECT_FALSE(inspect(raw_zip({member})));
}

TEST(Zip, AcceptsHonestZip64Records) {
  std::string wide;
  append16(wide, 1);
  append16(wide, 16);
  append64(wide, 3);
  append64(wide, 3);
  RawMember member{.name = "a", .content = "abc", .extra = wide, .local_extra = wide};
  member.size = member.packed = 0xffffffff;
  std::string zip = raw_zip({member});
  Result<Listing> listing = inspect(zip);
  ASSERT_TRUE(listing) << listing.error().message();
  EXPECT_EQ(listing->entries[0].size, 3u);
  EXPECT_EQ(unpack(zip, listing->entries[0]).value(), "abc");
}

TEST(Zip, UnpacksInPartsAndStopsWhenTheSinkFails) {
  std::string content(300'000, 'a');
  std::string zip = raw_zip({RawMember{.name = "a", .content = content, .method = 8}});
  Result<Listing> listing = inspect(zip);
  ASSERT_TRUE(listing) << listing.error().message();
  std::size_t largest = 0, calls = 0;
  Result<> done = unpack(zip, listing->entries[0], [&](std::string_view part) -> Result<> {
    largest = std::max(largest, part.size());
    if (++calls == 2) return fail(ErrorCode::ResourceExhausted, "full");
    return {};
  });
  ASSERT_FALSE(done);
  EXPECT_EQ(done.error().code(), ErrorCode::ResourceExhausted);
  EXPECT_EQ(calls, 2u);
  EXPECT_LE(largest, 65536u);
}

TEST(Zip, NeverGivesMoreThanAnEntryClaims) {
  RawMember member{.name = "a", .content = std::string(1'000'000, 'a'), .method = 8};
  member.size = 70'000;
  std::string zip = raw_zip({member});
  Result<Listing> listing = inspect(zip);
  ASSERT_TRUE(listing) << listing.error().message();
  std::size_t given = 0;
  Result<> done = unpack(zip, listing->entries[0], [&](std::string_view part) -> Result<> {
    given += part.size();
    return {};
  });
  ASSERT_FALSE(done);
  EXPECT_THAT(done.error().message(), HasSubstr("entry 'a': it does not unpack to the 70000 bytes it claims"));
  EXPECT_LE(given, 70'000u);
}

TEST(Zip, FindsContentThatIsNotWhatWasPacked) {
  std::string content = "some content to be damaged";
  struct {
    RawMember member;
    std::string message;
  } cases[] = {
      {{.name = "a", .content = content, .crc = 1}, "its checksum is"},
      {{.name = "a", .content = content, .method = 8, .size = 27}, "does not unpack to the 27 bytes"},
      {{.name = "a", .content = content, .method = 8, .data = deflate(content).substr(0, 10)}, "end too early"},
      {{.name = "a", .content = content, .method = 8, .data = deflate(content) + "x"},
       "bytes follow its compressed data"},
      {{.name = "a", .content = content, .method = 8, .data = "\xff\xff\xff\xff"}, "compressed bytes are damaged"},
  };
  for (const auto& [member, message] : cases) {
    std::string zip = raw_zip({member});
    Result<Listing> listing = inspect(zip);
    ASSERT_TRUE(listing) << listing.error().message();
    Result<std::string> unpacked = unpack(zip, listing->entries[0]);
    ASSERT_FALSE(unpacked) << message;
    EXPECT_THAT(unpacked.error().message(), HasSubstr(message));
  }
}

TEST(Zip, RefusesAnEntryOfAnotherArchive) {
  Result<std::string> unpacked = unpack("short", Entry{.name = "a", .target = {}, .data_offset = 3, .data_size = 10});
  ASSERT_FALSE(unpacked);
  EXPECT_THAT(unpacked.error().message(), HasSubstr("not an entry of this archive"));
}

}  // namespace
}  // namespace virga::archive

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/archive/testing/raw_zip.h"
#include "virga/archive/zip.h"

namespace virga::archive {
namespace {

using internal::append16;
using internal::append32;
using internal::append64;
using ::testing::HasSubstr;
using testing::raw_zip;
using testing::RawEnd;
using testing::RawMember;

// The archive is refused, and the message says why.
void expect_refusal(const std::string& zip, const std::string& message, ErrorCode code = ErrorCode::InvalidArgument,
                    const Limits& limits = {}) {
  SCOPED_TRACE(message);
  Result<Listing> listing = inspect(zip, limits);
  ASSERT_FALSE(listing);
  EXPECT_THAT(listing.error().message(), HasSubstr(message));
  EXPECT_EQ(listing.error().code(), code);
}

RawMember file(std::string name) {
  return RawMember{.name = std::move(name), .content = "x"};
}
RawMember link(std::string name, std::string target) {
  return RawMember{.name = std::move(name), .content = std::move(target), .mode = S_IFLNK | 0777};
}

TEST(HostileZip, RefusesWhatIsNoZip) {
  expect_refusal("", "not a whole zip file");
  expect_refusal("PK", "not a whole zip file");
  expect_refusal(std::string(100'000, 'x'), "not a whole zip file");
  std::string zip = raw_zip({file("a")});
  expect_refusal(zip.substr(0, zip.size() - 1), "not a whole zip file");
  expect_refusal(zip + "x", "not a whole zip file");
}

TEST(HostileZip, RefusesNamesThatLeaveOrConfuse) {
  expect_refusal(raw_zip({file("../a")}), "entry '../a': the path holds '..'");
  expect_refusal(raw_zip({file("a/../../b")}), "the path holds '..'");
  expect_refusal(raw_zip({file("a/..")}), "the path holds '..'");
  expect_refusal(raw_zip({file("/etc/passwd")}), "the path is absolute");
  expect_refusal(raw_zip({file("/")}), "the path is absolute");
  expect_refusal(raw_zip({file("a\\b")}), "backslash");
  expect_refusal(raw_zip({file("C:evil")}), "names a drive");
  expect_refusal(raw_zip({file("c:/evil")}), "names a drive");
  expect_refusal(raw_zip({file(std::string("a\0b", 3))}), "entry 'a\\x00b': the name holds the control character 0x00");
  expect_refusal(raw_zip({file("a\x1b[31m")}), "entry 'a\\x1b[31m'");
  expect_refusal(raw_zip({file("a//b")}), "empty component");
  expect_refusal(raw_zip({file("a/./b")}), "holds '.'");
  expect_refusal(raw_zip({file("caf\xe9")}), "not UTF-8");
  expect_refusal(raw_zip({file("")}), "no name");
}

TEST(HostileZip, RefusesNamesBeyondTheLimits) {
  expect_refusal(raw_zip({file(std::string(256, 'a'))}), "the path is 256 bytes long, allowed are 255");
  EXPECT_TRUE(inspect(raw_zip({file(std::string(255, 'a'))})));
  std::string deep = "d";
  for (int i = 0; i < 31; ++i) deep += "/d";
  EXPECT_TRUE(inspect(raw_zip({file(deep)})));
  expect_refusal(raw_zip({file(deep + "/d")}), "33 folders deep, allowed are 32");
}

TEST(HostileZip, RefusesNamesThatClash) {
  expect_refusal(raw_zip({file("a"), file("a")}), "entry 'a': the name occurs twice");
  expect_refusal(raw_zip({file("a"), RawMember{.name = "a/", .mode = S_IFDIR | 0755}}), "the name occurs twice");
  expect_refusal(raw_zip({file("a/B"), file("a/b")}),
                 "entry 'a/b': it differs from 'a/B' in upper and lower case only");
  expect_refusal(raw_zip({file("A/x"), file("a/y")}), "upper and lower case only");
  expect_refusal(raw_zip({file("a"), file("a/b")}), "entry 'a/b': it lies below 'a', which is a file");
  expect_refusal(raw_zip({file("a/b"), file("a")}), "it lies below 'a', which is a file");
}

TEST(HostileZip, RefusesSymlinksThatEscape) {
  expect_refusal(raw_zip({link("a", "/etc/passwd")}), "absolute path '/etc/passwd'");
  expect_refusal(raw_zip({link("a", "..")}), "outside of the archive");
  expect_refusal(raw_zip({link("d/a", "../../x")}), "outside of the archive");
  expect_refusal(raw_zip({link("d/a", "x/../../..")}), "'..' after a name");
  expect_refusal(raw_zip({link("a", "")}), "points nowhere");
  expect_refusal(raw_zip({link("a", std::string("b\0c", 3))}), "NUL byte");
  expect_refusal(raw_zip({link("a", std::string(1025, 'x'))}), "1025 bytes long, allowed are 1024");
  // Through a link to a folder: what is written to a/b would land in d.
  expect_refusal(raw_zip({file("d/x"), link("a", "d"), file("a/b")}), "it lies below 'a', which is a symlink");
  expect_refusal(raw_zip({file("a/b"), link("a", "d")}), "it lies below 'a', which is a symlink");
  EXPECT_TRUE(inspect(raw_zip({link("a/b/c", "../../x/./y"), link("l", "l")})));
}

TEST(HostileZip, RefusesDevicesPipesAndSockets) {
  for (auto [mode, kind] : {std::pair{S_IFCHR, "character device"},
                            {S_IFBLK, "block device"},
                            {S_IFIFO, "named pipe"},
                            {S_IFSOCK, "socket"},
                            {0170000, "unknown kind"}}) {
    expect_refusal(raw_zip({RawMember{.name = "dev", .mode = static_cast<std::uint32_t>(mode) | 0666}}), kind);
  }
  expect_refusal(raw_zip({RawMember{.name = "a/", .content = "b", .mode = S_IFLNK | 0777}}), "a folder by its name");
  expect_refusal(raw_zip({RawMember{.name = "a/", .content = "b", .mode = S_IFDIR | 0777}}), "holds 1 bytes itself");
}

TEST(HostileZip, RefusesEncryptionAndUnknownMethods) {
  for (std::uint16_t flag : {1 << 0, 1 << 6, 1 << 13}) {
    expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .flags = flag}}), "entry 'a': it is encrypted");
  }
  expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .flags = 1 << 5}}), "patch");
  expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .method = 12}}), "method 12");
}

TEST(HostileZip, RefusesLocalHeadersThatContradictTheDirectory) {
  expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .local_name = "b"}}),
                 "its local header says its name is 'b'");
  expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .local_size = 2}}), "its local header says 2 bytes");
  expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .local_packed = 0}}), "(packed 0)");
  expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .local_crc = 7}}), "its local header says");
  expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .local_method = 8}}), "flags or method");
  expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .local_flags = 1}}), "flags or method");
  expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .offset = 1}}), "local header is not where");
  expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .offset = 0xfffffff0}}), "local header is not where");
  expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .size = 2}}),
                 "stored uncompressed in 1 bytes but claims 2");
  expect_refusal(raw_zip({RawMember{.name = "a", .content = "x", .method = 8, .packed = 90000}}), "reach past the end");
}

TEST(HostileZip, RefusesDataDescriptorsThatContradictTheDirectory) {
  RawMember member{.name = "a", .content = "x", .flags = 8};
  expect_refusal(raw_zip({member}), "data descriptor contradicts the central directory or is missing");
  append32(member.descriptor, testing::crc_of("x"));
  append32(member.descriptor, 1);
  append32(member.descriptor, 2);
  expect_refusal(raw_zip({member}), "data descriptor contradicts");
}

TEST(HostileZip, RefusesEntriesThatShareBytes) {
  // Two names for one kernel of data: how a small archive becomes a large tree.
  RawMember second = file("a");
  second.offset = 0;
  std::string zip = raw_zip({file("a"), second});
  expect_refusal(zip, "shares bytes with 'a'");
  // A local header inside the data of another entry.
  std::string inner = raw_zip({file("b")});
  RawMember outer{.name = "a", .content = inner.substr(0, inner.find("PK\x01\x02"))};
  RawMember hidden = file("b");
  hidden.offset = 31;
  expect_refusal(raw_zip({outer, hidden}), "entry 'b': it shares bytes with 'a'");
}

TEST(HostileZip, RefusesZip64RecordsThatLie) {
  RawMember member = file("a");
  member.size = 0xffffffff;
  expect_refusal(raw_zip({member}), "zip64 record is missing");
  append16(member.extra, 1);
  append16(member.extra, 4);
  append32(member.extra, 1);
  expect_refusal(raw_zip({member}), "zip64 record is too short");

  RawMember huge{.name = "a", .content = "x", .method = 8, .size = 0xffffffff};
  append16(huge.extra, 1);
  append16(huge.extra, 8);
  append64(huge.extra, 1ull << 63);
  huge.local_extra = huge.extra;
  expect_refusal(raw_zip({huge}), "zip: unpacked it would be more than", ErrorCode::TooLarge);
  huge.local_extra[11] = 0;  // another number in the local header
  expect_refusal(raw_zip({huge}), "its local header says");

  RawMember cut = file("a");
  append16(cut.extra, 1);
  append16(cut.extra, 400);
  expect_refusal(raw_zip({cut}), "an extra field is longer");

  expect_refusal(raw_zip({file("a")}, RawEnd{.directory_offset = 0xffffffff}), "zip64 record that is not there");
}

TEST(HostileZip, RefusesAZip64EndThatContradicts) {
  std::string plain = raw_zip({file("a")});
  std::uint64_t offset = plain.find("PK\x01\x02");
  std::uint64_t size = plain.size() - internal::kEndSize - offset;
  auto with_end = [&](std::uint64_t entries, std::uint64_t record_offset, std::uint16_t narrow_entries) {
    std::string record;
    append32(record, internal::kZip64End);
    append64(record, 44);
    append32(record, 45 << 16 | 45);
    append64(record, 0);
    append64(record, entries);
    append64(record, entries);
    append64(record, size);
    append64(record, offset);
    append32(record, internal::kZip64Locator);
    append32(record, 0);
    append64(record, record_offset);
    append32(record, 1);
    return raw_zip({file("a")}, RawEnd{.entries = narrow_entries, .before = record});
  };
  EXPECT_TRUE(inspect(with_end(1, offset + size, 0xffff)));
  EXPECT_TRUE(inspect(with_end(1, offset + size, 1)));
  expect_refusal(with_end(1, offset + size, 2), "contradicts the end record");
  expect_refusal(with_end(2, offset + size, 0xffff), "ends before its last entry");
  expect_refusal(with_end(1, offset, 0xffff), "not where it has to be");
  expect_refusal(with_end(1ull << 60, offset + size, 0xffff), "allowed are 100000", ErrorCode::TooLarge);
}

TEST(HostileZip, RefusesEndRecordsThatLie) {
  expect_refusal(raw_zip({file("a")}, RawEnd{.entries = 2}), "ends before its last entry");
  expect_refusal(raw_zip({file("a")}, RawEnd{.entries = 0}), "holds more than its entries");
  expect_refusal(raw_zip({file("a")}, RawEnd{.directory_size = 1}), "not where the end record says");
  expect_refusal(raw_zip({file("a")}, RawEnd{.directory_offset = 1}), "not where the end record says");
  expect_refusal(raw_zip({file("a")}, RawEnd{.before = "hidden"}), "not where the end record says");
  std::string other = raw_zip({file("b")});
  expect_refusal(raw_zip({file("a")}, RawEnd{.comment = other + "!"}), "second end-of-directory record");
}

TEST(HostileZip, RefusesASecondName) {
  RawMember member = file("a");
  append16(member.extra, 0x7075);
  append16(member.extra, 6);
  member.extra += std::string(5, '\0') + "b";
  expect_refusal(raw_zip({member}), "Unicode name differs");
}

TEST(HostileZip, RefusesArchivesBeyondTheLimits) {
  Limits limits{.archive_bytes = 150};
  expect_refusal(raw_zip({file("a"), file("b")}), "", ErrorCode::TooLarge, limits);
  limits = Limits{.entries = 1};
  expect_refusal(raw_zip({file("a"), file("b")}), "has 2 entries, allowed are 1", ErrorCode::TooLarge, limits);
  limits = Limits{.unpacked_bytes = 1};
  expect_refusal(raw_zip({file("a"), file("b")}), "more than 1 bytes", ErrorCode::TooLarge, limits);
}

TEST(HostileZip, RefusesABomb) {
  std::string zip = raw_zip({RawMember{.name = "a", .content = std::string(11 << 20, '\0'), .method = 8}});
  expect_refusal(zip, "more than 200 times as many", ErrorCode::TooLarge);
  EXPECT_TRUE(inspect(raw_zip({RawMember{.name = "a", .content = std::string(9 << 20, '\0'), .method = 8}})));
}

}  // namespace
}  // namespace virga::archive

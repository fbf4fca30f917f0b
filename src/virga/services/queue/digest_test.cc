#include "virga/services/queue/digest.h"

#include <gmock/gmock.h>

namespace virga::services::queue {
namespace {

TEST(Digest, IsMd5InHexadecimal) {
  EXPECT_EQ(md5_hex(""), "d41d8cd98f00b204e9800998ecf8427e");
  EXPECT_EQ(md5_hex("hello"), "5d41402abc4b2a76b9719d911017c592");
}

TEST(Digest, OfAttributesCountsNamesTypesAndKinds) {
  std::vector<Attribute> attributes = {{"a", "String", Attribute::Kind::Text, "x"},
                                       {"b", "Binary", Attribute::Kind::Binary, std::string("\0\xff", 2)}};
  EXPECT_EQ(md5_of(attributes), "c4ec7d55335539420ccc7ec70efeb4a1");
}

TEST(Message, IsReadAsItWasWritten) {
  Message message;
  message.id = "id";
  message.body = std::string("a\0b", 3);
  message.attributes = {{"n", "Number.int", Attribute::Kind::Text, "7"},
                        {"b", "Binary", Attribute::Kind::Binary, "\xff"}};
  message.group = "g";
  message.deduplication = "d";
  message.sender = "s";
  message.trace = "t";
  message.dead_letter_source = "arn";
  message.sent = WallTime(std::chrono::milliseconds(1'700'000'000'123));
  EXPECT_EQ(message.size(), 3u + 1 + 10 + 1 + 1 + 6 + 1);
  auto bytes = message.encode();
  EXPECT_EQ(Message::decode(bytes), message);
  for (std::size_t cut = 0; cut < bytes.size(); ++cut) EXPECT_FALSE(Message::decode(bytes.substr(0, cut))) << cut;
}

}  // namespace
}  // namespace virga::services::queue

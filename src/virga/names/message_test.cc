#include "virga/names/message.h"

#include <gtest/gtest.h>

#include "virga/names/testing/messages.h"

namespace virga::names {
namespace {

using testing::edns;
using testing::Message;
using testing::number;
using testing::v4;
using testing::wire_name;

constexpr std::uint16_t kAnswered = 0x8180;

Query query() {
  return parse_query(Message{}.bytes()).value();
}
Message answer() {
  Message message;
  message.flags = kAnswered;
  return message;
}
bool is_answer(const std::string& bytes) {
  return parse_answer(bytes, query(), 7).has_value();
}

TEST(ParseQuery, ReadsAQuestion) {
  auto asked = query();
  EXPECT_EQ(asked.id, 7);
  EXPECT_EQ(asked.question.type, 1);
  EXPECT_EQ(readable(asked.question), "www.example.org");
  EXPECT_FALSE(asked.has_edns);
  EXPECT_EQ(asked.most, 512u);
}

TEST(ParseQuery, TakesTheSizeOfEdnsWithinBounds) {
  for (auto [said, taken] : {std::pair(100, 512), {900, 900}, {4096, 1232}}) {
    Message message;
    auto bytes = message.bytes() + edns(static_cast<std::uint16_t>(said));
    bytes[11] = 1;
    auto asked = parse_query(bytes);
    ASSERT_TRUE(asked) << said;
    EXPECT_TRUE(asked->has_edns);
    EXPECT_EQ(asked->most, static_cast<std::size_t>(taken));
  }
}

TEST(ParseQuery, RefusesWhatIsNoPlainQuestion) {
  Message good;
  auto bytes = good.bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(parse_query(bytes.substr(0, size))) << size;
  EXPECT_FALSE(parse_query(bytes + "x"));
  for (auto change : {+[](Message& m) { m.flags = 0x8100; },      // an answer
                      +[](Message& m) { m.flags = 0x2800; },      // an update
                      +[](Message& m) { m.flags = 0x0300; },      // cut
                      +[](Message& m) { m.questions = 0; },       //
                      +[](Message& m) { m.questions = 2; },       //
                      +[](Message& m) { m.question_class = 3; },  // CHAOS
                      +[](Message& m) { m.type = 252; },          // a whole zone
                      +[](Message& m) { m.type = 255; },          // anything
                      +[](Message& m) { m.name = "\xc0\x0c"; },   // a pointer in a question
                      +[](Message& m) { m.name = std::string(64, 'x'); },
                      +[](Message& m) { m.answers.push_back({1, v4(1, 1, 1, 1)}); },
                      +[](Message& m) { m.additions.push_back({1, v4(1, 1, 1, 1)}); }}) {
    Message message;
    change(message);
    EXPECT_FALSE(parse_query(message.bytes()));
  }
}

TEST(ParseQuery, TakesNamesUpToTheLongest) {
  std::string label(63, 'a');
  std::string longest = label + "." + label + "." + label + "." + std::string(61, 'b');
  Message message;
  message.name = wire_name(longest);
  ASSERT_EQ(message.name.size(), 255u);
  EXPECT_TRUE(parse_query(message.bytes()));
  message.name = wire_name(longest + "b");
  EXPECT_FALSE(parse_query(message.bytes()));
  message.name = wire_name("");  // the root
  EXPECT_TRUE(parse_query(message.bytes()));
}

TEST(EncodeQuery, AsksTheSameUnderAnotherId) {
  auto again = parse_query(encode_query(query(), 99));
  ASSERT_TRUE(again);
  EXPECT_EQ(again->id, 99);
  EXPECT_EQ(again->question.name, query().question.name);
}

TEST(ParseAnswer, FindsAddressesInEverySection) {
  auto message = answer();
  message.answers = {{5, wire_name("other.example.org")}, {1, v4(1, 2, 3, 4)}, {28, std::string(15, '\0') + '\1'}};
  message.authorities = {{1, v4(10, 0, 0, 1), wire_name("ns.example.org")}};
  message.additions = {{1, v4(10, 0, 0, 2)}};
  auto parsed = parse_answer(message.bytes(), query(), 7);
  ASSERT_TRUE(parsed) << parsed.error().message();
  std::vector<std::string> found;
  for (const auto& address : parsed->addresses) found.push_back(address.text());
  EXPECT_EQ(found, (std::vector<std::string>{"1.2.3.4", "::1", "10.0.0.1", "10.0.0.2"}));
}

TEST(ParseAnswer, FindsAddressHintsOfServices) {
  for (std::uint16_t type : {64, 65}) {
    auto message = answer();
    auto hints = number(1) + wire_name("") + number(1) + number(3) + "\x02h2" + number(4) + number(8) +
                 v4(10, 0, 0, 1) + v4(1, 1, 1, 1) + number(6) + number(16) + std::string(15, '\0') + '\1';
    message.answers = {{type, hints}};
    auto parsed = parse_answer(message.bytes(), query(), 7);
    ASSERT_TRUE(parsed) << parsed.error().message();
    ASSERT_EQ(parsed->addresses.size(), 3u);
    EXPECT_EQ(parsed->addresses[0].text(), "10.0.0.1");
    EXPECT_EQ(parsed->addresses[2].text(), "::1");
  }
}

TEST(ParseAnswer, RefusesHintsThatCannotBeRead) {
  for (const auto& parameters :
       {number(4) + number(3) + "abc", number(4) + number(0), number(6) + number(4) + v4(1, 1, 1, 1), number(4),
        number(4) + number(8) + v4(1, 1, 1, 1),
        number(6) + number(16) + std::string(16, 'x') + number(4) + number(4) +
            v4(10, 0, 0, 1) /* not in rising order */}) {
    auto message = answer();
    message.answers = {{65, number(1) + wire_name("") + parameters}};
    EXPECT_FALSE(is_answer(message.bytes()));
  }
}

TEST(ParseAnswer, RefusesWhatIsNotTheAnswer) {
  auto good = answer();
  good.answers = {{1, v4(1, 2, 3, 4)}};
  ASSERT_TRUE(is_answer(good.bytes()));
  auto bytes = good.bytes();
  for (std::size_t size = 0; size < bytes.size(); ++size) EXPECT_FALSE(is_answer(bytes.substr(0, size))) << size;
  EXPECT_FALSE(is_answer(bytes + "x"));
  for (auto change :
       {+[](Message& m) { m.id = 8; }, +[](Message& m) { m.flags = 0x0100; },  // a question
        +[](Message& m) { m.type = 28; }, +[](Message& m) { m.name = wire_name("www.example.net"); },
        +[](Message& m) { m.questions = 0; }, +[](Message& m) { m.answers[0].data = "abc"; },
        +[](Message& m) { m.answers[0].type = 28; }, +[](Message& m) { m.answers[0].name = "\xc0\xff"; },  // forward
        +[](Message& m) { m.answers[0].name = std::string("\xc0\x00", 2); },    // into the header
        +[](Message& m) { m.answers[0].name = std::string("\x41x\0", 3); }}) {  // a reserved kind of label
    auto message = good;
    change(message);
    EXPECT_FALSE(is_answer(message.bytes()));
  }
}

TEST(ParseAnswer, TakesAnotherSpellingOfTheName) {
  auto message = answer();
  message.name = wire_name("WWW.Example.ORG");
  EXPECT_TRUE(is_answer(message.bytes()));
}

TEST(ParseAnswer, AsksForTheWholeOfACutOne) {
  auto message = answer();
  message.flags = kAnswered | 0x0200;
  message.answers = {{1, "half"}};
  auto parsed = parse_answer(message.bytes().substr(0, 40), query(), 7);
  ASSERT_TRUE(parsed);
  EXPECT_TRUE(parsed->is_cut);
}

TEST(EncodeAnswer, IsAnAnswerWithoutRecords) {
  auto none = parse_answer(encode_empty_answer(query(), Code::ServerFailed), query(), 7);
  ASSERT_TRUE(none);
  EXPECT_EQ(none->code, Code::ServerFailed);
  EXPECT_TRUE(none->addresses.empty());
  auto cut = parse_answer(encode_cut_answer(query()), query(), 7);
  ASSERT_TRUE(cut);
  EXPECT_TRUE(cut->is_cut);
}

TEST(Readable, ShowsNothingThatATerminalObeys) {
  Message message;
  message.name = std::string(
                     "\x05"
                     "a\x1b[0m"
                     "\x03"
                     "b.c",
                     10) +
                 '\0';
  auto asked = parse_query(message.bytes());
  ASSERT_TRUE(asked);
  EXPECT_EQ(readable(asked->question), "a??0m.b?c");
}

}  // namespace
}  // namespace virga::names

#include "virga/telemetry/log.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "virga/os/socket.h"

namespace virga::log {
namespace {

using ::testing::ElementsAre;
using ::testing::EndsWith;
using ::testing::HasSubstr;

struct FunctionTag;

class FixedClock final : public Clock {
 public:
  SteadyTime steady() const override { return {}; }
  WallTime wall() const override { return WallTime(std::chrono::milliseconds(1'700'000'000'123)); }
};

// Keeps what would have been written as JSON.
class MemorySink final : public Sink {
 public:
  void write(const Record& record) override { lines.push_back(to_json(record)); }
  std::vector<std::string> lines;
};

std::string json_of(std::initializer_list<Field> fields, std::string_view event = "e") {
  return to_json(Record{FixedClock().wall(), Level::Info, event, {fields.begin(), fields.size()}});
}

// Without the time in front, which depends on the machine's time zone.
std::string text_of(std::initializer_list<Field> fields, std::string_view event = "e") {
  return to_text(Record{FixedClock().wall(), Level::Warn, event, {fields.begin(), fields.size()}}).substr(13);
}

TEST(Log, WritesAnEventWithItsFieldsToTheDestination) {
  MemorySink sink;
  const FixedClock clock;
  const Destination destination(sink, Level::Info, clock);
  warn("instance lost", {{"function", Id<FunctionTag>("hello")}, {"error", Error(ErrorCode::NotFound, "gone")}});
  EXPECT_THAT(sink.lines,
              ElementsAre("{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warn\",\"event\":\"instance lost\","
                          "\"function\":\"hello\",\"error\":\"gone (not found)\"}\n"));
}

TEST(Log, LeavesOutWhatIsLessGraveThanWanted) {
  MemorySink sink;
  const Destination destination(sink, Level::Warn);
  error("a");
  warn("b");
  info("c");
  debug("d");
  EXPECT_EQ(sink.lines.size(), 2u);
  EXPECT_TRUE(enabled(Level::Warn));
  EXPECT_FALSE(enabled(Level::Info));
}

TEST(Log, GoesWhereItWentBeforeWhenADestinationEnds) {
  MemorySink outer_sink;
  MemorySink inner_sink;
  const Destination outer(outer_sink, Level::Debug);
  {
    const Destination inner(inner_sink, Level::Debug);
    info("within");
  }
  info("after");
  EXPECT_EQ(inner_sink.lines.size(), 1u);
  ASSERT_EQ(outer_sink.lines.size(), 1u);
  EXPECT_THAT(outer_sink.lines[0], HasSubstr("after"));
}

TEST(Log, KeepsTheTypesOfFieldsInJson) {
  EXPECT_THAT(
      json_of({{"i", -3}, {"u", sizeof(char)}, {"f", 1.5}, {"b", true}, {"d_ms", std::chrono::microseconds(1500)}}),
      EndsWith(R"("i":-3,"u":1,"f":1.5,"b":true,"d_ms":1.5})"
               "\n"));
  EXPECT_THAT(json_of({{"f", std::numeric_limits<double>::infinity()}}), HasSubstr(R"("f":null)"));
}

TEST(Log, NeverShowsASecret) {
  const Secret secret("hunter2");
  EXPECT_EQ(text_of({{"key", secret}}), "warn  e  key=***\n");
  EXPECT_THAT(json_of({{"key", secret}}), HasSubstr(R"("key":"***")"));
}

TEST(Log, EscapesWhatCouldForgeALineOrDriveATerminal) {
  EXPECT_EQ(text_of({{"path", "a\nwarn \x1b[31m"}}), "warn  e  path=\"a\\nwarn \\u001b[31m\"\n");
  EXPECT_EQ(text_of({{"path",
                      "\xc2\x9b"
                      "31m"}}),
            "warn  e  path=\\u009b31m\n");
  EXPECT_EQ(text_of({{"path",
                      "\xe2\x80\xae"
                      "x"}}),
            "warn  e  path=\\u202ex\n");
  EXPECT_EQ(text_of({{"path", "\xff\x80z"}}), "warn  e  path=\\xff\\x80z\n");
  EXPECT_THAT(json_of({{"path", "\xff\"\\\x01"}}), HasSubstr(R"("path":"\ufffd\"\\\u0001")"));
}

TEST(Log, ShowsOrdinaryTextOfAnyLanguageAsItIs) {
  EXPECT_EQ(text_of({{"name", "héllo-世界-🚀"}}), "warn  e  name=héllo-世界-🚀\n");
  EXPECT_EQ(text_of({{"name", ""}, {"with", "two words"}}), "warn  e  name=\"\" with=\"two words\"\n");
}

TEST(Log, ColoursOnlyWhenAsked) {
  const Record record{FixedClock().wall(), Level::Error, "e", {}};
  EXPECT_THAT(to_text(record), ::testing::Not(HasSubstr("\x1b")));
  EXPECT_THAT(to_text(record, Colour::On), HasSubstr("\x1b[31merror"));
}

TEST(Log, ParsesTheNamesOfLevels) {
  for (const Level level : {Level::Error, Level::Warn, Level::Info, Level::Debug}) {
    EXPECT_EQ(parse_level(name(level)), level);
  }
  const auto wrong = parse_level("verbose");
  ASSERT_FALSE(wrong);
  EXPECT_EQ(wrong.error().message(), "'verbose' is no log level: use error, warn, info or debug");
}

TEST(StreamSink, WritesJsonWhereThereIsNoTerminal) {
  auto pipe = os::make_pipe();
  ASSERT_TRUE(pipe);
  const auto sink = make_stream_sink(pipe->writer.get());
  sink->write(Record{FixedClock().wall(), Level::Info, "started", {}});
  std::array<char, 256> buffer{};
  const auto size = ::read(pipe->reader.get(), buffer.data(), buffer.size());
  ASSERT_GT(size, 0);
  EXPECT_EQ(std::string_view(buffer.data(), static_cast<std::size_t>(size)),
            "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"info\",\"event\":\"started\"}\n");
}

TEST(StreamSink, LosesLinesThatNobodyReadsAndSaysHowMany) {
  auto pipe = os::make_pipe();
  ASSERT_TRUE(pipe);
  ASSERT_EQ(::fcntl(pipe->writer.get(), F_SETPIPE_SZ, 4096), 4096);
  ASSERT_TRUE(os::set_nonblocking(pipe->writer));
  const auto sink = make_stream_sink(pipe->writer.get());
  const std::string filler(4096, 'x');
  ASSERT_EQ(::write(pipe->writer.get(), filler.data(), filler.size()), 4096);
  sink->write(Record{FixedClock().wall(), Level::Info, "lost", {}});
  std::array<char, 4096> buffer{};
  ASSERT_EQ(::read(pipe->reader.get(), buffer.data(), buffer.size()), 4096);
  sink->write(Record{FixedClock().wall(), Level::Info, "kept", {}});
  const auto size = ::read(pipe->reader.get(), buffer.data(), buffer.size());
  ASSERT_GT(size, 0);
  const std::string_view written(buffer.data(), static_cast<std::size_t>(size));
  EXPECT_THAT(written, HasSubstr(R"("event":"log lines lost","count":1})"));
  EXPECT_THAT(written, EndsWith("\"event\":\"kept\"}\n"));
}

}  // namespace
}  // namespace virga::log

#include "virga/base/record.h"

#include <gtest/gtest.h>

#include <limits>
#include <map>
#include <vector>

namespace virga {
namespace {

using std::chrono::milliseconds;

TEST(Record, IsReadAsItWasWritten) {
  RecordWriter writer(3);
  writer.number(7).text("a\0b").time(WallTime(milliseconds(1'700'000'000'123))).time(WallTime(milliseconds(-5)));
  auto bytes = writer.take();
  RecordReader reader(bytes);
  EXPECT_EQ(reader.format(), 3);
  EXPECT_EQ(reader.number(), 7u);
  EXPECT_EQ(reader.text(), "a\0b");
  EXPECT_EQ(reader.time(), WallTime(milliseconds(1'700'000'000'123)));
  EXPECT_EQ(reader.time(), WallTime(milliseconds(-5)));
  EXPECT_TRUE(reader.is_whole());
}

TEST(Record, CutAnywhereIsNotWholeAndReadsAsNothingFromThere) {
  RecordWriter writer(1);
  auto bytes = writer.number(1).text("text").take();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    RecordReader reader(std::string_view(bytes).substr(0, size));
    reader.number();
    EXPECT_EQ(reader.text(), "") << size;
    EXPECT_FALSE(reader.is_whole()) << size;
  }
}

TEST(Record, KeepsPairsOfMapsAndInOrder) {
  using List = std::vector<std::pair<std::string, std::string>>;
  using Map = std::map<std::string, std::string>;
  List list = {{"b", "1"}, {"a", ""}, {"b", "2"}};
  auto bytes = RecordWriter(1).pairs(list).pairs(Map{{"k", "v"}}).take();
  RecordReader reader(bytes);
  EXPECT_EQ(reader.pairs<List>(), list);
  EXPECT_EQ(reader.pairs<Map>(), (Map{{"k", "v"}}));
  EXPECT_TRUE(reader.is_whole());
}

TEST(Record, ACountOfPairsThatAreNotThereEnds) {
  auto bytes = RecordWriter(1).number(~std::uint64_t{0}).take();
  RecordReader reader(bytes);
  reader.pairs<std::map<std::string, std::string>>();
  EXPECT_FALSE(reader.is_good());
}

TEST(Record, MoreThanWasReadIsNotWhole) {
  auto bytes = RecordWriter(1).number(1).take();
  RecordReader reader(bytes);
  EXPECT_TRUE(reader.is_good());
  EXPECT_FALSE(reader.is_whole());
}

TEST(Record, TimesThatNoClockHasAreRefused) {
  for (auto value : {std::numeric_limits<std::int64_t>::max(), std::numeric_limits<std::int64_t>::min()}) {
    auto bytes = RecordWriter(1).number(static_cast<std::uint64_t>(value)).take();
    RecordReader reader(bytes);
    EXPECT_EQ(reader.time(), WallTime());
    EXPECT_FALSE(reader.is_good());
  }
  auto bytes = RecordWriter(1).time(WallTime::max()).take();
  RecordReader reader(bytes);
  reader.time();
  EXPECT_TRUE(reader.is_whole());
}

}  // namespace
}  // namespace virga

#include "virga/cli/table.h"

#include <gtest/gtest.h>

namespace virga::cli {
namespace {

Terminal plain(std::size_t width = 0) {
  return Terminal(-1, false, width);
}

TEST(Table, AlignsByWhatIsSeen) {
  Table table({{"NAME"}, {"SIZE", Align::Right}});
  table.add({{"é"}, {"1 B"}});
  table.add({{"函数"}, {"120 kB"}});
  EXPECT_EQ(table.render(plain()),
            "NAME    SIZE\n"
            "é        1 B\n"
            "函数  120 kB\n");
}

TEST(Table, CutsTheWidestColumnToFitTheTerminal) {
  Table table({{"NAME"}, {"URL", Align::Left, Narrow::Keep}});
  table.add({{"a-function-with-a-long-name"}, {"http://x/"}});
  EXPECT_EQ(table.render(plain(24)),
            "NAME           URL\n"
            "a-function-w…  http://x/\n");
}

TEST(Table, NeverCutsWhatIsMeantToBeCopied) {
  Table table({{"URL", Align::Left, Narrow::Keep}});
  table.add({{"http://127.0.0.1:4600/fn/hello/"}});
  EXPECT_EQ(table.render(plain(10)), "URL\nhttp://127.0.0.1:4600/fn/hello/\n");
}

TEST(Table, ColoursDoNotCountAsWidth) {
  Table table({{"A"}, {"B"}});
  table.add({{"red", Style::Red}, {"x"}});
  EXPECT_EQ(table.render(Terminal(-1, true, 80)), "\x1b[2mA\x1b[0m    \x1b[2mB\x1b[0m\n\x1b[31mred\x1b[0m  x\n");
}

TEST(Table, RemovesEscapeSequencesOfRemoteText) {
  Table table({{"NAME"}});
  table.add({{"a\x1b[31mb\nc"}});
  EXPECT_EQ(table.render(plain()), "NAME\nab c\n");
}

TEST(Clean, RemovesWhatDrivesATerminal) {
  EXPECT_EQ(clean("a\x1b]0;title\ab\x1b[2Jc\r\n\td\x07"), "abc\n\td");
  EXPECT_EQ(clean("\x1b]8;;http://evil\x1b\\link\x1b]8;;\x1b\\"), "link");
  EXPECT_EQ(clean("unfinished\x1b[31"), "unfinished");
  EXPECT_EQ(clean("a\xe2\x80\xae"
                  "b"),
            "ab");
  EXPECT_EQ(clean("\xc2\x9b"
                  "31mx"),
            "31mx");
}

TEST(Clean, ReplacesBytesThatAreNotUtf8) {
  EXPECT_EQ(clean("a\xff\xc0\xaf"), "a\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD");
  EXPECT_EQ(clean("grün 函数 🎉"), "grün 函数 🎉");
}

TEST(Truncate, KeepsWholeCharacters) {
  EXPECT_EQ(truncate("函数函数", 5), "函数…");
  EXPECT_EQ(truncate("short", 5), "short");
}

}  // namespace
}  // namespace virga::cli

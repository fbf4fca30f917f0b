#include "virga/dialects/aws/s3/conditions.h"

#include <gtest/gtest.h>

#include <vector>

namespace virga::dialects::aws::s3 {
namespace {

const WallTime kModified{std::chrono::seconds(784111777)};  // Sun, 06 Nov 1994 08:49:37 GMT

Verdict judge(std::vector<http::Field> fields) {
  http::Request request;
  request.fields = fields;
  return check_conditions(request, {}, "abc", kModified + std::chrono::milliseconds(500));
}

TEST(S3Conditions, HttpDatesAreReadInAllTheirForms) {
  EXPECT_EQ(format_http_date(kModified), "Sun, 06 Nov 1994 08:49:37 GMT");
  for (const auto* text :
       {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"}) {
    EXPECT_EQ(parse_http_date(text), kModified) << text;
  }
  for (const auto* text : {"yesterday", ""}) EXPECT_FALSE(parse_http_date(text)) << text;
  EXPECT_LT(parse_http_date("1600-01-01T00:00:00Z"), WallTime{});
  EXPECT_GT(parse_http_date("9972-01-01T00:00:00Z"), kModified);
}

TEST(S3Conditions, TheStrongerOneDecides) {
  EXPECT_EQ(judge({}), Verdict::Send);
  EXPECT_EQ(judge({{"If-Match", "\"abc\""}}), Verdict::Send);
  EXPECT_EQ(judge({{"If-Match", "\"x\", \"abc\""}}), Verdict::Send);
  EXPECT_EQ(judge({{"If-Match", "*"}}), Verdict::Send);
  EXPECT_EQ(judge({{"If-Match", "\"x\""}}), Verdict::Failed);
  EXPECT_EQ(judge({{"If-None-Match", "W/\"abc\""}}), Verdict::NotModified);
  EXPECT_EQ(judge({{"If-None-Match", "\"x\""}}), Verdict::Send);
  EXPECT_EQ(judge({{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}}), Verdict::NotModified);
  EXPECT_EQ(judge({{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"}}), Verdict::Send);
  EXPECT_EQ(judge({{"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"}}), Verdict::Failed);
  EXPECT_EQ(judge({{"If-Unmodified-Since", "Sun, 06 Nov 1994 08:49:36 GMT"}, {"If-Match", "abc"}}), Verdict::Send);
  EXPECT_EQ(judge({{"If-Modified-Since", "Sun, 06 Nov 1994 08:49:37 GMT"}, {"If-None-Match", "x"}}), Verdict::Send);
}

TEST(S3Conditions, RangesAreReadAsHttpHasThem) {
  struct Row {
    const char* text;
    std::uint64_t size;
    RangeVerdict verdict;
    std::uint64_t offset, count;
  };
  for (const auto& row : std::vector<Row>{{"", 10, RangeVerdict::Whole, 0, 10},
                                          {"bytes=2-4", 10, RangeVerdict::Part, 2, 3},
                                          {"bytes=2-", 10, RangeVerdict::Part, 2, 8},
                                          {"bytes=-3", 10, RangeVerdict::Part, 7, 3},
                                          {"bytes=-30", 10, RangeVerdict::Part, 0, 10},
                                          {"bytes=2-400", 10, RangeVerdict::Part, 2, 8},
                                          {"bytes=10-", 10, RangeVerdict::Unsatisfiable, 0, 10},
                                          {"bytes=-0", 10, RangeVerdict::Unsatisfiable, 0, 10},
                                          {"bytes=0-", 0, RangeVerdict::Unsatisfiable, 0, 0},
                                          {"bytes=4-2", 10, RangeVerdict::Whole, 0, 10},
                                          {"bytes=1-2,4-5", 10, RangeVerdict::Whole, 0, 10},
                                          {"bytes=a-b", 10, RangeVerdict::Whole, 0, 10},
                                          {"lines=1-2", 10, RangeVerdict::Whole, 0, 10}}) {
    ByteRange range;
    EXPECT_EQ(read_range(row.text, row.size, range), row.verdict) << row.text;
    EXPECT_EQ(range.offset, row.offset) << row.text;
    EXPECT_EQ(range.size, row.count) << row.text;
  }
}

}  // namespace
}  // namespace virga::dialects::aws::s3

#include "virga/events/bus/event.h"

#include <gtest/gtest.h>

namespace virga::events {
namespace {

TEST(BusEvent, IsWrittenAsEventBridgeWritesIt) {
  BusEvent event;
  event.id = "id-1";
  event.source = "shop";
  event.detail_type = "Order \"placed\"";
  event.time = WallTime(std::chrono::milliseconds(1'767'225'600'999));
  event.resources = {"arn:a"};
  event.detail = R"({"price": 1.50})";
  EXPECT_EQ(event.to_json({"us-east-1", "000000000000"}),
            R"({"version":"0","id":"id-1","detail-type":"Order \"placed\"","source":"shop","account":"000000000000",)"
            R"("time":"2026-01-01T00:00:00Z","region":"us-east-1","resources":["arn:a"],"detail":{"price": 1.50}})");
}

TEST(BusEvent, ReadsTimes) {
  struct Case {
    const char* text;
    const char* time;  // "": none
  };
  const Case cases[] = {
      {"2026-01-01T00:00:00Z", "2026-01-01T00:00:00.000Z"},
      {"2026-01-01T00:00:00.25Z", "2026-01-01T00:00:00.250Z"},
      {"2026-01-01T02:00:00+02:00", "2026-01-01T00:00:00.000Z"},
      {"2025-12-31t19:30:00.123456789-04:30", "2026-01-01T00:00:00.123Z"},
      {"2026-02-29T00:00:00Z", ""},
      {"2026-01-01T24:00:00Z", ""},
      {"2026-01-01T00:00:00", ""},
      {"2026-01-01", ""},
      {"2026-01-01T00:00:00.Z", ""},
      {"2026-01-01T00:00:00+0200", ""},
      {"yesterday", ""},
      {"2262-04-09T23:00:00Z", "2262-04-09T23:00:00.000Z"},
      {"4052-01-01T00:00:00.5+01:00", ""},
      {"1000-01-01T00:00:00Z", ""},
      {"", ""},
  };
  for (const auto& [text, expected] : cases) {
    auto time = parse_rfc3339(text);
    EXPECT_EQ(time ? format_rfc3339(*time) : "", expected) << text;
  }
}

}  // namespace
}  // namespace virga::events

#include "virga/dialects/cloudevents/cloud_events.h"

#include <gtest/gtest.h>

#include <string>

namespace virga::dialects::cloudevents {
namespace {

using Fields = std::vector<http::Field>;

constexpr WallTime kNow{std::chrono::seconds(1'767'225'600)};  // 2026-01-01T00:00:00Z

Result<std::vector<events::BusEvent>> read_request(const Fields& fields, std::string_view body) {
  http::Request request;
  request.fields = fields;
  request.body = body;
  return read(request, kNow);
}
// The whole envelope of the first event, or why there is none.
std::string envelope(const Fields& fields, std::string_view body) {
  auto events = read_request(fields, body);
  if (!events) return "refused: " + events.error().message();
  return events->empty() ? "none" : events->front().to_json({"r", "0"});
}

const Fields kBinary = {{"Ce-Specversion", "1.0"}, {"Ce-Id", "7"}, {"ce-source", "/shop"}, {"ce-type", "order"}};

Fields with(Fields fields, const Fields& more) {
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}

TEST(CloudEvents, RefusesWhatIsNone) {
  struct Case {
    Fields fields;
    std::string body;
  };
  const Fields structured = {{"Content-Type", "application/cloudevents+json"}};
  const Fields batch = {{"Content-Type", "application/cloudevents-batch+json; charset=utf-8"}};
  const Case cases[] = {
      {{}, ""},
      {{{"ce-specversion", "1.0"}, {"ce-id", "1"}, {"ce-source", "s"}}, ""},
      {{{"ce-specversion", "0.3"}, {"ce-id", "1"}, {"ce-source", "s"}, {"ce-type", "t"}}, ""},
      {with(kBinary, {{"ce-time", "now"}}), ""},
      {with(kBinary, {{"ce-a_b", "x"}}), ""},
      {with(kBinary, {{"ce-ext", "%zz"}}), ""},
      {with(kBinary, {{"Content-Type", "application/json"}}), "{"},
      {structured, ""},
      {structured, "[]"},
      {structured, R"({"specversion":"1.0","id":"1","source":"s"})"},
      {structured, R"({"specversion":"1.0","id":1,"source":"s","type":"t"})"},
      {structured, R"({"specversion":"1.0","id":"1","source":"s","type":"t","ext":{}})"},
      {structured, R"({"specversion":"1.0","id":"1","source":"s","type":"t","data":1,"data_base64":"AA=="})"},
      {structured, R"({"specversion":"1.0","id":"1","source":"s","type":"t","data_base64":"!"})"},
      {batch, "{}"},
      {batch, "[1]"},
      {{{"Content-Type", "application/cloudevents+avro"}}, "x"},
  };
  for (const auto& [fields, body] : cases) EXPECT_FALSE(read_request(fields, body)) << fields.size() << " " << body;
}

TEST(CloudEvents, ReadsEveryMode) {
  std::string begin = R"({"version":"0","id":"7","detail-type":"order","source":"/shop","account":"0","time":)"
                      R"("2026-01-01T00:00:00Z","region":"r","resources":[],"detail":)";
  EXPECT_EQ(envelope(with(kBinary, {{"Content-Type", "application/json"}}), R"({"a": 1.50})"),
            begin + R"({"a": 1.50},"cloudevent":{"datacontenttype":"application/json","id":"7","source":"/shop",)" +
                R"("specversion":"1.0","type":"order"}})");
  EXPECT_EQ(envelope({{"Content-Type", "application/cloudevents+json; charset=utf-8"}},
                     R"({"specversion":"1.0","id":"7","source":"/shop","type":"order","n":5,"data":"text"})"),
            begin + R"("text","cloudevent":{"id":"7","n":5,"source":"/shop","specversion":"1.0","type":"order"}})");
  auto batch = read_request({{"Content-Type", "application/cloudevents-batch+json"}},
                            R"([{"specversion":"1.0","id":"1","source":"s","type":"t"},)"
                            R"({"specversion":"1.0","id":"2","source":"s","type":"t","subject":"x",)"
                            R"("time":"2026-02-01T01:00:00+01:00"}])");
  ASSERT_TRUE(batch);
  ASSERT_EQ(batch->size(), 2u);
  EXPECT_EQ((*batch)[0].detail, "{}");
  EXPECT_EQ((*batch)[1].resources, std::vector<std::string>{"x"});
  EXPECT_EQ(events::format_seconds((*batch)[1].time), "2026-02-01T00:00:00Z");
}

TEST(CloudEvents, KeepsDataOfEveryKind) {
  struct Case {
    Fields fields;
    std::string body;
    std::string detail;
  };
  const Fields structured = {{"Content-Type", "application/cloudevents+json"}};
  std::string begin = R"({"specversion":"1.0","id":"1","source":"s","type":"t")";
  const Case cases[] = {
      {with(kBinary, {{"Content-Type", "text/plain"}}), "a \"b\"", R"("a \"b\"")"},
      {with(kBinary, {{"Content-Type", "image/png"}}), "\x89PNG", R"({"data_base64":"iVBORw=="})"},
      {kBinary, "", "{}"},
      {structured, begin + R"(,"data":null})", "null"},
      {structured, begin + R"(,"data_base64":"AAEC"})", R"({"data_base64":"AAEC"})"},
      {structured, begin + R"(,"datacontenttype":"application/json","data_base64":"WzFd"})", "[1]"},
  };
  for (const auto& [fields, body, detail] : cases) {
    auto events = read_request(fields, body);
    ASSERT_TRUE(events) << body << ": " << events.error().message();
    EXPECT_EQ(events->front().detail, detail) << body;
  }
}

TEST(CloudEvents, DecodesFields) {
  auto events = read_request(with(kBinary, {{"ce-subject", "Euro%20%E2%82%AC"}}), "");
  ASSERT_TRUE(events);
  EXPECT_EQ(events->front().resources, std::vector<std::string>{"Euro \u20ac"});
}

}  // namespace
}  // namespace virga::dialects::cloudevents

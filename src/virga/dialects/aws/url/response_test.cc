#include "virga/dialects/aws/url/response.h"

#include <gtest/gtest.h>

namespace virga::dialects::aws {
namespace {

std::optional<http::Response> response_of(std::string payload) {
  std::string none;
  return to_http_response(std::move(payload), none);
}

TEST(UrlResponse, RefusesAnswersThatAreNoHttp) {
  for (std::string_view payload :
       {"", "not json", "{", "{\"statusCode\":200", "{\"statusCode\":99}", "{\"statusCode\":600}",
        "{\"statusCode\":1.5}", "{\"statusCode\":\"abc\"}", "{\"statusCode\":{}}", "{\"statusCode\":null}",
        "{\"statusCode\":200,\"headers\":[]}", R"({"statusCode":200,"headers":{"x":"a\r\nSet-Cookie: b"}})",
        R"({"statusCode":200,"headers":{"bad name":"x"}})", R"({"statusCode":200,"body":"!","isBase64Encoded":true})",
        R"({"statusCode":200,"cookies":"a=1"})", R"({"statusCode":200} trailing)",
        R"({"statusCode":200,"body":"\x"})"}) {
    EXPECT_FALSE(response_of(std::string(payload))) << payload;
  }
}

TEST(UrlResponse, TakesAnswersWithAStatusApart) {
  auto response =
      response_of(R"({"statusCode":201,"headers":{"X-A":"1","Content-Type":"text/html","n":5,"t":true,"gone":null},)"
                  R"("cookies":["a=1; Secure","b=2"],"body":"h\u00e9\"\n"})");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->status, 201);
  EXPECT_EQ(response->body, "h\xc3\xa9\"\n");
  EXPECT_EQ(response->fields,
            "X-A: 1\r\nContent-Type: text/html\r\nn: 5\r\nt: true\r\ngone: \r\nset-cookie: a=1; Secure\r\n"
            "set-cookie: b=2\r\n");
}

TEST(UrlResponse, SetsTheTypeWhenTheFunctionDoesNot) {
  auto response = response_of(R"({"statusCode":200,"body":"ok"})");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->fields, "Content-Type: application/json\r\n");
  EXPECT_EQ(response->body, "ok");
}

TEST(UrlResponse, DecodesBase64) {
  auto response = response_of(R"({"isBase64Encoded":true,"body":"AAH/","statusCode":"200"})");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, std::string_view("\x00\x01\xff", 3));
}

TEST(UrlResponse, GivesABodyThatIsNoTextAsItsJson) {
  auto response = response_of(R"({"statusCode":200,"body":{"a":[1]}})");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->body, R"({"a":[1]})");
  EXPECT_EQ(response_of(R"({"statusCode":204,"body":null})")->body, "");
}

TEST(UrlResponse, IgnoresFieldsThatTheServerWrites) {
  auto response = response_of(R"({"statusCode":200,"headers":{"Content-Length":"7","connection":"close"}})");
  ASSERT_TRUE(response);
  EXPECT_EQ(response->fields, "Content-Type: application/json\r\n");
}

TEST(UrlResponse, InfersA200WithoutAStatus) {
  for (auto [payload, body] :
       {std::pair(R"({"message":"hi"})", R"({"message":"hi"})"), std::pair("\"te\\u0078t\"", "text"),
        std::pair("[1,2]", "[1,2]"), std::pair("null", "null"), std::pair("3.5", "3.5")}) {
    auto response = response_of(payload);
    ASSERT_TRUE(response) << payload;
    EXPECT_EQ(response->status, 200);
    EXPECT_EQ(response->body, body);
    EXPECT_EQ(response->field("content-type"), "application/json");
  }
}

TEST(UrlResponse, PutsTheGivenFieldsBeforeItsOwn) {
  for (const char* payload : {R"({"statusCode":200,"headers":{"x-b":"2"}})", R"({"a":1})", "\"text\"", "7"}) {
    std::string fields = "x-a: 1\r\n";
    auto response = to_http_response(payload, fields);
    ASSERT_TRUE(response) << payload;
    EXPECT_TRUE(response->fields.starts_with("x-a: 1\r\n")) << response->fields;
    EXPECT_EQ(response->field("content-type"), "application/json");
  }
}

TEST(UrlResponse, LeavesTheGivenFieldsAloneWhenThereIsNone) {
  for (const char* payload : {R"({"statusCode":99})", R"({"statusCode":200,"headers":{"x-b":"2","x c":"3"}})", "{",
                              R"({"statusCode":200,"cookies":["a","b\n"]})"}) {
    std::string fields = "x-a: 1\r\n";
    EXPECT_FALSE(to_http_response(payload, fields)) << payload;
    EXPECT_EQ(fields, "x-a: 1\r\n") << payload;
  }
}

}  // namespace
}  // namespace virga::dialects::aws

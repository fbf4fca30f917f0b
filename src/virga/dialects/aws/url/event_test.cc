#include "virga/dialects/aws/url/event.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <vector>

namespace virga::dialects::aws {
namespace {

struct Given {
  std::string method = "GET";
  std::string query;
  std::vector<http::Field> fields = {{"Host", "127.0.0.1:4600"}, {"User-Agent", "curl/8"}};
  std::string body;
  std::string path = "/a/b";
};

std::string event_text(const Given& given, const UrlCaller* caller = nullptr) {
  http::Request request;
  request.method = given.method;
  request.query = given.query;
  request.fields = given.fields;
  request.body = given.body;
  request.peer = "10.1.2.3";
  auto kind = body_of(request);
  auto form = make_url_form(UrlEvent{request, given.path, "urlid", caller}, kind);
  boost::json::error_code problem;
  (void)boost::json::parse(form.text, problem);
  EXPECT_FALSE(problem) << form.text;
  EventTime time;
  std::string text, body;
  append_body(body, kind, request.body);
  model::append_filled(text, form, "Root=1-x", "req-1", time.at(1583348638390), body);
  return text;
}

boost::json::object event_of(const Given& given, const UrlCaller* caller = nullptr) {
  std::string text = event_text(given, caller);
  boost::json::error_code problem;
  auto value = boost::json::parse(text, problem);
  EXPECT_FALSE(problem) << text;
  return value.is_object() ? value.get_object() : boost::json::object();
}

TEST(UrlEvent, HasTheShapeOfPayloadFormat2) {
  Given given;
  EXPECT_EQ(
      event_text(given),
      R"({"version":"2.0","routeKey":"$default","rawPath":"/a/b","rawQueryString":"",)"
      R"("headers":{"host":"127.0.0.1:4600","user-agent":"curl/8","x-amzn-trace-id":"Root=1-x",)"
      R"("x-forwarded-for":"10.1.2.3","x-forwarded-proto":"http","x-forwarded-port":"4600"},)"
      R"("requestContext":{"accountId":"anonymous","apiId":"urlid","domainName":"127.0.0.1","domainPrefix":"urlid",)"
      R"("http":{"method":"GET","path":"/a/b","protocol":"HTTP/1.1","sourceIp":"10.1.2.3","userAgent":"curl/8"},)"
      R"("requestId":"req-1","routeKey":"$default","stage":"$default",)"
      R"("time":"04/Mar/2020:19:03:58 +0000","timeEpoch":1583348638390},"isBase64Encoded":false})");
}

TEST(UrlEvent, JoinsRepeatedHeadersInLowerCase) {
  Given given;
  given.fields = {{"X-A", "1"}, {"Host", "h"}, {"x-a", "2"}, {"X-a", "3"}, {"Connection", "close"}};
  auto headers = event_of(given).at("headers").as_object();
  EXPECT_EQ(headers.at("x-a").as_string(), "1,2,3");
  EXPECT_FALSE(headers.contains("connection"));
}

TEST(UrlEvent, WritesForwardingFieldsItself) {
  Given given;
  given.fields = {{"X-Forwarded-For", "1.1.1.1"},
                  {"X-Forwarded-Proto", "https"},
                  {"X-Forwarded-Port", "1"},
                  {"X-Amzn-Trace-Id", "mine"},
                  {"Host", "h"}};
  auto headers = event_of(given).at("headers").as_object();
  EXPECT_EQ(headers.at("x-forwarded-for").as_string(), "1.1.1.1, 10.1.2.3");
  EXPECT_EQ(headers.at("x-forwarded-proto").as_string(), "http");
  EXPECT_EQ(headers.at("x-forwarded-port").as_string(), "80");
  EXPECT_EQ(headers.at("x-amzn-trace-id").as_string(), "Root=1-x");
}

TEST(UrlEvent, TakesCookiesOutOfTheHeaders) {
  Given given;
  given.fields = {{"Cookie", "a=1; b=2;;"}, {"cookie", " c=3"}};
  auto event = event_of(given);
  EXPECT_EQ(boost::json::serialize(event.at("cookies")), R"(["a=1","b=2","c=3"])");
  EXPECT_FALSE(event.at("headers").as_object().contains("cookie"));
  EXPECT_FALSE(event_of(Given{}).contains("cookies"));
}

TEST(UrlEvent, DecodesAndJoinsQueryParameters) {
  Given given;
  given.query = "b=2&a=1+%26&a=%32&flag&=x&%zz=%&b=";
  auto event = event_of(given);
  EXPECT_EQ(event.at("rawQueryString").as_string(), "b=2&a=1+%26&a=%32&flag&=x&%zz=%&b=");
  auto parameters = event.at("queryStringParameters").as_object();
  EXPECT_EQ(parameters.at("a").as_string(), "1 &,2");
  EXPECT_EQ(parameters.at("b").as_string(), "2,");
  EXPECT_EQ(parameters.at("flag").as_string(), "");
  EXPECT_EQ(parameters.at("").as_string(), "x");
  EXPECT_EQ(parameters.at("%zz").as_string(), "%");
  given.query = "&&";
  EXPECT_FALSE(event_of(given).contains("queryStringParameters"));
}

TEST(UrlEvent, HandsTextOverAsTextAndTheRestAsBase64) {
  struct Case {
    std::string_view type, body, wanted;
    bool base64;
  };
  for (const Case& c : {Case{"text/plain; charset=utf-8", "h\xc3\xa9", "h\xc3\xa9", false},
                        Case{"application/json", "{\"a\":1}", "{\"a\":1}", false},
                        Case{"application/cloudevents+json", "{}", "{}", false}, Case{"", "plain", "plain", false},
                        Case{"", "\xff", "/w==", true}, Case{"text/plain", "\xff\xfe", "//4=", true},
                        Case{"application/x-www-form-urlencoded", "a=1", "YT0x", true},
                        Case{"application/octet-stream", "abc", "YWJj", true}}) {
    Given given;
    given.method = "POST";
    given.body = c.body;
    if (!c.type.empty()) given.fields.push_back({"Content-Type", c.type});
    auto event = event_of(given);
    EXPECT_EQ(event.at("body").as_string(), boost::json::string_view(c.wanted.data(), c.wanted.size())) << c.type;
    EXPECT_EQ(event.at("isBase64Encoded").as_bool(), c.base64) << c.type;
  }
  EXPECT_FALSE(event_of(Given{}).contains("body"));
}

TEST(UrlEvent, StaysJsonWhateverBytesCome) {
  std::string bytes;
  for (int byte = 1; byte < 256; ++byte) bytes += static_cast<char>(byte);
  Given given;
  given.fields = {{"X-Raw", bytes}, {"Host", bytes}, {"Cookie", bytes}, {"User-Agent", bytes}, {"X\xff\"", "v"}};
  given.query = bytes;
  given.path = bytes;
  given.method = bytes;
  given.body = bytes;
  EXPECT_TRUE(event_of(given).contains("requestContext"));
}

TEST(UrlEvent, NamesWhoSigned) {
  UrlCaller caller{"AKID", "000000000000", "arn:aws:iam::000000000000:root", "AIDA"};
  auto context = event_of(Given{}, &caller).at("requestContext").as_object();
  EXPECT_EQ(context.at("accountId").as_string(), "000000000000");
  auto iam = context.at("authorizer").as_object().at("iam").as_object();
  EXPECT_EQ(iam.at("accessKey").as_string(), "AKID");
  EXPECT_EQ(iam.at("userArn").as_string(), "arn:aws:iam::000000000000:root");
}

}  // namespace
}  // namespace virga::dialects::aws

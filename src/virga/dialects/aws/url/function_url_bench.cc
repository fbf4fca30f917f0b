// Nanoseconds of building a function URL's event and of mapping its answer, best of several rounds. Prints one line
// each.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "virga/dialects/aws/url/event.h"
#include "virga/dialects/aws/url/forms.h"
#include "virga/dialects/aws/url/response.h"

namespace {

using namespace virga;
using namespace virga::dialects::aws;

template <typename Work>
void measure(const char* name, Work work) {
  constexpr int kRounds = 7, kCalls = 200'000;
  double best = 1e9;
  std::size_t bytes = 0;
  for (int round = 0; round < kRounds; ++round) {
    auto begin = std::chrono::steady_clock::now();
    for (int i = 0; i < kCalls; ++i) bytes += work();
    std::chrono::duration<double, std::nano> time = std::chrono::steady_clock::now() - begin;
    best = std::min(best, time.count() / kCalls);
  }
  std::printf("%-28s %7.0f ns  (%zu bytes)\n", name, best, bytes / kRounds / kCalls);
}

http::Response response_of(const std::string& payload) {
  std::string fields;
  return *to_http_response(payload, fields);
}

}  // namespace

int main() {
  std::vector<http::Field> plain = {{"Host", "127.0.0.1:4600"}, {"User-Agent", "wrk/4.1.0"}, {"Accept", "*/*"}};
  std::vector<http::Field> browser = {
      {"Host", "hello.fn.localhost:4600"},
      {"User-Agent",
       "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36"},
      {"Accept", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,*/*;q=0.8"},
      {"Accept-Encoding", "gzip, deflate, br, zstd"},
      {"Accept-Language", "en-GB,en;q=0.9"},
      {"Cookie", "session=0123456789abcdef; theme=dark"},
      {"Sec-Fetch-Mode", "navigate"},
      {"Upgrade-Insecure-Requests", "1"}};
  EventTime time;
  UrlForms forms(1);
  auto event = [&](const std::vector<http::Field>& fields, std::string_view query, std::string_view head = "") {
    http::Request request;
    request.method = "GET";
    request.query = query;
    request.fields = fields;
    request.peer = "127.0.0.1";
    request.head = head;
    std::string out;
    auto form = forms.of(UrlEvent{request, "/", "hello"}, UrlBody::None);
    model::append_filled(out, *form, "Root=1-65f0c000-0123456789abcdef01234567", "6f0c0000-0000-4000-8000-000000000000",
                         time.at(1700000000000), "");
    return out.size();
  };
  measure("event, wrk", [&] { return event(plain, ""); });
  measure("event, wrk, known", [&] { return event(plain, "", "GET / HTTP/1.1\r\nHost: 127.0.0.1:4600\r\n\r\n"); });
  measure("event, browser and query", [&] { return event(browser, "name=value&page=2"); });
  std::string small = R"({"statusCode":200,"body":"hello"})";
  std::string usual =
      R"({"statusCode":200,"headers":{"content-type":"text/html; charset=utf-8","cache-control":"no-store"},)"
      R"("body":"<html><body class=\"x\">hello<\/body><\/html>","isBase64Encoded":false})";
  measure("answer, small", [&] { return response_of(small).body.size(); });
  measure("answer, headers and escapes", [&] { return response_of(usual).body.size(); });
}

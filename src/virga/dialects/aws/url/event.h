#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "virga/http/message.h"

namespace virga::dialects::aws {

// Who signed a request to a URL with AuthType AWS_IAM.
struct UrlCaller {
  std::string access_key;
  std::string account;
  std::string arn;
  std::string user;
};

// What a function URL's event says beside the request itself. Views; all of it outlives the call.
struct UrlEvent {
  const http::Request& request;
  std::string_view path;              // raw, what stands behind the function's own prefix; "" means "/"
  std::string_view url_id;            // apiId and domainPrefix
  std::string_view request_id;        // a UUID
  std::string_view trace_id;          // X-Amzn-Trace-Id
  std::string_view time;              // "12/Mar/2020:19:03:58 +0000"
  std::int64_t time_ms = 0;           // since 1970
  const UrlCaller* caller = nullptr;  // null: AuthType NONE
};

// Appends the event in payload format 2.0 (AWS Lambda developer guide, "Invoking Lambda function URLs"). It is valid
// JSON whatever bytes the request holds: what is not UTF-8 becomes U+FFFD, and a body that is not text becomes Base64.
void append_url_event(std::string& out, const UrlEvent& event);

// Whether bodies of this type are handed over as text: text/*, JSON, XML, JavaScript, or no type at all.
bool is_text_type(std::string_view content_type);

// "12/Mar/2020:19:03:58 +0000", made anew once a second. One thread.
class CommonLogTime {
 public:
  std::string_view at(std::int64_t time_ms);

 private:
  std::int64_t second_ = -1;
  std::string text_;
};

}  // namespace virga::dialects::aws

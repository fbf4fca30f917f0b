#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "virga/http/message.h"
#include "virga/model/event_form.h"

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
  const UrlCaller* caller = nullptr;  // null: AuthType NONE
};

// How the request's body goes into the event.
enum class UrlBody {
  None,
  Text,
  Base64,  // it is not of a type of text, or not UTF-8
};
UrlBody body_of(const http::Request& request);
// Appends the body as a JSON string; nothing for None.
void append_body(std::string& out, UrlBody kind, std::string_view body);

// The event in payload format 2.0 (AWS Lambda developer guide, "Invoking Lambda function URLs"), up to ids, times and
// the body; without a number. It is valid JSON whatever bytes the request holds: what is not UTF-8 becomes U+FFFD.
model::EventForm make_url_form(const UrlEvent& event, UrlBody body);

// Whether bodies of this type are handed over as text: text/*, JSON, XML, JavaScript, or no type at all.
bool is_text_type(std::string_view content_type);

// The times of events: the text is made anew once a second. One thread.
class EventTime {
 public:
  model::EventFilling at(std::int64_t time_ms);

 private:
  std::int64_t second_ = -1;
  model::EventFilling filling_;
};

}  // namespace virga::dialects::aws

#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/base/random.h"
#include "virga/catalog/catalog.h"
#include "virga/dialects/aws/account.h"
#include "virga/dialects/aws/url/event.h"
#include "virga/dialects/aws/url/forms.h"
#include "virga/dispatch/invoker.h"
#include "virga/http/message.h"
#include "virga/io/task.h"

namespace virga::dialects::aws {

// What a function without a URL configuration is at its address.
enum class WithoutUrl { Refused, Public };

// Functions as web addresses: a request becomes an event of payload format 2.0, the function's answer a response. One
// loop.
class FunctionUrls {
 public:
  // All of these outlive it.
  struct Parts {
    catalog::Catalog& catalog;
    dispatch::Invoker& invoker;
    const Clock& clock;
    Random& random;
    Account account;
    // Who signed a request (SigV4, service lambda), or nothing if nobody proved it: for URLs with AuthType AWS_IAM.
    std::function<std::optional<UrlCaller>(const http::Request&)> authenticate;
    WithoutUrl without_url = WithoutUrl::Refused;
  };
  explicit FunctionUrls(Parts parts);

  // `target` is a function's name, NAME:ALIAS, or a URL's id, still percent-encoded; `path` is what stands behind it,
  // with its slash, or "". Views into the request, or as long-lived. Errors are answered as AWS does: 403, 404, 413,
  // 429, 502, 503 and 504 with {"Message": ...}.
  io::Task<http::Response> handle(const http::Request& request, std::string_view target, std::string_view path);

  // The address the API gives out for a URL: BASE_URL/fn/NAME/ or BASE_URL/fn/NAME:ALIAS/. It needs no name service.
  static std::string address(const Account& account, const model::UrlConfig& config);

 private:
  // `entry` keeps `config` alive.
  struct Found {
    catalog::Resolved resolved;
    catalog::FunctionPointer entry;
    const model::UrlConfig* config = nullptr;
    std::string_view id;  // of the URL, or the function's name
  };
  std::optional<Found> find(std::string_view target);
  std::optional<Found> find_by_id(std::string_view id);
  std::string trace_id(const http::Request& request, std::int64_t now_ms);

  Parts parts_;
  UrlForms forms_;
  EventTime time_;
  const model::UrlConfig public_;  // for functions without one
};

}  // namespace virga::dialects::aws

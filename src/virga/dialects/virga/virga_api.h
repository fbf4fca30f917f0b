#pragma once

#include <string>

#include "virga/base/clock.h"
#include "virga/catalog/catalog.h"
#include "virga/dialects/aws/sigv4.h"
#include "virga/dispatch/invoker.h"
#include "virga/http/message.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/ledger/logs.h"

namespace virga::dialects {

// Virga's own small API, for its command line and console. Every request is signed with Signature Version 4, service
// "virga", with the same keys as AWS's. One loop.
//
//   GET /_virga/v1/status                         {"version","uptime_seconds","functions","instances":{...}}
//   GET /_virga/v1/functions/NAME/logs?after=N&limit=N[&follow=1]   JSON lines, oldest first; follow: as they come
//
// Errors are {"message": ...} with a fitting status.
class VirgaApi {
 public:
  // All of these outlive it.
  struct Parts {
    aws::SigV4Verifier& verifier;
    catalog::Catalog& catalog;
    dispatch::Invoker& invoker;
    ledger::Logs& logs;
    io::Loop& loop;
    std::string version;
  };
  explicit VirgaApi(Parts parts) : parts_(std::move(parts)), begin_(parts_.loop.clock().steady()) {}

  static constexpr std::string_view kPrefix = "/_virga/v1/";
  io::Task<http::Response> handle(const http::Request& request);

 private:
  http::Response answer(const http::Request& request);
  http::Response status() const;
  http::Response logs(std::string_view name, std::string_view query);

  Parts parts_;
  SteadyTime begin_;
};

}  // namespace virga::dialects

#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "virga/base/clock.h"
#include "virga/catalog/catalog.h"
#include "virga/dialects/aws/sigv4.h"
#include "virga/dispatch/invoker.h"
#include "virga/events/async_calls.h"
#include "virga/events/bus/bus.h"
#include "virga/events/schedule/scheduler.h"
#include "virga/http/message.h"
#include "virga/http/router.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/ledger/logs.h"

namespace virga::dialects {

// Virga's own small API, for its command line and console. Every request is signed with Signature Version 4, service
// "virga", with the same keys as AWS's. Paths begin with /virga/v1/ or /_virga/v1/. One loop.
//
//   GET  status                         {"version","uptime_seconds","functions","instances":{...}}
//   GET  functions/NAME/logs?after=N&limit=N[&follow=1]   JSON lines, oldest first; follow: as they come
//   GET  functions/NAME/invocations?state=failed&after=ID&limit=N   {"invocations":[ID,...]}: asynchronous ones, oldest
//                                       first
//   GET  invocations/ID?wait=SECONDS    an asynchronous call (invocations.h); wait: until it has ended, at most 900
//   POST invocations/ID/redrive         202: a failed one is tried again
//   POST events?bus=NAME                CloudEvents 1.0, in any mode (cloudevents/cloud_events.h): 202 when they are on
//                                       the disk
//   GET  firings?schedule=GROUP/NAME&limit=N    {"firings":[...]}: what a schedule did last; rule=NAME for a rule's
//
// Errors are {"message": ...} with a fitting status.
class VirgaApi {
 public:
  // All of these outlive it.
  struct Parts {
    aws::SigV4Verifier& verifier;
    catalog::Catalog& catalog;
    dispatch::Invoker& invoker;
    events::AsyncCalls& async_calls;
    events::Bus& bus;
    events::Scheduler& scheduler;
    ledger::Logs& logs;
    io::Loop& loop;
    std::string version;
  };
  explicit VirgaApi(Parts parts);

  static bool takes(std::string_view path);
  io::Task<http::Response> handle(const http::Request& request);

 private:
  // What stands in the path, decoded, and the query.
  struct Request {
    std::string name;
    std::string_view query;
    const http::Request* http = nullptr;
  };
  using Handler = io::Task<http::Response> (VirgaApi::*)(Request);

  void add(std::string_view method, std::string_view pattern, Handler handler);
  io::Task<http::Response> status(Request request);
  io::Task<http::Response> logs(Request request);
  io::Task<http::Response> failed_invocations(Request request);
  io::Task<http::Response> invocation(Request request);
  io::Task<http::Response> redrive(Request request);
  io::Task<http::Response> put_events(Request request);
  io::Task<http::Response> firings(Request request);

  Parts parts_;
  SteadyTime begin_;
  http::Router router_;
  std::vector<Handler> handlers_;  // by route
};

}  // namespace virga::dialects

#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "virga/base/clock.h"
#include "virga/base/random.h"
#include "virga/catalog/catalog.h"
#include "virga/deploy/deployments.h"
#include "virga/dialects/aws/account.h"
#include "virga/dialects/aws/lambda/package_links.h"
#include "virga/dialects/aws/service.h"
#include "virga/dispatch/invoker.h"
#include "virga/events/async_calls.h"
#include "virga/http/message.h"
#include "virga/http/router.h"
#include "virga/io/task.h"
#include "virga/runtime/runtimes.h"
#include "virga/services/object/objects.h"
#include "virga/services/queue/mappings.h"
#include "virga/services/queue/queues.h"

namespace virga::dialects::aws {

namespace lambda {
struct Operation;
struct Services;
}  // namespace lambda

// AWS Lambda's control and data plane (rest-json, botocore lambda/2015-03-31). Every operation is known: one that is
// not built answers an error that names it. One loop.
class LambdaApi final : public Service {
 public:
  // All of these outlive it.
  struct Parts {
    catalog::Catalog& catalog;
    deploy::Deployments& deployments;
    dispatch::Invoker& invoker;
    events::AsyncCalls& async_calls;
    const events::Targets& targets;  // of asynchronous calls
    services::queue::Queues& queues;
    services::queue::Mappings& mappings;
    const runtime::Runtimes& runtimes;
    const Clock& clock;
    Random& random;
    Account account;
    PackageLinks& links;
    services::object::Objects* objects = nullptr;  // where packages may be; null: there is no object store
  };
  explicit LambdaApi(Parts parts);
  ~LambdaApi() override;
  LambdaApi(const LambdaApi&) = delete;
  LambdaApi& operator=(const LambdaApi&) = delete;

  std::string_view scope() const override { return "lambda"; }
  // Invoke gives the request id to the function.
  io::Task<http::Response> answer(const http::Request& request, const Identity& identity,
                                  std::string request_id) override;
  http::Response refuse(const http::Request& request, const Refusal& refusal,
                        const std::string& request_id) const override;
  std::uint64_t body_limit(const http::Request& head) const override;
  // Events are accepted in the order in which they begin, so a client that sends many on one connection shares syncs.
  http::Admission::Order order(const http::Request& head) const override;

 private:
  const lambda::Operation* find(const http::Request& request, http::RouteMatch& match) const;

  std::mutex policies_;
  std::unique_ptr<lambda::Services> services_;
  http::Router router_;
  std::vector<std::vector<const lambda::Operation*>> by_route_;  // several differ in their query
};

}  // namespace virga::dialects::aws

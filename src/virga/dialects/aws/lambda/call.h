#pragma once

#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/base/random.h"
#include "virga/catalog/catalog.h"
#include "virga/deploy/deployments.h"
#include "virga/dialects/aws/account.h"
#include "virga/dialects/aws/arn.h"
#include "virga/dialects/aws/lambda/package_links.h"
#include "virga/dialects/aws/query.h"
#include "virga/dialects/aws/refusal.h"
#include "virga/dispatch/invoker.h"
#include "virga/events/async_calls.h"
#include "virga/http/message.h"
#include "virga/http/router.h"
#include "virga/io/task.h"
#include "virga/runtime/runtimes.h"
#include "virga/services/object/objects.h"
#include "virga/services/queue/mappings.h"
#include "virga/services/queue/queues.h"

namespace virga::dialects::aws::lambda {

// What the operations work with. All of it outlives them.
struct Services {
  catalog::Catalog& catalog;
  deploy::Deployments& deployments;
  dispatch::Invoker& invoker;
  events::AsyncCalls& async_calls;
  const events::Targets& targets;
  services::queue::Queues& queues;
  services::queue::Mappings& mappings;
  const runtime::Runtimes& runtimes;
  const Clock& clock;
  Random& random;
  Account account;
  PackageLinks& links;
  std::mutex& policies;  // held while a policy is read, changed and written back, on worker threads
  services::object::Objects* objects = nullptr;  // where packages may be; null: there is no object store
};

// One request on its way through its operation. Small, and copied into the operation's coroutine; the request and the
// services live until that has ended.
class Call {
 public:
  Call(const Services& services, const http::Request& request, const http::RouteMatch& match, std::string request_id)
      : services_(&services), request_(&request), match_(match), request_id_(std::move(request_id)) {}

  const Services& services() const { return *services_; }
  catalog::Catalog& catalog() const { return services_->catalog; }
  const Account& account() const { return services_->account; }
  const http::Request& request() const { return *request_; }
  const std::string& request_id() const { return request_id_; }

  // A captured segment of the path, decoded.
  std::string segment(std::size_t index) const;
  Query query() const { return Query(request_->query); }
  // The function that the first segment and the query's Qualifier name.
  Answer<FunctionReference> function() const;
  // The same for operations on the function as a whole: a qualifier is refused.
  Answer<FunctionReference> unqualified_function() const;

  // Reading a big body takes long: that happens on a worker. `read` must not touch what belongs to the loop.
  template <typename T>
  io::Task<T> read_body(std::function<T()> read) {
    if (request_->body.size() <= kInlineBody) co_return read();
    std::optional<T> result;
    std::function<void(catalog::Catalog&)> work = [&result, &read](catalog::Catalog&) { result.emplace(read()); };
    co_await services_->deployments.run(std::move(work));
    co_return std::move(*result);
  }
  // A mutation of the catalog, on a worker.
  template <typename T>
  io::Task<Result<T>> mutate(std::function<Result<T>(catalog::Catalog&)> change) {
    return services_->deployments.mutate<T>(std::move(change));
  }
  // Keeps JSON with a function; nullopt removes it (Catalog::attach).
  io::Task<Result<>> attach(model::FunctionName function, catalog::AttachmentKey key, std::optional<std::string> json);

 private:
  static constexpr std::size_t kInlineBody = 256 << 10;

  const Services* services_;
  const http::Request* request_;
  http::RouteMatch match_;
  std::string request_id_;
};

http::Response json_response(int status, std::string body);
http::Response no_content();

// 404 with AWS's text.
Refusal function_not_found(const Account& account, const FunctionReference& function);
// What the qualifier names, for reading its settings; an alias leads to its main version.
Answer<catalog::Resolved> resolve(const Call& call, const FunctionReference& function);

// "$LATEST" or a number from 1.
std::optional<model::VersionNumber> parse_version(std::string_view text);

// Which part of a list a caller wants: Marker and MaxItems.
struct PageRequest {
  std::string marker;
  std::size_t limit = 50;
};
// Lists answer at most 50 items, however many are asked for, as AWS's do.
Answer<PageRequest> page_request(const Query& query, std::int64_t most_items);

}  // namespace virga::dialects::aws::lambda

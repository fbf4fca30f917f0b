#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <string>
#include <utility>
#include <vector>

#include "virga/archive/zip_writer.h"
#include "virga/base/encoding.h"
#include "virga/catalog/testing/test_catalog.h"
#include "virga/dialects/aws/lambda/lambda_api.h"
#include "virga/dispatch/testing/fake_invoker.h"
#include "virga/events/async_calls.h"
#include "virga/events/targets/function.h"
#include "virga/io/task_group.h"
#include "virga/services/queue/target.h"
#include "virga/store/testing/direct_loop_store.h"

namespace virga::dialects::testing {

// Adds packages to the catalog without a sandbox, and runs everything at once.
class FakeDeployments final : public deploy::Deployments {
 public:
  explicit FakeDeployments(catalog::Catalog& catalog) : catalog_(catalog) {}
  io::Task<Result<model::Package>> add_package(std::string archive) override {
    co_return catalog_.add_package(archive);
  }
  io::Task<void> prepare(model::Version version) override {
    prepared.push_back(std::move(version));
    co_return;
  }
  io::Task<void> run(std::function<void(catalog::Catalog&)> work) override {
    work(catalog_);
    co_return;
  }

  std::vector<model::Version> prepared;

 private:
  catalog::Catalog& catalog_;
};

using dispatch::testing::FakeInvoker;

inline runtime::Runtimes test_runtimes(const std::string& directory) {
  std::string path = directory + "/runtimes";
  VIRGA_ASSERT(os::make_directories(path + "/node"));
  VIRGA_ASSERT(os::write_file_durably(path + "/node/runtime.json",
                                      R"({"name":"node","identifiers":["nodejs20.x","python3.11"],"contract":"frames",)"
                                      R"("interpreters":["/bin/true"],"version_command":[],"arguments":["/bin/true"],)"
                                      R"("environment":{},"start_variables":[]})"));
  auto loaded = runtime::Runtimes::load(path);
  VIRGA_ASSERT(loaded);
  return std::move(*loaded);
}

// The Lambda API on a catalog in memory and a fake dispatcher.
class LambdaWorld {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  struct Reply {
    int status = 0;
    std::string body;
    std::string fields;
    std::string error_type;
    boost::json::object json() const {
      boost::json::error_code problem;
      auto value = boost::json::parse(body, problem);
      EXPECT_FALSE(problem) << body;
      return value.is_object() ? value.get_object() : boost::json::object();
    }
    std::string text(std::string_view member) const {
      auto object = json();
      auto value = object.if_contains(boost::json::string_view(member.data(), member.size()));
      if (value == nullptr) return "(absent)";
      return value->is_string() ? std::string(value->get_string()) : boost::json::serialize(*value);
    }
    std::string message() const {
      auto object = json();
      return text(object.contains("message") ? "message" : "Message");
    }
  };

  LambdaWorld()
      : loop(std::move(*io::Loop::create(tests.clock))),
        deployments(*tests.catalog),
        runtimes(test_runtimes(tests.directory->path())),
        links(deployments, tests.clock, system_random(), account().base_url),
        calls({*loop, loop_store, *tests.catalog, invoker, system_random(), registry, targets}, {}),
        queues(std::move(*services::queue::Queues::open(
            {*loop, loop_store, system_random(), registry, "arn:aws:sqs:eu-west-1:123456789012:"}, {}, tests.store))),
        mappings(std::move(
            *services::queue::Mappings::open({*loop, loop_store, *queues, *tests.catalog, invoker, system_random(),
                                              registry, "arn:aws:lambda:eu-west-1:123456789012:function:"},
                                             tests.store))),
        api({*tests.catalog, deployments, invoker, calls, targets, *queues, *mappings, runtimes, tests.clock,
             system_random(), account(), links}) {
    targets.add(function_target);
    targets.add(queue_target);
  }

  static aws::Account account() { return {"eu-west-1", "123456789012", "http://127.0.0.1:4600"}; }

  Reply send(std::string_view method, std::string_view target, std::string_view body = {}, const Fields& given = {}) {
    std::vector<http::Field> fields;
    for (const auto& [name, value] : given) fields.push_back({name, value});
    http::Request request;
    request.method = method;
    request.target = target;
    std::size_t question = target.find('?');
    request.path = target.substr(0, question);
    request.has_query = question != std::string_view::npos;
    if (request.has_query) request.query = target.substr(question + 1);
    request.fields = fields;
    request.body = body;
    Reply reply;
    io::run_until_done(*loop, send_to_api(request, reply));
    return reply;
  }

  Reply create(const std::string& name, const std::string& more = "") {
    return send("POST", "/2015-03-31/functions",
                R"({"FunctionName":")" + name + R"(","Runtime":"nodejs20.x","Handler":"index.handler",)" +
                    R"("Role":"arn:aws:iam::123456789012:role/r","Code":{"ZipFile":")" + zip() + "\"}" + more + "}");
  }

  // A package's Base64.
  static std::string zip(const std::string& content = "exports.handler = async () => 1") {
    archive::ZipWriter writer;
    VIRGA_ASSERT(writer.add_file("index.js", content));
    auto bytes = std::move(writer).finish();
    VIRGA_ASSERT(bytes);
    return to_base64(*bytes);
  }

  std::string request_id = "11111111-2222-3333-4444-555555555555";
  catalog::testing::TestCatalog tests;
  std::unique_ptr<io::Loop> loop;
  FakeDeployments deployments;
  FakeInvoker invoker;
  runtime::Runtimes runtimes;
  aws::PackageLinks links;
  metrics::Registry registry;
  store::testing::DirectLoopStore loop_store{tests.store};
  events::Targets targets;
  events::AsyncCalls calls;  // accepts, and does not run what it accepted
  events::FunctionTarget function_target{{*tests.catalog, calls, tests.clock, system_random()}};
  std::unique_ptr<services::queue::Queues> queues;
  std::unique_ptr<services::queue::Mappings> mappings;  // keeps them, and reads no queue
  services::queue::QueueTarget queue_target{*queues};
  aws::LambdaApi api;

 private:
  io::Task<void> send_to_api(const http::Request& request, Reply& reply) {
    bool download = request.path.starts_with(aws::PackageLinks::kPrefix);
    auto task = download ? links.handle(request) : api.answer(request, {}, request_id);
    auto response = co_await std::move(task);
    reply.status = response.status;
    reply.fields = response.fields;
    reply.error_type = response.field("x-amzn-ErrorType");
    reply.body = std::move(response.body);
  }
};

inline constexpr std::string_view kFunctions = "/2015-03-31/functions/";

}  // namespace virga::dialects::testing

#pragma once

#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "virga/archive/zip_writer.h"
#include "virga/base/encoding.h"
#include "virga/catalog/testing/test_catalog.h"
#include "virga/dialects/aws/lambda/lambda_api.h"
#include "virga/io/task_group.h"

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

// Remembers what it was asked to run and answers with `outcomes`, first to last, then with the payload itself.
class FakeInvoker final : public dispatch::Invoker {
 public:
  io::Task<Result<model::Outcome>> invoke(catalog::Resolved target, model::Invocation invocation) override {
    invocations.push_back(invocation);
    versions.push_back(target.version->number.text());
    if (!outcomes.empty()) {
      Result<model::Outcome> outcome = std::move(outcomes.front());
      outcomes.pop_front();
      co_return outcome;
    }
    model::Outcome outcome;
    model::append_event(outcome.payload, invocation);
    if (invocation.log_tail == model::LogTail::Wanted) outcome.log_tail = "START\nEND\n";
    co_return outcome;
  }
  Result<> invoke_later(catalog::Resolved, model::Invocation invocation) override {
    if (later_error) return std::unexpected(*later_error);
    later.push_back(std::move(invocation));
    return {};
  }
  io::Task<void> taken_over(catalog::VersionPointer version) override {
    taken_over_versions.push_back(version->revision.text());
    co_return;
  }
  io::Task<void> warm(catalog::VersionPointer version, catalog::VersionPointer used) override {
    warmed.push_back(version->number.text() + " for " + used->number.text());
    co_return;
  }
  dispatch::InstanceCounts instances() const override { return {1, 2, 3}; }
  dispatch::ProvisionedCounts provisioned(const model::Version&) const override { return provisioned_counts; }

  std::vector<model::Invocation> invocations;
  std::vector<model::Invocation> later;
  std::vector<std::string> versions;
  std::deque<Result<model::Outcome>> outcomes;
  std::optional<Error> later_error;
  std::vector<std::string> taken_over_versions;  // revisions
  std::vector<std::string> warmed;               // "2 for 1"
  dispatch::ProvisionedCounts provisioned_counts;
};

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
      : loop(std::move(*io::Loop::create())),
        deployments(*tests.catalog),
        runtimes(test_runtimes(tests.directory->path())),
        links(deployments, tests.clock, system_random(), account().base_url),
        api({*tests.catalog, deployments, invoker, runtimes, tests.clock, system_random(), account(), links}) {}

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

  catalog::testing::TestCatalog tests;
  std::unique_ptr<io::Loop> loop;
  FakeDeployments deployments;
  FakeInvoker invoker;
  runtime::Runtimes runtimes;
  aws::PackageLinks links;
  aws::LambdaApi api;

 private:
  io::Task<void> send_to_api(const http::Request& request, Reply& reply) {
    bool download = request.path.starts_with(aws::PackageLinks::kPrefix);
    auto task = download ? links.handle(request) : api.handle(request, "11111111-2222-3333-4444-555555555555");
    auto response = co_await std::move(task);
    reply.status = response.status;
    reply.fields = response.fields;
    reply.error_type = response.field("x-amzn-ErrorType");
    reply.body = std::move(response.body);
  }
};

inline constexpr std::string_view kFunctions = "/2015-03-31/functions/";

}  // namespace virga::dialects::testing

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "virga/http/server.h"
#include "virga/io/event.h"
#include "virga/io/loop.h"
#include "virga/io/task.h"
#include "virga/model/invocation.h"
#include "virga/os/descriptor.h"
#include "virga/runtime/contracts/sink.h"

namespace virga::runtime {

// The AWS Lambda Runtime API 2018-06-01 for one process, served on a listener inside its sandbox (aws-runtime-api.md
// §1; states and errors as AWS's runtime interface emulator has them). One loop; the sink outlives it, and `stop` is
// awaited before it is destroyed.
class RuntimeApi final : public http::Handler {
 public:
  static Result<std::unique_ptr<RuntimeApi>> create(io::Loop& loop, os::Descriptor listener, ContractSink& sink);
  ~RuntimeApi() override;

  // Answers the `next` that waits, or the next one that comes. One invocation at a time.
  void invoke(std::uint64_t number, const model::Invocation& invocation, std::int64_t deadline_unix_ms);
  io::Task<void> stop();

 private:
  enum class State {
    Initializing,  // has not asked for work yet
    Ready,         // waits in `next`, or is about to
    Running,       // has an invocation
    Answered,      // has posted its answer and has not asked again
  };
  struct Work {
    std::uint64_t number = 0;
    model::RequestId id;
    std::string payload;
    std::string fields;  // the response's header fields, preformatted
  };

  RuntimeApi(io::Loop& loop, ContractSink& sink);
  io::Task<http::Response> handle(const http::Request& request) override;
  http::Admission admit(const http::Request& head) override;
  io::Task<http::Response> next(const http::Request& request);
  http::Response response(const http::Request& request, std::string_view id);
  http::Response error(const http::Request& request, std::string_view id);
  http::Response init_error(const http::Request& request);

  ContractSink& sink_;
  http::Limits limits_;
  std::unique_ptr<http::Server> server_;
  State state_ = State::Initializing;
  bool stopping_ = false;
  bool has_work_ = false;  // work_ waits for a `next`
  Work work_;
  std::shared_ptr<io::Event> changed_;  // shared with the `next` that waits
};

}  // namespace virga::runtime

// Real sandboxes with real interpreters. Skipped, with the reason, where there is no root or no interpreter.
#include "virga/runtime/instance.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <set>

#include "virga/io/task_group.h"
#include "virga/os/file.h"
#include "virga/runtime/plan.h"

namespace virga::runtime {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::HasSubstr;

// Gives calls to one instance and remembers what it said.
class OneInstance : public InstanceOwner {
 public:
  explicit OneInstance(io::Loop& loop) : ready(loop) {}
  void instance_ready(AnyInstance&) override { ready.set(); }
  void instance_finished(AnyInstance&, Call& call) override { call.done.set(); }
  void instance_logged(AnyInstance&, std::string lines) override { log += lines; }

  io::Event ready;
  std::string log;
};

struct Script {
  std::string runtime = "nodejs20.x";
  std::string handler = "index.handler";
  std::string file = "index.js";
  std::string code;
  seconds timeout{3};
  int calls = 1;
  std::string payload = R"({"name":"Virga"})";
};

struct Seen {
  bool skipped = false;
  std::vector<model::Outcome> outcomes;
  std::vector<std::string> logs;
  Instance::End end;
};

io::Task<void> keep_end(Instance& instance, OneInstance& owner, Instance::End& end) {
  end = co_await instance.run();
  owner.ready.set();
}

io::Task<void> run_script(io::Loop& loop, const Script& script, Seen& seen) {
  auto folder = os::TemporaryDirectory::create().value();
  EXPECT_EQ(::chmod(folder.path().c_str(), 0755), 0);
  EXPECT_TRUE(os::write_file_durably(folder.path() + "/" + script.file, script.code, 0755));
  auto runtimes = Runtimes::load(VIRGA_RUNTIMES_DIRECTORY).value();
  const auto* runtime = runtimes.find(script.runtime);
  EXPECT_NE(runtime, nullptr);
  if (runtime == nullptr || !runtime->missing.empty()) {
    seen.skipped = true;
    co_return;
  }
  sandbox::Helper::Options options;
  options.state_directory = folder.path() + "/state";
  options.readable_folders = {folder.path(), VIRGA_RUNTIMES_DIRECTORY};
  auto created = Sandboxes::create(loop, options);
  EXPECT_TRUE(created) << created.error().message();
  auto& sandboxes = **created;
  sandboxes.serve();
  model::Version version;
  version.function = model::FunctionName("hello");
  version.config.runtime = script.runtime;
  version.config.handler = script.handler;
  version.config.timeout = script.timeout;
  Platform platform{"us-east-1", "000000000000", "", nullptr};
  auto plan = make_plan(std::make_shared<const model::Version>(version), *runtime, platform, {folder.path(), {}},
                        seconds(10), system_clock());
  OneInstance owner(loop);
  io::TaskGroup group(loop);
  Instance instance(loop, sandboxes, std::move(plan), owner);
  group.add(keep_end(instance, owner, seen.end));
  EXPECT_TRUE(co_await owner.ready.wait(io::Deadline::in(loop, seconds(20))));
  if (instance.state() == Instance::State::Ready) {
    std::vector<std::unique_ptr<Call>> calls;
    for (int i = 0; i < script.calls; ++i) {
      model::Invocation invocation;
      invocation.id = model::RequestId("request-" + std::to_string(i));
      invocation.payload = script.payload;
      invocation.invoked_arn = "arn:aws:lambda:us-east-1:000000000000:function:hello";
      calls.push_back(std::make_unique<Call>(loop, std::move(invocation), script.timeout));
    }
    for (auto& call : calls) {
      instance.give(*call);
      if (!instance.can_prefetch()) EXPECT_TRUE(co_await call->done.wait(io::Deadline::in(loop, seconds(20))));
    }
    std::set<Call*> unstarted;
    for (auto& call : calls) {
      while (!call->done.is_set() && group.size() > 0)
        co_await io::sleep_until(loop, io::Deadline::in(loop, milliseconds(5)));
    }
    instance.kill();
    EXPECT_TRUE(co_await group.join(io::Deadline::in(loop, seconds(10))));
    unstarted.insert(seen.end.unstarted.begin(), seen.end.unstarted.end());
    for (auto& call : calls) {
      if (unstarted.contains(call.get())) continue;
      seen.outcomes.push_back(std::move(call->outcome));
      seen.logs.push_back(std::move(call->log));
    }
  }
  EXPECT_TRUE(co_await group.join(io::Deadline::in(loop, seconds(10))));
  EXPECT_EQ(sandboxes.count(), 0u);
  co_await sandboxes.stop();
}

Seen run(const Script& script) {
  Seen seen;
  if (::geteuid() != 0) {
    seen.skipped = true;
    return seen;
  }
  auto loop = io::Loop::create().value();
  io::run_until_done(*loop, run_script(*loop, script, seen));
  return seen;
}

#define VIRGA_RUN(seen, script) \
  auto seen = run(script);      \
  if (seen.skipped) GTEST_SKIP() << "needs root and the interpreter of " << (script).runtime

TEST(Instance, SaysWhyCodeDoesNotLoad) {
  Script script;
  script.code = "throw new RangeError('no');";
  VIRGA_RUN(seen, script);
  ASSERT_TRUE(seen.end.failure);
  EXPECT_EQ(seen.end.failure->fault, model::Fault::InitFailed);
  EXPECT_THAT(seen.end.failure->payload, HasSubstr(R"("errorType":"RangeError")"));
}

TEST(Instance, SaysHowAProcessExitedWhileLoading) {
  Script script;
  script.code = "process.exit(7);";
  VIRGA_RUN(seen, script);
  ASSERT_TRUE(seen.end.failure);
  EXPECT_THAT(seen.end.failure->payload, HasSubstr("exit status 7"));
}

TEST(Instance, EndsACallAtItsTimeout) {
  Script script;
  script.timeout = seconds(1);
  script.code = "exports.handler = async () => { while (true); };";
  VIRGA_RUN(seen, script);
  ASSERT_EQ(seen.outcomes.size(), 1u);
  EXPECT_EQ(seen.outcomes[0].fault, model::Fault::TimedOut);
  EXPECT_EQ(
      seen.outcomes[0].payload,
      R"({"errorType":"Sandbox.Timedout","errorMessage":"RequestId: request-0 Error: Task timed out after 1.00 seconds"})");
  EXPECT_LT(seen.outcomes[0].phases.run, milliseconds(1100));
}

TEST(Instance, FailsOnlyTheCallThatRanWhenItsProcessDies) {
  Script script;
  script.calls = 5;
  script.code = "exports.handler = async () => { console.log('dying'); process.exit(3); };";
  VIRGA_RUN(seen, script);
  ASSERT_EQ(seen.outcomes.size(), 1u);
  EXPECT_EQ(seen.end.unstarted.size(), 4u);
  EXPECT_EQ(seen.outcomes[0].fault, model::Fault::Reported);  // its bootstrap told before it went
  EXPECT_THAT(seen.outcomes[0].payload,
              HasSubstr("RequestId: request-0 Error: Runtime exited with error: exit status 3"));
}

TEST(Instance, BlamesNoCallWhenItDiesUnderSeveral) {
  Script script;
  script.calls = 5;
  script.code = "exports.handler = async () => { process.kill(process.pid, 'SIGKILL'); await new Promise(() => {}); };";
  VIRGA_RUN(seen, script);
  EXPECT_EQ(seen.outcomes.size(), 0u);
  EXPECT_EQ(seen.end.unstarted.size(), 5u);
  EXPECT_TRUE(seen.end.is_uncertain);
}

TEST(Instance, CountsWhatTheKernelEndedAsOutOfMemory) {
  Script script;
  script.runtime = "python3.11";
  script.handler = "app.handler";
  script.file = "app.py";
  script.code = "def handler(event, context):\n  x = bytearray(400 << 20)\n  return len(x)\n";
  VIRGA_RUN(seen, script);
  ASSERT_EQ(seen.outcomes.size(), 1u);
  EXPECT_EQ(seen.outcomes[0].fault, model::Fault::OutOfMemory);
}

TEST(Instance, RunsNodeAndKeepsEachCallsLog) {
  Script script;
  script.calls = 3;
  script.code =
      "exports.handler = async (event, context) => { console.log('hello', context.awsRequestId); return event.name; };";
  VIRGA_RUN(seen, script);
  ASSERT_EQ(seen.outcomes.size(), 3u);
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(seen.outcomes[i].fault, model::Fault::None);
    EXPECT_EQ(seen.outcomes[i].payload, "\"Virga\"");
    EXPECT_THAT(seen.logs[i], HasSubstr("hello request-" + std::to_string(i)));
    EXPECT_EQ(std::count(seen.logs[i].begin(), seen.logs[i].end(), '\n'), 1);
  }
  EXPECT_TRUE(seen.outcomes[0].is_cold());
  EXPECT_FALSE(seen.outcomes[1].is_cold());
  EXPECT_GT(seen.outcomes[0].max_memory.count, 1u << 20);
}

TEST(Instance, RunsPython) {
  Script script;
  script.runtime = "python3.11";
  script.handler = "app.handler";
  script.file = "app.py";
  script.code = "def handler(event, context):\n  print('hi', event['name'])\n  return {'name': event['name']}\n";
  VIRGA_RUN(seen, script);
  ASSERT_EQ(seen.outcomes.size(), 1u);
  EXPECT_EQ(seen.outcomes[0].payload, R"({"name": "Virga"})");
  EXPECT_EQ(seen.logs[0], "hi Virga\n");
}

TEST(Instance, RunsABootstrapThatSpeaksTheRuntimeApi) {
  Script script;
  script.runtime = "provided.al2023";
  script.file = "bootstrap";
  script.calls = 2;
  script.code = R"(#!/usr/bin/python3
import http.client, os, sys
api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
while True:
    api.request("GET", "/2018-06-01/runtime/invocation/next")
    event = api.getresponse()
    body = event.read()
    print("got", body.decode(), file=sys.stderr, flush=True)
    id = event.getheader("Lambda-Runtime-Aws-Request-Id")
    api.request("POST", f"/2018-06-01/runtime/invocation/{id}/response", body)
    assert api.getresponse().read() == b'{"status":"OK"}'
)";
  VIRGA_RUN(seen, script);
  ASSERT_EQ(seen.outcomes.size(), 2u);
  EXPECT_EQ(seen.outcomes[1].payload, script.payload);
  EXPECT_EQ(seen.logs[1], "got " + script.payload + "\n");
}

}  // namespace
}  // namespace virga::runtime

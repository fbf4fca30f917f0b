#include "virga/dispatch/dispatcher.h"

#include <unordered_map>

#include "virga/base/problems.h"
#include "virga/catalog/catalog.h"
#include "virga/dispatch/figures.h"
#include "virga/dispatch/pool.h"
#include "virga/runtime/plan.h"
#include "virga/telemetry/log.h"

namespace virga::dispatch {
namespace {

constexpr std::chrono::seconds kCareTime{5};  // between two looks for idle instances and retired pools

// Lambda's waits before the second and the third attempt of an Event invocation.
constexpr std::chrono::seconds kRetryWaits[] = {std::chrono::seconds(60), std::chrono::seconds(120)};

Error stopping() {
  return Error(ErrorCode::Unavailable, "Virga is stopping");
}

}  // namespace

struct Dispatcher::State final : InstanceBudget {
  State(Parts p, Options o)
      : parts(p),
        options(std::move(o)),
        figures(p.metrics),
        lives(p.loop),
        later(p.loop),
        stop_asked(p.loop),
        care(p.loop) {
    platform = {options.region, options.account, options.endpoint, options.access_key, options.secret_key};
  }

  Parts parts;
  Options options;
  runtime::Platform platform;
  Figures figures;
  io::TaskGroup lives;  // of instances
  io::TaskGroup later;  // Event invocations
  io::Event stop_asked;
  io::Timer care;
  catalog::Watch watch;
  // By the revision of the version: an update makes a new one. Shared with the lives of the pool's instances.
  std::unordered_map<std::string, std::shared_ptr<Pool>> pools;
  std::vector<std::shared_ptr<Pool>> retired;
  std::unordered_map<std::string, std::uint32_t> running;  // calls under way, by function
  std::uint32_t running_in_all = 0;
  std::uint32_t instances = 0;

  bool take_place() override {
    if (instances >= options.max_instances) {
      // The instance that is idle for longest makes room; its place is free when it has ended.
      runtime::Instance* oldest = nullptr;
      for (auto& [revision, pool] : pools) {
        auto* candidate = pool->longest_idle();
        if (candidate == nullptr) continue;
        if (oldest == nullptr || candidate->idle_since() < oldest->idle_since()) oldest = candidate;
      }
      if (oldest != nullptr) oldest->kill();
      return false;
    }
    ++instances;
    return true;
  }
  void give_place_back() override { --instances; }

  Result<Pool*> pool_of(const catalog::VersionPointer& version) {
    auto found = pools.find(version->revision.text());
    if (found != pools.end()) return found->second.get();
    const auto* runtime = parts.runtimes.find(version->config.runtime);
    if (runtime == nullptr) {
      return fail(ErrorCode::Unavailable, "no runtime here answers '" + version->config.runtime + "'");
    }
    if (!runtime->missing.empty()) return fail(problem::kNoInterpreter, runtime->missing);
    auto plan = [this, version, runtime] {
      runtime::CodeFolders folders;
      folders.code = parts.catalog.packages().path(version->package.id);
      for (const auto& layer : version->layer_packages)
        folders.layers.push_back(parts.catalog.packages().path(layer.id));
      return runtime::make_plan(version, *runtime, platform, folders, options.init_timeout, parts.loop.clock());
    };
    Pool::Parts pool_parts{parts.loop, parts.sandboxes, *this, parts.logs, figures, lives, options.max_queue_wait};
    auto pool = std::make_shared<Pool>(pool_parts, version, std::move(plan));
    return pools.emplace(version->revision.text(), std::move(pool)).first->second.get();
  }

  Result<> admit(const catalog::Resolved& target, const Figures::OfFunction& cells) {
    const auto& name = target.version->function.text();
    auto& count = running[name];
    const auto& reserved = target.function->function.reserved_concurrency;
    if (reserved && count >= *reserved) {
      cells.throttles->add();
      return fail(ErrorCode::ResourceExhausted,
                  "ReservedFunctionConcurrentInvocationLimitExceeded: '" + name + "' has a reserved concurrency of " +
                      std::to_string(*reserved) +
                      "; raise it with: aws lambda put-function-concurrency --function-name " + name +
                      " --reserved-concurrent-executions N");
    }
    if (running_in_all >= options.account_concurrency) {
      cells.throttles->add();
      return fail(
          ErrorCode::ResourceExhausted,
          "ConcurrentInvocationLimitExceeded: " + std::to_string(options.account_concurrency) +
              " invocations run at once, which is the account's limit; raise it with: virga serve --concurrency N");
    }
    ++count;
    ++running_in_all;
    return {};
  }
  void leave(const std::string& function) {
    --running_in_all;
    if (auto found = running.find(function); found != running.end() && --found->second == 0) running.erase(found);
  }

  // A version that the catalog no longer has, or has in another state, gets no more calls.
  void function_changed(const model::FunctionName& name) {
    auto entry = parts.catalog.function(name);
    for (auto it = pools.begin(); it != pools.end();) {
      auto& pool = it->second;
      if (pool->version().function != name) {
        ++it;
        continue;
      }
      auto current = entry ? (*entry)->version(pool->version().number) : nullptr;
      if (current != nullptr && current->revision == pool->version().revision) {
        ++it;
        continue;
      }
      pool->retire();
      retired.push_back(std::move(pool));
      it = pools.erase(it);
    }
    if (!entry) {
      figures.forget(name);
      parts.logs.forget(name);
    }
  }

  void take_care() {
    auto before = parts.loop.clock().steady() - options.idle_time;
    for (auto& [revision, pool] : pools) pool->end_idle(before);
    std::erase_if(retired, [](const auto& pool) { return pool->is_empty(); });
    care.start(io::Deadline::in(parts.loop, kCareTime), [this] { take_care(); });
  }
};

Dispatcher::Dispatcher(Parts parts, Options options) : state_(std::make_unique<State>(parts, std::move(options))) {
  auto& state = *state_;
  state.watch = parts.catalog.watch([&state](const catalog::Change& change) {
    // Called on the thread of the mutation.
    state.parts.loop.post([&state, name = change.name] { state.function_changed(name); });
  });
  state.care.start(io::Deadline::in(parts.loop, kCareTime), [&state] { state.take_care(); });
  metrics::Registry& registry = parts.metrics;
  registry.gauge_from("virga_instances_starting", "Instances that are being started.",
                      [this] { return static_cast<double>(instances().starting); });
  registry.gauge_from("virga_instances_idle", "Instances that wait for a call.",
                      [this] { return static_cast<double>(instances().idle); });
  registry.gauge_from("virga_instances_busy", "Instances that run a call.",
                      [this] { return static_cast<double>(instances().busy); });
}

Dispatcher::~Dispatcher() = default;

io::Task<Result<model::Outcome>> Dispatcher::invoke(catalog::Resolved target, model::Invocation invocation) {
  auto& state = *state_;
  if (state.stop_asked.is_set()) co_return fail(stopping());
  const auto& version = *target.version;
  if (version.state != model::FunctionState::Active && version.state != model::FunctionState::Inactive) {
    bool is_pending = version.state == model::FunctionState::Pending;
    co_return fail(ErrorCode::Conflict,
                   std::string("The operation cannot be performed at this time. The function is currently in the "
                               "following state: ") +
                       (is_pending ? "Pending" : "Failed"));
  }
  auto pool = state.pool_of(target.version);
  if (!pool) co_return fail(std::move(pool).error());
  if (auto admitted = state.admit(target, (*pool)->cells()); !admitted) co_return fail(std::move(admitted).error());
  runtime::Call call(state.parts.loop, std::move(invocation), version.config.timeout);
  (*pool)->submit(call);
  auto done = co_await call.done.wait();
  (void)done;
  state.leave(version.function.text());
  if (call.refusal) co_return fail(std::move(*call.refusal));
  co_return std::move(call.outcome);
}

namespace {

// Runs an Event invocation: up to three attempts, as Lambda does with its defaults. A refusal is no attempt.
io::Task<void> run_later(Dispatcher& dispatcher, io::Loop& loop, io::Event& stop, catalog::Resolved target,
                         model::Invocation invocation) {
  std::size_t attempt = 0;
  std::chrono::seconds refusal_wait{1};
  while (!stop.is_set()) {
    auto outcome = co_await dispatcher.invoke(target, invocation);
    std::chrono::seconds wait{0};
    if (outcome) {
      if (outcome->fault == model::Fault::None) co_return;
      if (attempt == std::size(kRetryWaits)) break;
      wait = kRetryWaits[attempt++];
    } else {
      wait = refusal_wait;
      refusal_wait = std::min(refusal_wait * 2, std::chrono::seconds(300));
    }
    auto stopped = co_await stop.wait(io::Deadline::in(loop, wait));
    (void)stopped;
  }
  log::warn("event invocation given up", {{"function", target.version->function},
                                          {"request_id", invocation.id},
                                          {"attempts", static_cast<std::uint64_t>(attempt + 1)}});
}

}  // namespace

Result<> Dispatcher::invoke_later(catalog::Resolved target, model::Invocation invocation) {
  auto& state = *state_;
  if (state.stop_asked.is_set()) return fail(stopping());
  if (state.later.size() >= state.options.max_waiting_later) {
    return fail(ErrorCode::ResourceExhausted,
                "FunctionInvocationRateLimitExceeded: " + std::to_string(state.options.max_waiting_later) +
                    " Event invocations wait already, which is as many as are kept in memory");
  }
  state.later.add(run_later(*this, state.parts.loop, state.stop_asked, std::move(target), std::move(invocation)));
  return {};
}

io::Task<void> Dispatcher::stop() {
  auto& state = *state_;
  state.stop_asked.set();
  state.watch = catalog::Watch();
  state.care.cancel();
  for (auto& [revision, pool] : state.pools) pool->stop(stopping());
  for (auto& pool : state.retired) pool->stop(stopping());
  auto lives = co_await state.lives.join();
  (void)lives;
  auto later = co_await state.later.join();
  (void)later;
}

InstanceCounts Dispatcher::instances() const {
  InstanceCounts counts;
  auto add = [&counts](const Pool& pool) {
    counts.starting += pool.starting();
    counts.idle += pool.idle();
    counts.busy += pool.busy();
  };
  for (const auto& [revision, pool] : state_->pools) add(*pool);
  for (const auto& pool : state_->retired) add(*pool);
  return counts;
}

}  // namespace virga::dispatch

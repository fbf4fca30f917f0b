#include "virga/dispatch/dispatcher.h"

#include <unordered_map>

#include "virga/dispatch/figures.h"
#include "virga/dispatch/internal/admission.h"
#include "virga/dispatch/internal/later.h"
#include "virga/dispatch/internal/memory_budget.h"
#include "virga/dispatch/pool.h"

namespace virga::dispatch {
namespace {

constexpr std::chrono::seconds kCareTime{5};  // between two looks for idle instances and retired pools

Error stopping() {
  return Error(ErrorCode::Unavailable, "Virga is stopping");
}

Result<> check_ready(const model::Version& version) {
  if (version.state == model::FunctionState::Active || version.state == model::FunctionState::Inactive) return {};
  bool is_pending = version.state == model::FunctionState::Pending;
  return fail(ErrorCode::Conflict,
              std::string("The operation cannot be performed at this time. The function is currently in the "
                          "following state: ") +
                  (is_pending ? "Pending" : "Failed"));
}

}  // namespace

struct Dispatcher::State {
  State(Parts p, Options o, Invoker& self)
      : parts(p),
        options(o),
        figures(p.metrics),
        admission(o.account_concurrency),
        budget({{o.memory_budget, o.max_instances}, o.idle_time}, figures, &Pool::evict),
        lives(p.loop),
        later(p.loop, self, o.max_waiting_later),
        care(p.loop) {}

  Parts parts;
  Options options;
  Figures figures;
  Admission admission;
  MemoryBudget budget;
  io::TaskGroup lives;  // of instances
  Later later;
  bool is_stopping = false;
  io::Timer care;
  catalog::Watch watch;
  // By the revision of the version: an update makes a new one. Shared with the lives of the pool's instances.
  std::unordered_map<std::string, std::shared_ptr<Pool>> pools;

  Result<Pool*> pool_of(const catalog::VersionPointer& version) {
    auto found = pools.find(version->revision.text());
    if (found != pools.end()) return found->second.get();
    VIRGA_TRY(parts.maker.can_make(*version));
    Pool::Parts pool_parts{parts.loop, parts.maker, budget, parts.logs, figures, lives, options.max_queue_wait};
    auto pool = std::make_shared<Pool>(pool_parts, version, admission.of(version->function));
    // A call may come late, for a version that was replaced since it was looked up.
    if (!is_current(*version)) pool->retire();
    return pools.emplace(version->revision.text(), std::move(pool)).first->second.get();
  }

  bool is_current(const model::Version& version) const {
    auto entry = parts.catalog.function(version.function);
    if (!entry) return false;
    auto current = (*entry)->version(version.number);
    return current != nullptr && current->revision == version.revision;
  }

  // A version that the catalog no longer has, or has in another state, keeps no instance for calls to come.
  void function_changed(const model::FunctionName& name) {
    for (auto& [revision, pool] : pools) {
      if (pool->version().function == name && !is_current(pool->version())) pool->retire();
    }
    if (!parts.catalog.function(name)) {
      figures.forget(name);
      parts.logs.forget(name);
    }
  }

  void take_care() {
    budget.take_care(parts.loop.clock().steady());
    std::erase_if(pools, [](const auto& entry) { return entry.second->is_retired() && entry.second->is_empty(); });
    admission.sweep();
    care.start(io::Deadline::in(parts.loop, kCareTime), [this] { take_care(); });
  }
};

Dispatcher::Dispatcher(Parts parts, Options options) : state_(std::make_unique<State>(parts, options, *this)) {
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
  const auto& keeper = state.budget.keeper();
  registry.gauge_from("virga_instance_memory_bytes", "Resident memory of all instances, as last measured.",
                      [&keeper] { return static_cast<double>(keeper.memory().count); });
  registry.gauge_from("virga_instance_memory_idle_bytes", "The part of it that instances without a call hold.",
                      [&keeper] { return static_cast<double>(keeper.idle_memory().count); });
  registry.gauge_from("virga_instance_memory_budget_bytes", "What instances may hold together.",
                      [&keeper] { return static_cast<double>(keeper.limits().memory.count); });
}

Dispatcher::~Dispatcher() = default;

io::Task<Result<model::Outcome>> Dispatcher::invoke(catalog::Resolved target, model::Invocation invocation) {
  auto& state = *state_;
  if (state.is_stopping) co_return fail(stopping());
  VIRGA_CO_TRY(check_ready(*target.version));
  VIRGA_CO_TRY_ASSIGN(auto* pool, state.pool_of(target.version));
  auto place = state.admission.admit(pool->admitted(), target.function->function.reserved_concurrency);
  if (!place) {
    pool->cells().throttles->add();
    co_return fail(std::move(place).error());
  }
  runtime::Call call(state.parts.loop, std::move(invocation), target.version->config.timeout);
  pool->submit(call);
  auto done = co_await call.done.wait();
  (void)done;
  if (call.refusal) co_return fail(std::move(*call.refusal));
  co_return std::move(call.outcome);
}

Result<> Dispatcher::invoke_later(catalog::Resolved target, model::Invocation invocation) {
  if (state_->is_stopping) return fail(stopping());
  return state_->later.add(std::move(target), std::move(invocation));
}

io::Task<void> Dispatcher::stop() {
  auto& state = *state_;
  state.is_stopping = true;
  state.watch = catalog::Watch();
  state.care.cancel();
  for (auto& [revision, pool] : state.pools) pool->stop(stopping());
  co_await state.later.stop();
  auto lives = co_await state.lives.join();
  (void)lives;
}

InstanceCounts Dispatcher::instances() const {
  InstanceCounts counts;
  for (const auto& [revision, pool] : state_->pools) {
    counts.starting += pool->starting();
    counts.idle += pool->idle();
    counts.busy += pool->busy();
  }
  return counts;
}

}  // namespace virga::dispatch

#include "virga/dispatch/dispatcher.h"

#include <unordered_map>
#include <utility>
#include <vector>

#include "virga/dispatch/figures.h"
#include "virga/dispatch/internal/admission.h"
#include "virga/dispatch/internal/freezer.h"
#include "virga/dispatch/internal/memory_budget.h"
#include "virga/dispatch/pool.h"
#include "virga/dispatch/provisioned.h"
#include "virga/dispatch/refusals.h"
#include "virga/telemetry/log.h"

namespace virga::dispatch {
namespace {

constexpr std::chrono::seconds kCareTime{5};   // between two looks for idle instances and retired pools
constexpr std::chrono::seconds kWarmTime{10};  // that the shift of an alias waits for an instance

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
  State(Parts p, Options o)
      : parts(p),
        options(o),
        figures(p.metrics),
        admission(o.account_concurrency),
        budget({{o.memory_budget, o.max_instances}, o.idle_time, p.reserved}, figures, &Pool::evict),
        freezer(p.loop, {o.freeze_after}, &Pool::freeze),
        lives(p.loop),
        care(p.loop) {}

  Parts parts;
  Options options;
  Figures figures;
  Admission admission;
  MemoryBudget budget;
  Freezer freezer;
  io::TaskGroup lives;  // of instances
  bool is_stopping = false;
  std::optional<SteadyTime> last_waited_for;
  std::shared_ptr<int> alive = std::make_shared<int>(0);  // for work that is posted, which may come after the end
  io::Timer care;
  catalog::Watch watch;
  std::vector<model::FunctionName> handed_over;  // since the last look: the duties of their pools change later
  // By the revision of the version: an update makes a new one. Shared with the lives of the pool's instances.
  std::unordered_map<std::string, std::shared_ptr<Pool>> pools;

  // Between the versions of a function that provisioned concurrency names, by number.
  static std::unordered_map<std::uint64_t, std::uint32_t> pins_of(const catalog::FunctionEntry& entry) {
    std::unordered_map<std::uint64_t, std::uint32_t> pins;
    for (const auto& [key, json] : entry.attachments) {
      if (key.kind != kProvisionedKind) continue;
      auto number = provisioned_version(entry, key.qualifier);
      if (number) pins[number->number()] += read_provisioned(json).requested;
    }
    return pins;
  }

  void settle_pins(const catalog::FunctionPointer& entry) {
    auto pins = pins_of(*entry);
    for (const auto& [number, count] : pins) {
      auto version = entry->version(model::VersionNumber(number));
      if (version == nullptr) continue;
      auto pool = pool_of(version);
      if (pool) (*pool)->pin(count);
    }
    for (auto& [revision, pool] : pools) {
      const auto& version = pool->version();
      if (version.function == entry->function.name && !pins.contains(version.number.number())) pool->pin(0);
    }
  }

  // What was pinned before this program started.
  void settle_all_pins() {
    std::string marker;
    do {
      auto page = parts.catalog.functions(marker, 1000);
      for (const auto& entry : page.items) settle_pins(entry);
      marker = std::move(page.next_marker);
    } while (!marker.empty());
  }

  // The instances of a replaced version serve until one of the new version is ready.
  void hand_over(const catalog::Change& change) {
    if (!change.before || !change.after) return;
    const auto& before = *change.before->latest;
    const auto& after = change.after->latest;
    if (before.revision == after->revision || !check_ready(*after)) return;
    // Whoever goes back wants what is new to stop at once.
    if (change.before->previous && change.before->previous->revision == after->revision) return;
    auto old = pools.find(before.revision.text());
    if (old == pools.end() || old->second->is_empty()) return;
    auto keeps_old = old->second;
    auto pool = pool_of(after);
    if (!pool) return;
    (*pool)->take_over(std::move(keeps_old));
    handed_over.push_back(change.name);
  }

  bool make_room_for(Pool& poor) {
    Pool* richest = nullptr;
    model::Bytes most;
    for (auto& [revision, pool] : pools) {
      if (pool.get() == &poor) continue;
      auto held = pool->held();
      if (richest != nullptr && held.count <= most.count) continue;
      richest = pool.get();
      most = held;
    }
    if (richest == nullptr || !should_yield(most, richest->one(), poor.held(), poor.one())) return false;
    return richest->yield_to(poor.shared_from_this());
  }

  Result<Admission::Place> admit(const catalog::Resolved& target, Admission::OfFunction& function,
                                 model::InvocationKind kind) {
    // The last places are for calls that somebody waits for.
    if (kind == model::InvocationKind::Event && admission.is_nearly_full()) {
      figures.count(Figures::Shed::Event);
      return fail(refusal(ErrorCode::ResourceExhausted, kAccountConcurrency,
                          "at most a tenth of the account's concurrency is free, and Event invocations leave it to "
                          "calls that are waited for; raise it with: virga serve --concurrency N",
                          std::chrono::seconds(1)));
    }
    return admission.admit(function, target.function->function.reserved_concurrency, parts.loop.now());
  }

  // Whether a call may run, as its function's tags say.
  Result<> check_rates(const catalog::Resolved& target, const model::Invocation& invocation,
                       Admission::OfFunction& function) {
    function.guard.follow(target.function);
    if (!function.guard.has_any()) return {};
    return function.guard.check_rates(invocation.caller, parts.loop.now());
  }

  Result<Pool*> pool_of(const catalog::VersionPointer& version) {
    auto found = pools.find(version->revision.text());
    if (found != pools.end()) return found->second.get();
    VIRGA_TRY(parts.maker.can_make(*version));
    Pool::Parts pool_parts{parts.loop,
                           parts.maker,
                           budget,
                           freezer,
                           parts.logs,
                           figures,
                           lives,
                           options.max_queue_wait,
                           [this](Pool& poor) { return make_room_for(poor); }};
    auto pool = std::make_shared<Pool>(pool_parts, version, admission.of(version->function));
    // A call may come late, for a version that was replaced since it was looked up.
    pool->set_duty(duty_of(*version));
    return pools.emplace(version->revision.text(), std::move(pool)).first->second.get();
  }

  Pool::Duty duty_of(const model::Version& version) const {
    auto entry = parts.catalog.function(version.function);
    if (!entry) return Pool::Duty::Retired;
    auto current = (*entry)->version(version.number);
    if (current != nullptr && current->revision == version.revision) return Pool::Duty::Serving;
    const auto& previous = (*entry)->previous;
    return previous && previous->revision == version.revision ? Pool::Duty::Standby : Pool::Duty::Retired;
  }

  void settle_duties(const model::FunctionName& name) {
    for (auto& [revision, pool] : pools) {
      if (pool->version().function != name) continue;
      if (pool->is_standing_in()) handed_over.push_back(name);
      pool->set_duty(pool->is_standing_in() ? Pool::Duty::Serving : duty_of(pool->version()));
    }
  }

  void function_changed(const catalog::Change& change) {
    hand_over(change);
    auto entry = parts.catalog.function(change.name);
    if (entry) {
      settle_pins(*entry);
    } else {
      for (auto& [revision, pool] : pools) {
        if (pool->version().function == change.name) pool->pin(0);
      }
      figures.forget(change.name);
      parts.logs.forget(change.name);
    }
    settle_duties(change.name);
  }

  void take_care() {
    auto now = parts.loop.clock().steady();
    budget.take_care(now);
    for (auto& [revision, pool] : pools) pool->take_care();
    // Stand-ins that are no longer needed, should nobody have waited for the end of that.
    for (const auto& name : std::exchange(handed_over, {})) settle_duties(name);
    std::erase_if(pools, [](const auto& entry) {
      return entry.second->duty() != Pool::Duty::Serving && entry.second->is_empty();
    });
    admission.sweep(now);
    care.start(io::Deadline::in(parts.loop, kCareTime), [this] { take_care(); });
  }
};

Dispatcher::Dispatcher(Parts parts, Options options) : state_(std::make_unique<State>(parts, options)) {
  auto& state = *state_;
  state.watch = parts.catalog.watch([&state](const catalog::Change& change) {
    // Called on the thread of the mutation.
    state.parts.loop.post([&state, change] { state.function_changed(change); });
  });
  parts.loop.post([alive = std::weak_ptr<int>(state.alive), &state] {
    if (!alive.expired()) state.settle_all_pins();
  });
  state.care.start(io::Deadline::in(parts.loop, kCareTime), [&state] { state.take_care(); });
  metrics::Registry& registry = parts.metrics;
  registry.gauge_from("virga_instances_starting", "Instances that are being started.",
                      [this] { return static_cast<double>(instances().starting); });
  registry.gauge_from("virga_instances_idle", "Instances that wait for a call.",
                      [this] { return static_cast<double>(instances().idle); });
  registry.gauge_from("virga_instances_busy", "Instances that run a call.",
                      [this] { return static_cast<double>(instances().busy); });
  const auto& freezer = state.freezer;
  registry.gauge_from("virga_instances_frozen", "Those of them whose processes are stopped until a call comes.",
                      [&freezer] { return static_cast<double>(freezer.frozen()); });
  registry.counter_from("virga_instance_freezes_total", "How often an instance was frozen.",
                        [&freezer] { return static_cast<double>(freezer.freezes()); });
  const auto& keeper = state.budget.keeper();
  registry.gauge_from("virga_instance_memory_bytes", "Resident memory of all instances, as last measured.",
                      [&keeper] { return static_cast<double>(keeper.memory().count); });
  registry.gauge_from("virga_instance_memory_idle_bytes", "The part of it that instances without a call hold.",
                      [&keeper] { return static_cast<double>(keeper.idle_memory().count); });
  registry.gauge_from("virga_instance_memory_budget_bytes", "What instances may hold together.",
                      [&keeper] { return static_cast<double>(keeper.limits().memory.count); });
}

Dispatcher::~Dispatcher() = default;

std::optional<SteadyTime> Dispatcher::last_waited_for() const {
  return state_->last_waited_for;
}

io::Task<Result<model::Outcome>> Dispatcher::invoke(catalog::Resolved target, model::Invocation invocation) {
  return run(std::move(target), std::move(invocation), Fallback::Allowed);
}

io::Task<Result<model::Outcome>> Dispatcher::run(catalog::Resolved target, model::Invocation invocation,
                                                 Fallback fallback) {
  auto& state = *state_;
  if (state.is_stopping) co_return fail(stopping());
  VIRGA_CO_TRY(check_ready(*target.version));
  VIRGA_CO_TRY_ASSIGN(auto* pool, state.pool_of(target.version));
  while (auto* other = pool->stand_in()) pool = other;
  // Whoever runs is not forgotten, so these outlast the pool while `place` is held.
  auto& admitted = *pool->admitted();
  auto& guard = admitted.guard;
  bool is_event = invocation.kind == model::InvocationKind::Event;
  if (is_event) guard.follow(target.function);  // its rate was checked when it was taken
  if (auto rated = is_event ? Result<>() : state.check_rates(target, invocation, admitted); !rated) {
    pool->cells().throttles->add();
    co_return fail(std::move(rated).error());
  }
  auto now = state.parts.loop.now();
  if (!is_event) state.last_waited_for = now;
  double threshold = guard.limits().breaker;
  auto verdict = threshold > 0 ? guard.breaker.ask(now) : Breaker::Verdict::Run;
  if (verdict == Breaker::Verdict::Refuse) {
    pool->cells().breaker_refused->add();
    auto why = guard.breaker_refusal(now);
    if (fallback == Fallback::Refused || is_event) co_return fail(std::move(why));
    auto task = fall_back(std::move(target), std::move(invocation), std::move(why));
    auto answer = co_await std::move(task);
    co_return answer;
  }
  auto place = state.admit(target, admitted, invocation.kind);
  if (!place) {
    pool->cells().throttles->add();
    if (threshold > 0) (void)guard.breaker.record(verdict, Breaker::Ended::NotRun, threshold, now);
    co_return fail(std::move(place).error());
  }
  runtime::Call call(state.parts.loop, std::move(invocation), target.version->config.timeout);
  pool->submit(call);
  auto done = co_await call.done.wait();
  (void)done;
  if (!is_event) state.last_waited_for = state.parts.loop.now();
  if (!call.refusal) admitted.run_time.add(call.outcome.phases.run);
  if (threshold > 0) {
    auto ended = call.refusal                               ? Breaker::Ended::NotRun
                 : call.outcome.fault == model::Fault::None ? Breaker::Ended::Well
                                                            : Breaker::Ended::Failed;
    if (guard.breaker.record(verdict, ended, threshold, state.parts.loop.now())) {
      state.figures.of(target.version->function).breaker_opened->add();
      log::warn("circuit breaker opened", {{"function", target.version->function},
                                           {"failed", static_cast<std::uint64_t>(guard.breaker.failed())},
                                           {"of", static_cast<std::uint64_t>(guard.breaker.ended())}});
    }
  }
  if (call.refusal) co_return fail(std::move(*call.refusal));
  co_return std::move(call.outcome);
}

io::Task<Result<model::Outcome>> Dispatcher::fall_back(catalog::Resolved target, model::Invocation invocation,
                                                       Error refusal) {
  auto& state = *state_;
  const auto& name = target.version->function;
  auto function = state.admission.of(name);
  const auto& limits = function->guard.limits();
  if (!limits.fallback_answer.empty()) {
    state.figures.of(name).fallbacks->add();
    model::Outcome outcome;
    outcome.payload = limits.fallback_answer;
    co_return outcome;
  }
  if (limits.fallback_function.empty()) co_return fail(std::move(refusal));
  std::string_view wanted = limits.fallback_function;
  auto colon = wanted.find(':');
  auto qualifier = colon == std::string_view::npos ? std::string_view() : wanted.substr(colon + 1);
  auto other = state.parts.catalog.resolve(model::FunctionName(std::string(wanted.substr(0, colon))), qualifier, 0.5);
  if (!other) {
    co_return fail(refusal.with_context("and its fallback is not there (" + other.error().message() + ")"));
  }
  state.figures.of(name).fallbacks->add();
  auto task = run(std::move(*other), std::move(invocation), Fallback::Refused);
  auto answer = co_await std::move(task);
  co_return answer;
}

io::Task<void> Dispatcher::stop() {
  auto& state = *state_;
  state.is_stopping = true;
  state.alive.reset();
  state.watch = catalog::Watch();
  state.care.cancel();
  for (auto& [revision, pool] : state.pools) pool->stop(stopping());
  auto lives = co_await state.lives.join();
  (void)lives;
}

io::Task<void> Dispatcher::taken_over(catalog::VersionPointer version) {
  auto& state = *state_;
  auto found = state.pools.find(version->revision.text());
  if (found == state.pools.end()) co_return;
  auto pool = found->second;
  auto done = co_await pool->taken_over();
  (void)done;
  state.settle_duties(version->function);
}

io::Task<void> Dispatcher::warm(catalog::VersionPointer version, catalog::VersionPointer used) {
  auto& state = *state_;
  if (state.is_stopping || !check_ready(*version)) co_return;
  auto old = state.pools.find(used->revision.text());
  if (old == state.pools.end() || old->second->is_empty()) co_return;
  auto found = state.pool_of(version);
  if (!found) co_return;
  auto pool = (*found)->shared_from_this();  // it may be forgotten meanwhile
  if (!pool->warm()) co_return;
  auto started = co_await pool->started(io::Deadline::in(state.parts.loop, kWarmTime));
  (void)started;
}

void Dispatcher::prepare(const catalog::Resolved& target) {
  auto& state = *state_;
  bool may_run = target.function->function.reserved_concurrency.value_or(1) > 0;
  if (state.is_stopping || !may_run || !check_ready(*target.version)) return;
  auto pool = state.pool_of(target.version);
  if (pool && (*pool)->prepare()) state.figures.count_prepared();
}

ProvisionedCounts Dispatcher::provisioned(const model::Version& version) const {
  auto found = state_->pools.find(version.revision.text());
  if (found != state_->pools.end()) return found->second->provisioned();
  ProvisionedCounts counts;
  if (auto can = state_->parts.maker.can_make(version); !can) counts.failure = can.error().message();
  return counts;
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

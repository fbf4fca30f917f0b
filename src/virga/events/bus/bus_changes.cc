// How buses and rules are made and changed: the other half of Bus.

#include "virga/events/bus/bus.h"
#include "virga/events/internal/bus_keys.h"

namespace virga::events {
namespace {

std::unexpected<Error> no_bus(const std::string& name) {
  return fail(ErrorCode::NotFound, "Event bus " + name + " does not exist.");
}
std::unexpected<Error> no_rule(const std::string& bus, const std::string& name) {
  return fail(ErrorCode::NotFound, "Rule " + name + " does not exist on EventBus " + bus + ".");
}

}  // namespace

io::Task<void> Bus::take_turn() {
  while (is_changing_) {
    auto free = co_await turn_free_.wait();
    (void)free;
  }
  is_changing_ = true;
  turn_free_.reset();
}

void Bus::give_turn() {
  is_changing_ = false;
  turn_free_.set();
}

std::shared_ptr<const BusRule> Bus::find_rule(std::string_view bus, std::string_view name) const {
  auto line = lines_.find(std::string(bus));
  if (line == lines_.end()) return nullptr;
  auto rule = line->second.rules.find(std::string(name));
  return rule == line->second.rules.end() ? nullptr : rule->second;
}

io::Task<Result<>> Bus::create_bus(BusInfo info) {
  co_await take_turn();
  Result<> done;
  if (lines_.contains(info.name)) {
    done = fail(ErrorCode::AlreadyExists, "Event bus " + info.name + " already exists.");
  } else {
    info.created = info.modified = parts_.loop.clock().wall();
    store::Batch batch;
    batch.put(std::string(internal::kBuses) + info.name, info.encode());
    done = co_await parts_.store.commit(std::move(batch));
    if (done) lines_.emplace(info.name, Line{info, {}});
  }
  give_turn();
  co_return done;
}

io::Task<Result<>> Bus::change_bus(std::string name, std::function<void(BusInfo&)> change) {
  co_await take_turn();
  Result<> done;
  auto line = lines_.find(name);
  if (line == lines_.end()) {
    done = no_bus(name);
  } else {
    auto info = line->second.info;
    change(info);
    info.modified = parts_.loop.clock().wall();
    store::Batch batch;
    batch.put(std::string(internal::kBuses) + name, info.encode());
    done = co_await parts_.store.commit(std::move(batch));
    if (done) lines_[name].info = std::move(info);
  }
  give_turn();
  co_return done;
}

io::Task<Result<>> Bus::delete_bus(std::string name) {
  co_await take_turn();
  Result<> done;
  auto line = lines_.find(name);
  if (line != lines_.end() && !line->second.rules.empty()) {
    done = fail(ErrorCode::Conflict, "Event bus " + name + " still has rules; delete them first.");
  } else if (line != lines_.end()) {
    store::Batch batch;
    batch.remove(std::string(internal::kBuses) + name);
    done = co_await parts_.store.commit(std::move(batch));
    if (done) lines_.erase(name);
  }
  give_turn();
  co_return done;
}

// In its turn: writes the rule as it is to be, with its schedule.
io::Task<Result<>> Bus::write_rule(BusRule rule) {
  VIRGA_CO_TRY(rule.compile());
  store::Batch batch;
  std::function<void()> arrived;
  auto id = internal::rule_key(internal::kRuleSchedules, rule.bus, rule.name);
  auto before = find_rule(rule.bus, rule.name);
  bool is_same = before && before->schedule == rule.schedule && before->is_enabled == rule.is_enabled &&
                 missed_of(before->tags) == missed_of(rule.tags);
  if (!rule.schedule.empty() && !is_same) {
    PlanText plan;
    plan.expression = rule.schedule;
    plan.is_enabled = rule.is_enabled;
    plan.missed = missed_of(rule.tags);
    plan.created = std::chrono::floor<std::chrono::seconds>(parts_.loop.clock().wall());
    if (rule.schedule.starts_with("at(")) {
      co_return fail(ErrorCode::InvalidArgument, "Parameter ScheduleExpression is not valid.");
    }
    auto put = parts_.scheduler.put(batch, id, plan, "");
    if (!put) {
      co_return fail(ErrorCode::InvalidArgument,
                     "Parameter ScheduleExpression is not valid. Reason: " + put.error().message());
    }
    arrived = std::move(*put);
  } else if (rule.schedule.empty() && parts_.scheduler.contains(id)) {
    arrived = parts_.scheduler.remove(batch, id);
  }
  batch.put(internal::rule_key(internal::kBusRules, rule.bus, rule.name), rule.encode());
  VIRGA_CO_TRY(co_await parts_.store.commit(std::move(batch)));
  auto bus = rule.bus, name = rule.name;
  lines_[bus].rules[name] = std::make_shared<const BusRule>(std::move(rule));
  if (arrived) arrived();
  co_return Result<>();
}

io::Task<Result<>> Bus::put_rule(BusRule rule) {
  co_await take_turn();
  Result<> done;
  if (!lines_.contains(rule.bus)) {
    done = no_bus(rule.bus);
  } else {
    if (auto before = find_rule(rule.bus, rule.name)) {
      rule.targets = before->targets;
      rule.tags = before->tags;
      rule.created = before->created;
    } else {
      rule.created = parts_.loop.clock().wall();
    }
    done = co_await write_rule(std::move(rule));
  }
  give_turn();
  co_return done;
}

io::Task<Result<>> Bus::change_rule(std::string bus, std::string name, std::function<void(BusRule&)> change) {
  co_await take_turn();
  Result<> done;
  auto before = find_rule(bus, name);
  if (!before) {
    done = no_rule(bus, name);
  } else {
    BusRule rule = *before;
    change(rule);
    done = co_await write_rule(std::move(rule));
  }
  give_turn();
  co_return done;
}

io::Task<Result<>> Bus::delete_rule(std::string bus, std::string name) {
  co_await take_turn();
  Result<> done;
  auto rule = find_rule(bus, name);
  if (rule && !rule->targets.empty()) {
    done = fail(ErrorCode::Conflict, "Rule can't be deleted since it has targets.");
  } else if (rule) {
    store::Batch batch;
    batch.remove(internal::rule_key(internal::kBusRules, bus, name));
    auto arrived = parts_.scheduler.remove(batch, internal::rule_key(internal::kRuleSchedules, bus, name));
    done = co_await parts_.store.commit(std::move(batch));
    if (done) {
      lines_[bus].rules.erase(name);
      arrived();
    }
  }
  give_turn();
  co_return done;
}

}  // namespace virga::events

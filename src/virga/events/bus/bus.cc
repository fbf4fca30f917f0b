#include "virga/events/bus/bus.h"

#include "virga/base/id.h"
#include "virga/events/internal/bus_keys.h"
#include "virga/events/internal/hand_over.h"
#include "virga/telemetry/log.h"

namespace virga::events {
namespace {

constexpr std::size_t kPage = 1000;
constexpr int kDeepest = 8;  // buses that one event passes through

}  // namespace

Bus::Bus(Parts parts)
    : parts_(std::move(parts)),
      turn_free_(parts_.loop),
      events_(parts_.metrics.counter("virga_bus_events_total", "Events that were put on a bus and acknowledged.")),
      matched_(parts_.metrics.counter("virga_bus_sent_total", "What events and schedules sent to targets of rules.")),
      undeliverable_(
          parts_.metrics.counter("virga_bus_undeliverable_total", "What the target of a rule could not take.")) {
  BusInfo info;
  info.name = kDefaultBus;
  lines_.emplace(kDefaultBus, Line{info, {}});
}

Result<> Bus::load(const store::Store& store) {
  for (auto prefix : {internal::kBuses, internal::kBusRules}) {
    std::string last;
    while (true) {
      VIRGA_TRY_ASSIGN(auto page, store.scan({std::string(prefix), last, kPage, store::Order::Ascending}));
      for (const auto& [key, value] : page) {
        if (prefix == internal::kBuses) {
          auto info = BusInfo::decode(value);
          if (!info) return fail(ErrorCode::DataLoss, "the record of an event bus is damaged: " + key);
          lines_[info->name].info = *info;
          continue;
        }
        auto rule = BusRule::decode(value);
        if (!rule) return fail(ErrorCode::DataLoss, "the record of an event rule is damaged: " + key);
        auto line = lines_.find(rule->bus);
        if (line == lines_.end()) continue;
        auto name = rule->name;
        line->second.rules[name] = std::make_shared<const BusRule>(std::move(*rule));
      }
      if (page.size() < kPage) break;
      last = page.back().key;
    }
  }
  return {};
}

// ---- Events.

// `event` is whole, raw included.
std::vector<std::function<void()>> Bus::send(store::Batch& batch, const BusRule& rule, const json::Value& event,
                                             std::chrono::seconds age) {
  std::vector<std::function<void()>> arrivals;
  auto arn = rule_arn(parts_.place, rule);
  auto now = format_seconds(parts_.loop.clock().wall());
  for (const auto& [id, target] : rule.targets) {
    Parcel parcel;
    parcel.body = target.make_input({event, arn, rule.name, now});
    parcel.source = arn;
    parcel.group = target.group;
    parcel.max_age = target.max_age;
    auto handled = internal::hand_over(parts_.targets, target.arn, std::move(parcel), target.dead_letters, batch, age);
    (handled.is_good ? matched_ : undeliverable_).add();
    if (!handled.is_good) {
      log::warn("a rule's target takes nothing", {{"rule", arn}, {"target", id}, {"problem", handled.result}});
    }
    std::move(handled.arrivals.begin(), handled.arrivals.end(), std::back_inserter(arrivals));
  }
  return arrivals;
}

Result<std::vector<std::function<void()>>> Bus::add_to(store::Batch& batch, std::string_view bus,
                                                       std::string_view event) {
  auto line = lines_.find(std::string(bus));
  if (line == lines_.end()) return fail(ErrorCode::NotFound, "Event bus " + std::string(bus) + " does not exist.");
  if (depth_ == kDeepest)
    return fail(ErrorCode::InvalidArgument, "the event has passed through too many buses; is there a loop?");
  VIRGA_TRY_ASSIGN(auto value, json::parse(event));
  std::vector<std::function<void()>> arrivals;
  ++depth_;
  for (const auto& [name, rule] : line->second.rules) {
    if (!rule->is_enabled || !rule->compiled || !rule->compiled->matches(value)) continue;
    auto more = send(batch, *rule, value);
    std::move(more.begin(), more.end(), std::back_inserter(arrivals));
  }
  --depth_;
  return arrivals;
}

Result<std::vector<std::function<void()>>> Bus::add_to(store::Batch& batch, const Entry& entry) {
  return add_to(batch, entry.bus, entry.event.to_json(parts_.place));
}

io::Task<Result<std::vector<Result<std::string>>>> Bus::put(std::vector<Entry> entries) {
  store::Batch batch;
  std::vector<Result<std::string>> ids;
  std::vector<std::function<void()>> arrivals;
  std::uint64_t good = 0;
  for (auto& entry : entries) {
    if (entry.event.id.empty()) entry.event.id = make_ordered_uuid(parts_.loop.clock().wall(), parts_.random);
    auto added = add_to(batch, entry);
    if (!added) {
      ids.push_back(fail(std::move(added).error()));
      continue;
    }
    ++good;
    ids.emplace_back(entry.event.id);
    std::move(added->begin(), added->end(), std::back_inserter(arrivals));
  }
  if (!batch.empty()) VIRGA_CO_TRY(co_await parts_.store.commit(std::move(batch)));
  for (auto& arrived : arrivals) arrived();
  events_.add(good);
  co_return ids;
}

void Bus::coming(const std::string& id, const std::string&) {
  auto [bus, name] = internal::rule_in_schedule_id(id);
  auto rule = find_rule(bus, name);
  if (!rule) return;
  for (const auto& [target_id, target] : rule->targets) parts_.targets.prepare(target.arn);
}

Handled Bus::fire(const Fire& fire, store::Batch& batch) {
  Handled handled;
  auto [bus, name] = internal::rule_in_schedule_id(fire.id);
  auto rule = find_rule(bus, name);
  if (!rule) {
    handled.result = "there is no such rule";
    return handled;
  }
  BusEvent event;
  event.id = make_ordered_uuid(parts_.loop.clock().wall(), parts_.random);
  event.source = "aws.events";
  event.detail_type = "Scheduled Event";
  event.time = fire.due;
  event.resources.push_back(rule_arn(parts_.place, *rule));
  auto text = event.to_json(parts_.place);
  auto value = json::parse(text);
  handled.arrivals = send(batch, *rule, *value, internal::age_of(fire, parts_.loop.clock().wall()));
  handled.is_good = handled.arrivals.size() == rule->targets.size();
  handled.result =
      "sent to " + std::to_string(handled.arrivals.size()) + " of " + std::to_string(rule->targets.size()) + " targets";
  return handled;
}

}  // namespace virga::events

// Rules: when something is sent.

#include <fmt/format.h>

#include <algorithm>

#include "virga/dialects/aws/events/operations.h"
#include "virga/dialects/aws/tags.h"
#include "virga/events/pattern.h"
#include "virga/json/cursor.h"
#include "virga/json/text.h"

namespace virga::dialects::aws::event_bridge {
namespace {

void append(json::Object& object, const events::Bus& bus, const events::BusRule& rule) {
  object.add("Name", rule.name)
      .add("Arn", events::rule_arn(bus.place(), rule))
      .add("State", rule.is_enabled ? "ENABLED" : "DISABLED")
      .add("EventBusName", rule.bus);
  for (const auto& [name, text] :
       {std::pair("EventPattern", &rule.pattern), std::pair("ScheduleExpression", &rule.schedule),
        std::pair("Description", &rule.description), std::pair("RoleArn", &rule.role)}) {
    if (!text->empty()) object.add(name, *text);
  }
}

Refusal no_rule(const std::string& bus, const std::string& name) {
  return {400, "ResourceNotFoundException", fmt::format("Rule {} does not exist on EventBus {}.", name, bus), {}};
}
Refusal no_bus(const std::string& bus) {
  return {400, "ResourceNotFoundException", fmt::format("Event bus {} does not exist.", bus), {}};
}

io::Task<Reply> set_enabled(Call call, bool is_enabled) {
  VIRGA_OR_REFUSE_CO(std::string name, name_of(call.body, "Name", 64));
  std::function<void(events::BusRule&)> change = [is_enabled](events::BusRule& rule) { rule.is_enabled = is_enabled; };
  auto changed = co_await call.bus.change_rule(bus_name(call.body), name, std::move(change));
  if (!changed) co_return std::unexpected(refusal_of(changed.error()));
  co_return std::string("{}");
}

}  // namespace

io::Task<Reply> put_rule(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, name_of(call.body, "Name", 64));
  VIRGA_OR_REFUSE_CO(TagMap tags, read_tag_list(call.body.if_contains("Tags")));
  events::BusRule rule;
  rule.bus = bus_name(call.body);
  rule.name = name;
  rule.pattern = text_of(call.body, "EventPattern");
  rule.schedule = text_of(call.body, "ScheduleExpression");
  rule.description = text_of(call.body, "Description");
  rule.role = text_of(call.body, "RoleArn");
  rule.is_enabled = text_of(call.body, "State") != "DISABLED";
  rule.tags = std::move(tags);
  if (rule.pattern.empty() && rule.schedule.empty()) {
    co_return std::unexpected(
        validation_exception("Parameter(s) EventPattern or ScheduleExpression must be specified."));
  }
  if (!rule.schedule.empty() && rule.bus != events::kDefaultBus) {
    co_return std::unexpected(validation_exception("ScheduleExpression is supported only on the default event bus."));
  }
  auto arn = events::rule_arn(call.bus.place(), rule);
  auto put = co_await call.bus.put_rule(std::move(rule));
  if (!put) co_return std::unexpected(refusal_of(put.error()));
  std::string body;
  json::Object(body).add("RuleArn", arn);
  co_return body;
}

io::Task<Reply> delete_rule(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, name_of(call.body, "Name", 64));
  auto bus = bus_name(call.body);
  if (!call.bus.lines().contains(bus)) co_return std::unexpected(no_bus(bus));
  auto deleted = co_await call.bus.delete_rule(bus, name);
  if (!deleted) co_return std::unexpected(refusal_of(deleted.error()));
  co_return std::string("{}");
}

io::Task<Reply> enable_rule(Call call) {
  auto reply = co_await set_enabled(std::move(call), true);
  co_return reply;
}

io::Task<Reply> disable_rule(Call call) {
  auto reply = co_await set_enabled(std::move(call), false);
  co_return reply;
}

io::Task<Reply> describe_rule(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, name_of(call.body, "Name", 64));
  auto bus = bus_name(call.body);
  auto rule = call.bus.find_rule(bus, name);
  if (!rule) co_return std::unexpected(no_rule(bus, name));
  std::string body;
  {
    json::Object object(body);
    append(object, call.bus, *rule);
    object.add("CreatedBy", call.bus.place().account);
  }
  co_return body;
}

io::Task<Reply> list_rules(Call call) {
  VIRGA_OR_REFUSE_CO(Page page, read_page(call.body));
  auto bus = bus_name(call.body);
  auto prefix = text_of(call.body, "NamePrefix");
  auto line = call.bus.lines().find(bus);
  if (line == call.bus.lines().end()) co_return std::unexpected(no_bus(bus));
  auto has_prefix = [&](const auto& member) { return member.first.starts_with(prefix); };
  auto write = [&](json::Array& list, const auto& member) {
    json::Object item(list.open());
    append(item, call.bus, *member.second);
  };
  co_return page_of(line->second.rules, page, "Rules", has_prefix, write);
}

io::Task<Reply> list_rule_names_by_target(Call call) {
  VIRGA_OR_REFUSE_CO(Page page, read_page(call.body));
  auto bus = bus_name(call.body);
  auto arn = text_of(call.body, "TargetArn");
  auto line = call.bus.lines().find(bus);
  if (line == call.bus.lines().end()) co_return std::unexpected(no_bus(bus));
  auto sends_there = [&](const auto& rule) {
    return std::ranges::any_of(rule.second->targets, [&](const auto& target) { return target.second.arn == arn; });
  };
  auto write = [](json::Array& list, const auto& rule) { list.add(rule.first); };
  co_return page_of(line->second.rules, page, "RuleNames", sends_there, write);
}

io::Task<Reply> test_event_pattern(Call call) {
  auto pattern = events::Pattern::compile(text_of(call.body, "EventPattern"));
  if (!pattern) co_return std::unexpected(refusal_of(pattern.error()));
  auto event = text_of(call.body, "Event");
  if (auto valid = json::validate(event); !valid) {
    co_return std::unexpected(validation_exception("Parameter Event is not valid. Reason: " + valid.error().message()));
  }
  std::string body;
  json::Object(body).add("Result", pattern->matches(event));
  co_return body;
}

}  // namespace virga::dialects::aws::event_bridge

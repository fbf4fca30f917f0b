#include <fmt/format.h>

#include <algorithm>
#include <array>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/scheduler/operations.h"
#include "virga/json/cursor.h"
#include "virga/json/text.h"
#include "virga/json/value.h"

namespace virga::dialects::aws::scheduler {
namespace {

using std::chrono::floor;
using std::chrono::seconds;

constexpr std::array<std::string_view, 2> kStates = {"ENABLED", "DISABLED"};
constexpr std::array<std::string_view, 2> kModes = {"OFF", "FLEXIBLE"};
constexpr std::array<std::string_view, 2> kActions = {"NONE", "DELETE"};
constexpr double kLatestTime = 253402300800;  // the year 10000

// Seconds since 1970, or RFC 3339.
Answer<std::optional<events::UtcTime>> read_time(const boost::json::object& body, std::string_view name) {
  const auto* value = body.if_contains(boost::json::string_view(name.data(), name.size()));
  if (value == nullptr || value->is_null()) return std::nullopt;
  if (value->is_number()) {
    auto number = value->to_number<double>();
    if (number >= 0 && number < kLatestTime) return events::UtcTime(seconds(static_cast<std::int64_t>(number)));
  } else if (value->is_string()) {
    auto time = events::parse_rfc3339({value->get_string().data(), value->get_string().size()});
    if (time) return floor<seconds>(*time);
  }
  return std::unexpected(validation_exception(fmt::format("{} is not valid: it is a time.", name)));
}

Answer<std::string> read_target(Members& members) {
  members.require("Target");
  const auto* object = members.object("Target");
  if (object == nullptr) return std::string();
  Members target(*object, members.violations(), members.label("Target"));
  target.require("Arn");
  target.require("RoleArn");
  auto arn = target.text("Arn", {1, 1600});
  (void)target.text("RoleArn", {1, 1600});
  auto input = target.text("Input", {1, 256 << 10});
  if (arn && input && arn->find(":lambda:") != arn->npos && !json::validate(*input)) {
    return std::unexpected(validation_exception("The Input of a function's schedule must be well-formed JSON."));
  }
  if (arn && arn->find(":event-bus/") != arn->npos) {
    target.require("EventBridgeParameters");
    if (input && !json::validate(*input)) {
      return std::unexpected(validation_exception("The Input of an event bus's schedule must be well-formed JSON."));
    }
  }
  return boost::json::serialize(*object);
}

Answer<events::Schedule> read_schedule(const Call& call) {
  events::Schedule schedule;
  VIRGA_OR_REFUSE(schedule.name, checked_name(call.name, "name"));
  Violations violations;
  Members members(call.body, violations);
  if (auto group = members.text("GroupName", {1, 64})) schedule.group = *group;
  members.require("ScheduleExpression");
  schedule.plan.expression = members.text("ScheduleExpression", {1, 256}).value_or("");
  schedule.plan.zone = members.text("ScheduleExpressionTimezone", {1, 50}).value_or("");
  schedule.plan.is_enabled = members.enumeration("State", kStates).value_or("ENABLED") == "ENABLED";
  schedule.description = members.text("Description", {0, 512}).value_or("");
  schedule.key_arn = members.text("KmsKeyArn", {1, 2048}).value_or("");
  schedule.is_deleted_after = members.enumeration("ActionAfterCompletion", kActions).value_or("NONE") == "DELETE";
  members.require("FlexibleTimeWindow");
  if (const auto* object = members.object("FlexibleTimeWindow")) {
    Members window(*object, violations, members.label("FlexibleTimeWindow"));
    window.require("Mode");
    bool is_flexible = window.enumeration("Mode", kModes).value_or("OFF") == "FLEXIBLE";
    if (is_flexible) window.require("MaximumWindowInMinutes");
    auto most = window.integer("MaximumWindowInMinutes", {1, 1440});
    if (is_flexible && most) schedule.plan.window = std::chrono::minutes(*most);
  }
  VIRGA_OR_REFUSE(schedule.plan.start, read_time(call.body, "StartDate"));
  VIRGA_OR_REFUSE(schedule.plan.end, read_time(call.body, "EndDate"));
  VIRGA_OR_REFUSE(schedule.target, read_target(members));
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  if (auto group = call.schedules.groups().find(schedule.group); group != call.schedules.groups().end()) {
    schedule.plan.missed = events::missed_of(group->second.tags);
  }
  if (auto when = events::Expression::parse(schedule.plan.expression); !when) {
    return std::unexpected(validation_exception(
        fmt::format("Invalid Schedule Expression {}. {}", schedule.plan.expression, when.error().message())));
  }
  return schedule;
}

Reply arn_of(const Call& call, const events::Schedule& schedule) {
  std::string body;
  json::Object(body).add("ScheduleArn", call.schedules.arn(schedule));
  return body;
}

Answer<std::string> group_of(const Call& call, std::string_view parameter) {
  auto group = call.query.find(parameter);
  return checked_name(std::string(group.value_or(events::kDefaultGroup)), "groupName");
}

void append_summary(json::Object& object, const Call& call, const events::Schedule& schedule) {
  object.add("Arn", call.schedules.arn(schedule))
      .add("Name", schedule.name)
      .add("GroupName", schedule.group)
      .add("State", schedule.plan.is_enabled ? "ENABLED" : "DISABLED")
      .add("CreationDate", seconds_of(schedule.created))
      .add("LastModificationDate", seconds_of(schedule.modified));
}

}  // namespace

io::Task<Reply> create_schedule(Call call) {
  VIRGA_OR_REFUSE_CO(events::Schedule schedule, read_schedule(call));
  auto created = co_await call.schedules.create(schedule);
  if (!created) co_return std::unexpected(refusal_of(created.error()));
  co_return arn_of(call, schedule);
}

io::Task<Reply> update_schedule(Call call) {
  VIRGA_OR_REFUSE_CO(events::Schedule schedule, read_schedule(call));
  auto updated = co_await call.schedules.update(schedule);
  if (!updated) co_return std::unexpected(refusal_of(updated.error()));
  co_return arn_of(call, schedule);
}

io::Task<Reply> delete_schedule(Call call) {
  VIRGA_OR_REFUSE_CO(std::string group, group_of(call, "groupName"));
  auto removed = co_await call.schedules.remove(group, call.name);
  if (!removed) co_return std::unexpected(refusal_of(removed.error()));
  co_return std::string("{}");
}

io::Task<Reply> get_schedule(Call call) {
  VIRGA_OR_REFUSE_CO(std::string group, group_of(call, "groupName"));
  auto schedule = co_await call.schedules.get(group, call.name);
  if (!schedule) co_return std::unexpected(refusal_of(schedule.error()));
  const auto& plan = schedule->plan;
  std::string body;
  {
    json::Object object(body);
    append_summary(object, call, *schedule);
    object.add("ScheduleExpression", plan.expression)
        .add("ScheduleExpressionTimezone", plan.zone.empty() ? std::string_view("UTC") : std::string_view(plan.zone))
        .add("ActionAfterCompletion", schedule->is_deleted_after ? "DELETE" : "NONE")
        .add_raw("Target", schedule->target);
    if (!schedule->description.empty()) object.add("Description", schedule->description);
    if (!schedule->key_arn.empty()) object.add("KmsKeyArn", schedule->key_arn);
    if (plan.start) object.add("StartDate", plan.start->time_since_epoch().count());
    if (plan.end) object.add("EndDate", plan.end->time_since_epoch().count());
    json::Object window(object.open("FlexibleTimeWindow"));
    window.add("Mode", plan.window.count() > 0 ? "FLEXIBLE" : "OFF");
    if (plan.window.count() > 0) window.add("MaximumWindowInMinutes", plan.window.count() / 60);
  }
  co_return body;
}

io::Task<Reply> list_schedules(Call call) {
  VIRGA_OR_REFUSE_CO(Page page, read_page(call.query));
  std::string group(call.query.find("ScheduleGroup").value_or(""));
  std::string prefix(call.query.find("NamePrefix").value_or(""));
  std::string state(call.query.find("State").value_or(""));
  std::string items;
  std::string next;
  bool is_at_end = false;
  {
    json::Array list(items);
    std::size_t count = 0;
    auto after = page.after;
    while (!is_at_end && count < page.limit) {
      auto found = co_await call.schedules.list(group, after, page.limit);
      if (!found) co_return std::unexpected(refusal_of(found.error()));
      is_at_end = found->size() < page.limit;
      for (const auto& schedule : *found) {
        if (count == page.limit) {
          is_at_end = false;
          break;
        }
        after = schedule.group + "/" + schedule.name;
        bool is_meant =
            schedule.name.starts_with(prefix) && (state.empty() || (state == "ENABLED") == schedule.plan.is_enabled);
        if (!is_meant) continue;
        ++count;
        json::Object item(list.open());
        append_summary(item, call, schedule);
        auto target = json::parse(schedule.target);
        const auto* arn = target ? target->find("Arn") : nullptr;
        json::Object(item.open("Target")).add("Arn", arn == nullptr ? std::string_view() : std::string_view(arn->text));
      }
    }
    next = after;
  }
  std::string body;
  {
    json::Object object(body);
    object.add_raw("Schedules", items);
    if (!is_at_end) object.add("NextToken", to_base64(next));
  }
  co_return body;
}

}  // namespace virga::dialects::aws::scheduler

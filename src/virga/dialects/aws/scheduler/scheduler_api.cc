#include "virga/dialects/aws/scheduler/scheduler_api.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "virga/base/assert.h"
#include "virga/base/encoding.h"
#include "virga/dialects/aws/scheduler/operations.h"
#include "virga/json/text.h"

namespace virga::dialects::aws {
namespace scheduler {
namespace {

constexpr std::array kOperations = {
    Operation{"CreateSchedule", "POST", "/schedules/{Name}", create_schedule},
    Operation{"UpdateSchedule", "PUT", "/schedules/{Name}", update_schedule},
    Operation{"DeleteSchedule", "DELETE", "/schedules/{Name}", delete_schedule},
    Operation{"GetSchedule", "GET", "/schedules/{Name}", get_schedule},
    Operation{"ListSchedules", "GET", "/schedules", list_schedules},
    Operation{"CreateScheduleGroup", "POST", "/schedule-groups/{Name}", create_schedule_group},
    Operation{"DeleteScheduleGroup", "DELETE", "/schedule-groups/{Name}", delete_schedule_group},
    Operation{"GetScheduleGroup", "GET", "/schedule-groups/{Name}", get_schedule_group},
    Operation{"ListScheduleGroups", "GET", "/schedule-groups", list_schedule_groups},
    Operation{"ListTagsForResource", "GET", "/tags/{ResourceArn+}", list_tags_for_resource},
    Operation{"TagResource", "POST", "/tags/{ResourceArn+}", tag_resource},
    Operation{"UntagResource", "DELETE", "/tags/{ResourceArn+}", untag_resource},
};

}  // namespace

std::span<const Operation> operations() {
  return kOperations;
}

Refusal refusal_of(const Error& error) {
  switch (error.code()) {
    case ErrorCode::NotFound:
      return {404, "ResourceNotFoundException", error.message(), {}};
    case ErrorCode::AlreadyExists:
    case ErrorCode::Conflict:
      return {409, "ConflictException", error.message(), {}};
    case ErrorCode::InvalidArgument:
      return {400, "ValidationException", error.message(), {}};
    case ErrorCode::ResourceExhausted:
      return {429, "ThrottlingException", error.message(), {}};
    default:
      return {500, "InternalServerException", error.message(), {}};
  }
}

Answer<std::string> checked_name(std::string name, std::string_view label) {
  bool is_good = !name.empty() && name.size() <= 64 && std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '.' || c == '-' ||
           c == '_';
  });
  if (is_good) return name;
  return std::unexpected(validation_exception(fmt::format(
      "1 validation error detected: Value '{}' at '{}' failed to satisfy constraint: Member must have 1 to 64 "
      "characters and satisfy regular expression pattern: [0-9a-zA-Z-_.]+",
      name.substr(0, 100), label)));
}

Answer<Page> read_page(const Query& query) {
  Page page;
  if (auto token = query.find("NextToken"); token && !token->empty()) {
    auto after = from_base64(*token);
    if (!after) return std::unexpected(validation_exception("Invalid NextToken."));
    page.after = std::move(*after);
  }
  if (auto most = query.find("MaxResults")) {
    auto [end, problem] = std::from_chars(most->data(), most->data() + most->size(), page.limit);
    if (problem != std::errc() || end != most->data() + most->size() || page.limit < 1 || page.limit > 100) {
      return std::unexpected(validation_exception("MaxResults is a number from 1 to 100."));
    }
  }
  return page;
}

double seconds_of(WallTime time) {
  return static_cast<double>(unix_milliseconds(time)) / 1000;
}

}  // namespace scheduler

SchedulerApi::SchedulerApi(events::Schedules& schedules, const Clock& clock) : schedules_(schedules), clock_(clock) {
  for (const auto& operation : scheduler::operations()) {
    auto route = router_.add(operation.method, operation.path);
    VIRGA_ASSERT(route && *route == by_route_.size());
    by_route_.push_back(&operation);
  }
}

http::Response SchedulerApi::refuse(const http::Request&, const Refusal& refusal, const std::string&) const {
  std::string body;
  json::Object(body).add("Message", refusal.message);
  auto response = http::Response::make(refusal.status, "application/json", std::move(body));
  response.add("x-amzn-ErrorType", refusal.code);
  return response;
}

io::Task<http::Response> SchedulerApi::answer(const http::Request& request, const Identity&, std::string request_id) {
  auto match = router_.find(request.method, request.path);
  if (!match) {
    Refusal unknown{404,
                    "UnknownOperationException",
                    fmt::format("EventBridge Scheduler has no operation {} {}.", request.method, request.path),
                    {}};
    co_return counted(kUnknownOperation, refuse(request, unknown, request_id));
  }
  const auto* operation = by_route_[match->route];
  auto body = parse_body(request.body);
  if (!body) {
    auto refusal = std::move(body).error();
    refusal.code = "ValidationException";
    co_return counted(operation->name, refuse(request, refusal, request_id));
  }
  std::string name;
  if (match->capture_count > 0) {
    auto decoded = percent_decode(match->captures[0]);
    name = decoded ? *decoded : std::string(match->captures[0]);
  }
  scheduler::Call call{schedules_, clock_, std::move(name), Query(request.query), std::move(*body)};
  auto answer = co_await operation->handler(std::move(call));
  if (!answer) co_return counted(operation->name, refuse(request, answer.error(), request_id));
  co_return counted(operation->name, http::Response::make(200, "application/json", std::move(*answer)));
}

}  // namespace virga::dialects::aws

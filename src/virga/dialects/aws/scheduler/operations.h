#pragma once

#include <boost/json.hpp>
#include <span>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/dialects/aws/members.h"
#include "virga/dialects/aws/page.h"
#include "virga/dialects/aws/query.h"
#include "virga/dialects/aws/refusal.h"
#include "virga/events/schedule/schedules.h"
#include "virga/io/task.h"

// EventBridge Scheduler's operations. Each answers the JSON of its response.
namespace virga::dialects::aws::scheduler {

// One request. Moved into the operation's coroutine; what it refers to outlives that.
struct Call {
  events::Schedules& schedules;
  const Clock& clock;
  std::string name;  // the captured part of the path, decoded
  Query query;
  boost::json::object body;
};

using Reply = Answer<std::string>;

struct Operation {
  std::string_view name;
  std::string_view method;
  std::string_view path;
  io::Task<Reply> (*handler)(Call);
};
std::span<const Operation> operations();

// What a failure means in Scheduler's words.
Refusal refusal_of(const Error& error);
// Names of schedules and groups, and where lists begin and end: 400 if they are not well-formed.
Answer<std::string> checked_name(std::string name, std::string_view label);
Answer<Page> read_page(const Query& query);
double seconds_of(WallTime time);

io::Task<Reply> create_schedule(Call call);
io::Task<Reply> update_schedule(Call call);
io::Task<Reply> delete_schedule(Call call);
io::Task<Reply> get_schedule(Call call);
io::Task<Reply> list_schedules(Call call);
io::Task<Reply> create_schedule_group(Call call);
io::Task<Reply> delete_schedule_group(Call call);
io::Task<Reply> get_schedule_group(Call call);
io::Task<Reply> list_schedule_groups(Call call);
io::Task<Reply> list_tags_for_resource(Call call);
io::Task<Reply> tag_resource(Call call);
io::Task<Reply> untag_resource(Call call);

}  // namespace virga::dialects::aws::scheduler

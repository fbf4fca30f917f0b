#pragma once

#include <boost/json.hpp>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "virga/base/clock.h"
#include "virga/dialects/aws/members.h"
#include "virga/dialects/aws/page.h"
#include "virga/dialects/aws/refusal.h"
#include "virga/events/bus/bus.h"
#include "virga/io/task.h"

// EventBridge's operations. Each takes the members of its request and answers the JSON of its response.
namespace virga::dialects::aws::event_bridge {

// One request. Moved into the operation's coroutine; what it refers to outlives that.
struct Call {
  events::Bus& bus;
  const events::Targets& targets;
  const Clock& clock;
  boost::json::object body;
};

using Reply = Answer<std::string>;

struct Operation {
  std::string_view name;
  io::Task<Reply> (*handler)(Call);
};
std::span<const Operation> operations();

// What a failure means in EventBridge's words.
Refusal refusal_of(const Error& error);
// "default", a name, or an ARN that ends in one.
std::string bus_name(const boost::json::object& body);
// Which rules of a list come next.
Answer<Page> read_page(const boost::json::object& body);
// A text member; "" if it is not there or no text.
std::string text_of(const boost::json::object& object, std::string_view name);
// 400, as EventBridge checks its members; `label` is the member's name.
Answer<std::string> name_of(const boost::json::object& body, std::string_view label, std::size_t most);

io::Task<Reply> create_event_bus(Call call);
io::Task<Reply> delete_event_bus(Call call);
io::Task<Reply> delete_rule(Call call);
io::Task<Reply> describe_event_bus(Call call);
io::Task<Reply> describe_rule(Call call);
io::Task<Reply> disable_rule(Call call);
io::Task<Reply> enable_rule(Call call);
io::Task<Reply> list_event_buses(Call call);
io::Task<Reply> list_rule_names_by_target(Call call);
io::Task<Reply> list_rules(Call call);
io::Task<Reply> list_tags_for_resource(Call call);
io::Task<Reply> list_targets_by_rule(Call call);
io::Task<Reply> put_events(Call call);
io::Task<Reply> put_rule(Call call);
io::Task<Reply> put_targets(Call call);
io::Task<Reply> remove_targets(Call call);
io::Task<Reply> tag_resource(Call call);
io::Task<Reply> test_event_pattern(Call call);
io::Task<Reply> untag_resource(Call call);

}  // namespace virga::dialects::aws::event_bridge

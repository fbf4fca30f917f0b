// Event buses, and what may be said of them and of rules: tags.

#include <fmt/format.h>

#include "virga/dialects/aws/events/operations.h"
#include "virga/dialects/aws/tags.h"
#include "virga/events/targets/bus.h"
#include "virga/json/text.h"

namespace virga::dialects::aws::event_bridge {
namespace {

double seconds_of(WallTime time) {
  return static_cast<double>(unix_milliseconds(time)) / 1000;
}

void append(json::Object& object, const events::Bus& bus, const events::BusInfo& info) {
  object.add("Name", info.name).add("Arn", events::bus_arn(bus.place(), info.name));
  if (!info.description.empty()) object.add("Description", info.description);
  if (unix_milliseconds(info.created) > 0) {
    object.add("CreationTime", seconds_of(info.created)).add("LastModifiedTime", seconds_of(info.modified));
  }
}

// The bus or the rule that an ARN names.
struct Resource {
  std::string bus;
  std::string rule;  // "": it is a bus
};

Answer<Resource> find_resource(const Call& call) {
  auto arn = text_of(call.body, "ResourceARN");
  Resource resource;
  resource.bus = events::bus_in(arn);
  bool is_there = !resource.bus.empty() && call.bus.lines().contains(resource.bus);
  constexpr std::string_view kRule = ":rule/";
  if (auto at = arn.find(kRule); resource.bus.empty() && at != arn.npos) {
    auto rest = arn.substr(at + kRule.size());
    auto slash = rest.rfind('/');
    resource.bus = slash == rest.npos ? std::string(events::kDefaultBus) : rest.substr(0, slash);
    resource.rule = slash == rest.npos ? rest : rest.substr(slash + 1);
    is_there = call.bus.find_rule(resource.bus, resource.rule) != nullptr;
  }
  if (is_there) return resource;
  return std::unexpected(Refusal{400, "ResourceNotFoundException", fmt::format("'{}' does not exist.", arn), {}});
}

io::Task<Reply> change_tags(Call call, std::function<void(events::Tags&)> change) {
  VIRGA_OR_REFUSE_CO(Resource resource, find_resource(call));
  Result<> changed;
  if (resource.rule.empty()) {
    std::function<void(events::BusInfo&)> on_bus = [change](events::BusInfo& info) { change(info.tags); };
    changed = co_await call.bus.change_bus(resource.bus, std::move(on_bus));
  } else {
    std::function<void(events::BusRule&)> on_rule = [change](events::BusRule& rule) { change(rule.tags); };
    changed = co_await call.bus.change_rule(resource.bus, resource.rule, std::move(on_rule));
  }
  if (!changed) co_return std::unexpected(refusal_of(changed.error()));
  co_return std::string("{}");
}

}  // namespace

io::Task<Reply> create_event_bus(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, name_of(call.body, "Name", 256));
  VIRGA_OR_REFUSE_CO(TagMap tags, read_tag_list(call.body.if_contains("Tags")));
  events::BusInfo info;
  info.name = name;
  info.description = text_of(call.body, "Description");
  info.tags = std::move(tags);
  auto created = co_await call.bus.create_bus(info);
  if (!created) co_return std::unexpected(refusal_of(created.error()));
  std::string body;
  {
    json::Object object(body);
    object.add("EventBusArn", events::bus_arn(call.bus.place(), name));
    if (!info.description.empty()) object.add("Description", info.description);
  }
  co_return body;
}

io::Task<Reply> delete_event_bus(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, name_of(call.body, "Name", 256));
  if (name == events::kDefaultBus) co_return std::unexpected(validation_exception("Cannot delete event bus default."));
  auto deleted = co_await call.bus.delete_bus(name);
  if (!deleted) co_return std::unexpected(refusal_of(deleted.error()));
  co_return std::string("{}");
}

io::Task<Reply> describe_event_bus(Call call) {
  auto name = text_of(call.body, "Name");
  if (auto in_arn = events::bus_in(name); !in_arn.empty()) name = std::string(in_arn);
  if (name.empty()) name = std::string(events::kDefaultBus);
  auto line = call.bus.lines().find(name);
  if (line == call.bus.lines().end()) {
    co_return std::unexpected(
        Refusal{400, "ResourceNotFoundException", fmt::format("Event bus {} does not exist.", name), {}});
  }
  std::string body;
  {
    json::Object object(body);
    append(object, call.bus, line->second.info);
  }
  co_return body;
}

io::Task<Reply> list_event_buses(Call call) {
  VIRGA_OR_REFUSE_CO(Page page, read_page(call.body));
  auto prefix = text_of(call.body, "NamePrefix");
  auto has_prefix = [&](const auto& member) { return member.first.starts_with(prefix); };
  auto write = [&](json::Array& list, const auto& member) {
    json::Object item(list.open());
    append(item, call.bus, member.second.info);
  };
  co_return page_of(call.bus.lines(), page, "EventBuses", has_prefix, write);
}

io::Task<Reply> tag_resource(Call call) {
  VIRGA_OR_REFUSE_CO(TagMap tags, read_tag_list(call.body.if_contains("Tags")));
  std::function<void(events::Tags&)> change = [tags](events::Tags& all) {
    for (const auto& [key, value] : tags) all[key] = value;
  };
  auto reply = co_await change_tags(std::move(call), std::move(change));
  co_return reply;
}

io::Task<Reply> untag_resource(Call call) {
  Violations violations;
  Members members(call.body, violations);
  auto keys = members.texts("TagKeys", {0, 200}, {1, 128});
  if (auto refusal = violations.refusal()) co_return std::unexpected(*std::move(refusal));
  std::function<void(events::Tags&)> change = [keys](events::Tags& all) {
    for (const auto& key : keys.value_or(std::vector<std::string>())) all.erase(key);
  };
  auto reply = co_await change_tags(std::move(call), std::move(change));
  co_return reply;
}

io::Task<Reply> list_tags_for_resource(Call call) {
  VIRGA_OR_REFUSE_CO(Resource resource, find_resource(call));
  const auto& tags = resource.rule.empty() ? call.bus.lines().at(resource.bus).info.tags
                                           : call.bus.find_rule(resource.bus, resource.rule)->tags;
  std::string body;
  json::Object(body).add_raw("Tags", write_tag_list(tags));
  co_return body;
}

}  // namespace virga::dialects::aws::event_bridge

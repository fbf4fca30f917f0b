// Groups of schedules, and their tags.

#include <fmt/format.h>

#include "virga/base/encoding.h"
#include "virga/dialects/aws/scheduler/operations.h"
#include "virga/dialects/aws/tags.h"
#include "virga/json/text.h"

namespace virga::dialects::aws::scheduler {
namespace {

constexpr std::string_view kMiddle = ":schedule-group/";

std::string arn_of(const Call& call, std::string_view group) {
  const auto& place = call.schedules.place();
  return fmt::format("arn:aws:scheduler:{}:{}{}{}", place.region, place.account, kMiddle, group);
}

void append(json::Object& object, const Call& call, const std::string& name, const events::ScheduleGroup& group) {
  object.add("Arn", arn_of(call, name))
      .add("Name", name)
      .add("State", "ACTIVE")
      .add("CreationDate", seconds_of(group.created))
      .add("LastModificationDate", seconds_of(group.modified));
}

Refusal no_group(std::string_view name) {
  return {404, "ResourceNotFoundException", fmt::format("Schedule group {} does not exist.", name), {}};
}

// The group that the ARN in the path names.
Answer<std::string> tagged_group(const Call& call) {
  auto at = call.name.find(kMiddle);
  auto name = at == call.name.npos ? std::string() : call.name.substr(at + kMiddle.size());
  if (!call.schedules.groups().contains(name)) return std::unexpected(no_group(name.empty() ? call.name : name));
  return name;
}

}  // namespace

io::Task<Reply> create_schedule_group(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, checked_name(call.name, "name"));
  VIRGA_OR_REFUSE_CO(TagMap tags, read_tag_list(call.body.if_contains("Tags")));
  if (call.schedules.groups().contains(name)) {
    co_return std::unexpected(
        Refusal{409, "ConflictException", fmt::format("Schedule group {} already exists.", name), {}});
  }
  events::ScheduleGroup group{call.clock.wall(), call.clock.wall(), std::move(tags)};
  auto put = co_await call.schedules.put_group(name, std::move(group));
  if (!put) co_return std::unexpected(refusal_of(put.error()));
  std::string body;
  json::Object(body).add("ScheduleGroupArn", arn_of(call, name));
  co_return body;
}

io::Task<Reply> delete_schedule_group(Call call) {
  auto removed = co_await call.schedules.remove_group(call.name);
  if (!removed) co_return std::unexpected(refusal_of(removed.error()));
  co_return std::string("{}");
}

io::Task<Reply> get_schedule_group(Call call) {
  auto group = call.schedules.groups().find(call.name);
  if (group == call.schedules.groups().end()) co_return std::unexpected(no_group(call.name));
  std::string body;
  {
    json::Object object(body);
    append(object, call, group->first, group->second);
  }
  co_return body;
}

io::Task<Reply> list_schedule_groups(Call call) {
  VIRGA_OR_REFUSE_CO(Page page, read_page(call.query));
  std::string prefix(call.query.find("NamePrefix").value_or(""));
  auto has_prefix = [&](const auto& member) { return member.first.starts_with(prefix); };
  auto write = [&](json::Array& list, const auto& member) {
    json::Object item(list.open());
    append(item, call, member.first, member.second);
  };
  co_return page_of(call.schedules.groups(), page, "ScheduleGroups", has_prefix, write);
}

io::Task<Reply> list_tags_for_resource(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, tagged_group(call));
  std::string body;
  json::Object(body).add_raw("Tags", write_tag_list(call.schedules.groups().at(name).tags));
  co_return body;
}

io::Task<Reply> tag_resource(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, tagged_group(call));
  VIRGA_OR_REFUSE_CO(TagMap tags, read_tag_list(call.body.if_contains("Tags")));
  auto group = call.schedules.groups().at(name);
  for (const auto& [key, value] : tags) group.tags[key] = value;
  auto put = co_await call.schedules.put_group(name, std::move(group));
  if (!put) co_return std::unexpected(refusal_of(put.error()));
  co_return std::string("{}");
}

io::Task<Reply> untag_resource(Call call) {
  VIRGA_OR_REFUSE_CO(std::string name, tagged_group(call));
  auto group = call.schedules.groups().at(name);
  for (const auto& key : call.query.all("TagKeys")) group.tags.erase(key);
  auto put = co_await call.schedules.put_group(name, std::move(group));
  if (!put) co_return std::unexpected(refusal_of(put.error()));
  co_return std::string("{}");
}

}  // namespace virga::dialects::aws::scheduler

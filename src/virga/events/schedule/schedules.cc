#include "virga/events/schedule/schedules.h"

#include "virga/base/id.h"
#include "virga/base/record.h"
#include "virga/events/internal/hand_over.h"
#include "virga/events/targets/bus.h"
#include "virga/json/text.h"
#include "virga/json/value.h"

namespace virga::events {
namespace {

using Kind = json::Value::Kind;

constexpr std::uint8_t kFormat = 1;
constexpr std::string_view kGroups = "events/schedule-group/";  // + name: ScheduleGroup
constexpr std::string_view kPrefix = "schedule/";               // of ids in the scheduler
constexpr std::size_t kPage = 1000;

std::string encode(const ScheduleGroup& group) {
  RecordWriter writer(kFormat);
  writer.time(group.created).time(group.modified);
  writer.pairs(group.tags);
  return writer.take();
}

std::optional<ScheduleGroup> decode_group(std::string_view bytes) {
  RecordReader reader(bytes);
  ScheduleGroup group;
  group.created = reader.time();
  group.modified = reader.time();
  group.tags = reader.pairs<decltype(group.tags)>();
  if (reader.format() != kFormat || !reader.is_whole()) return std::nullopt;
  return group;
}

std::string member(const json::Value& object, std::string_view name) {
  const auto* value = object.find(name);
  return value != nullptr && value->is(Kind::String) ? value->text : std::string();
}
std::string member(const json::Value& object, std::string_view outer, std::string_view name) {
  const auto* value = object.find(outer);
  return value == nullptr ? std::string() : member(*value, name);
}

void replace_all(std::string& text, std::string_view from, std::string_view to) {
  for (auto at = text.find(from); at != text.npos; at = text.find(from, at + to.size()))
    text.replace(at, from.size(), to);
}

std::unexpected<Error> unknown(const std::string& name) {
  return fail(ErrorCode::NotFound, "Schedule " + name + " does not exist.");
}
std::unexpected<Error> unknown_group(const std::string& name) {
  return fail(ErrorCode::NotFound, "Schedule group " + name + " does not exist.");
}

}  // namespace

std::string Schedule::encode() const {
  RecordWriter writer(kFormat);
  writer.text(group)
      .text(name)
      .text(plan.encode())
      .text(description)
      .text(key_arn)
      .number(is_deleted_after ? 1 : 0)
      .time(created)
      .time(modified)
      .text(target);
  return writer.take();
}

std::optional<Schedule> Schedule::decode(std::string_view bytes) {
  RecordReader reader(bytes);
  Schedule schedule;
  schedule.group = reader.text();
  schedule.name = reader.text();
  auto plan = PlanText::decode(reader.view());
  schedule.description = reader.text();
  schedule.key_arn = reader.text();
  schedule.is_deleted_after = reader.number() != 0;
  schedule.created = reader.time();
  schedule.modified = reader.time();
  schedule.target = reader.text();
  if (reader.format() != kFormat || !reader.is_whole() || !plan) return std::nullopt;
  schedule.plan = std::move(*plan);
  return schedule;
}

Schedules::Schedules(Parts parts) : parts_(std::move(parts)) {
  groups_.emplace(kDefaultGroup, ScheduleGroup());
}

Result<> Schedules::load(const store::Store& store) {
  std::string last;
  while (true) {
    VIRGA_TRY_ASSIGN(auto page, store.scan({std::string(kGroups), last, kPage, store::Order::Ascending}));
    for (const auto& [key, value] : page) {
      auto group = decode_group(value);
      if (!group) return fail(ErrorCode::DataLoss, "the record of a schedule group is damaged: " + key);
      groups_[key.substr(kGroups.size())] = std::move(*group);
    }
    if (page.size() < kPage) return {};
    last = page.back().key;
  }
}

std::string Schedules::id(std::string_view group, std::string_view name) {
  return std::string(kPrefix).append(group).append("/").append(name);
}

std::string Schedules::arn(const Schedule& schedule) const {
  return "arn:aws:scheduler:" + parts_.place.region + ":" + parts_.place.account + ":schedule/" + schedule.group + "/" +
         schedule.name;
}

// ---- Changing.

io::Task<Result<>> Schedules::create(Schedule schedule) {
  if (!groups_.contains(schedule.group)) co_return unknown_group(schedule.group);
  if (parts_.scheduler.contains(id(schedule.group, schedule.name))) {
    co_return fail(ErrorCode::AlreadyExists, "Schedule " + schedule.name + " already exists.");
  }
  schedule.created = parts_.loop.clock().wall();
  auto written = co_await write(std::move(schedule), true);
  co_return written;
}

io::Task<Result<>> Schedules::update(Schedule schedule) {
  VIRGA_CO_TRY_ASSIGN(auto before, co_await get(schedule.group, schedule.name));
  schedule.created = before.created;
  auto written = co_await write(std::move(schedule), false);
  co_return written;
}

io::Task<Result<>> Schedules::write(Schedule schedule, bool is_new) {
  auto id = Schedules::id(schedule.group, schedule.name);
  if (changing_.contains(id) || (!is_new && !parts_.scheduler.contains(id))) {
    co_return fail(ErrorCode::Conflict, "Schedule " + schedule.name + " is being changed right now; try again.");
  }
  VIRGA_CO_TRY_ASSIGN(auto target, json::parse(schedule.target));
  VIRGA_CO_TRY(parts_.targets.check(member(target, "Arn")));
  VIRGA_CO_TRY(internal::read_max_age(target));
  schedule.modified = parts_.loop.clock().wall();
  schedule.plan.created = std::chrono::floor<std::chrono::seconds>(schedule.created);
  store::Batch batch;
  VIRGA_CO_TRY_ASSIGN(auto arrived, parts_.scheduler.put(batch, id, schedule.plan, schedule.encode()));
  changing_.insert(id);
  auto written = co_await parts_.store.commit(std::move(batch));
  changing_.erase(id);
  if (written) arrived();
  co_return written;
}

io::Task<Result<>> Schedules::remove(std::string group, std::string name) {
  auto id = Schedules::id(group, name);
  if (!groups_.contains(group)) co_return unknown_group(group);
  if (!parts_.scheduler.contains(id)) co_return unknown(name);
  store::Batch batch;
  auto arrived = parts_.scheduler.remove(batch, id);
  auto written = co_await parts_.store.commit(std::move(batch));
  if (written) arrived();
  co_return written;
}

io::Task<Result<Schedule>> Schedules::get(std::string group, std::string name) {
  if (!groups_.contains(group)) co_return unknown_group(group);
  auto id = Schedules::id(group, name);
  if (!parts_.scheduler.contains(id)) co_return unknown(name);
  VIRGA_CO_TRY_ASSIGN(auto bytes, co_await parts_.scheduler.payload(id));
  if (!bytes) co_return unknown(name);
  auto schedule = Schedule::decode(*bytes);
  if (!schedule) co_return fail(ErrorCode::DataLoss, "the record of the schedule " + name + " is damaged");
  co_return std::move(*schedule);
}

io::Task<Result<std::vector<Schedule>>> Schedules::list(std::string group, std::string after, std::size_t limit) {
  auto prefix = group.empty() ? std::string(kPrefix) : id(group, "");
  auto last = after.empty() ? std::string() : std::string(kPrefix) + after;
  VIRGA_CO_TRY_ASSIGN(auto records, co_await parts_.scheduler.list(prefix, last, limit));
  std::vector<Schedule> schedules;
  for (const auto& record : records) {
    if (auto schedule = Schedule::decode(record.value)) schedules.push_back(std::move(*schedule));
  }
  co_return schedules;
}

io::Task<Result<>> Schedules::put_group(std::string name, ScheduleGroup group) {
  store::Batch batch;
  batch.put(std::string(kGroups) + name, encode(group));
  auto written = co_await parts_.store.commit(std::move(batch));
  if (written) groups_[name] = std::move(group);
  co_return written;
}

io::Task<Result<>> Schedules::remove_group(std::string name) {
  if (name == kDefaultGroup) co_return fail(ErrorCode::InvalidArgument, "The default group cannot be deleted.");
  if (!groups_.contains(name)) co_return unknown_group(name);
  auto kept = groups_[name];
  groups_.erase(name);  // from here on nothing is added to it
  Result<> done;
  while (done) {
    auto page = co_await list(name, "", kPage);
    if (!page) {
      done = fail(std::move(page).error());
      break;
    }
    store::Batch batch;
    std::vector<std::function<void()>> arrivals;
    for (const auto& schedule : *page) arrivals.push_back(parts_.scheduler.remove(batch, id(name, schedule.name)));
    if (page->size() < kPage) batch.remove(std::string(kGroups) + name);
    done = co_await parts_.store.commit(std::move(batch));
    if (!done) break;
    for (auto& arrived : arrivals) arrived();
    if (page->size() < kPage) break;
  }
  if (!done) groups_.emplace(name, kept);
  co_return done;
}

// ---- Firing.

Handled Schedules::fire(const Fire& fire, store::Batch& batch) {
  Handled handled;
  auto schedule = Schedule::decode(fire.payload);
  if (!schedule) {
    handled.result = "its record is damaged";
    return handled;
  }
  handled = send(*schedule, fire, batch);
  if (fire.is_last && schedule->is_deleted_after) handled.arrivals.push_back(parts_.scheduler.remove(batch, fire.id));
  return handled;
}

void Schedules::coming(const std::string&, const std::string& payload) {
  auto schedule = Schedule::decode(payload);
  auto target = schedule ? json::parse(schedule->target) : fail(ErrorCode::DataLoss, "");
  if (target) parts_.targets.prepare(member(*target, "Arn"));
}

Handled Schedules::send(const Schedule& schedule, const Fire& fire, store::Batch& batch) {
  Handled handled;
  auto target = json::parse(schedule.target);
  if (!target) {
    handled.result = "its target cannot be read";
    return handled;
  }
  auto own_arn = arn(schedule);
  auto id = make_ordered_uuid(parts_.loop.clock().wall(), parts_.random);
  auto due = format_seconds(fire.due);
  auto target_arn = member(*target, "Arn");
  auto input = member(*target, "Input");
  // What AWS calls context attributes.
  replace_all(input, "<aws.scheduler.schedule-arn>", own_arn);
  replace_all(input, "<aws.scheduler.scheduled-time>", due);
  replace_all(input, "<aws.scheduler.execution-id>", id);
  replace_all(input, "<aws.scheduler.attempt-number>", "1");

  BusEvent event;
  event.id = id;
  event.time = fire.due;
  event.resources.push_back(own_arn);
  Parcel parcel;
  parcel.source = own_arn;
  parcel.group = member(*target, "SqsParameters", "MessageGroupId");
  if (!bus_in(target_arn).empty()) {
    event.source = member(*target, "EventBridgeParameters", "Source");
    event.detail_type = member(*target, "EventBridgeParameters", "DetailType");
    if (!input.empty()) event.detail = input;
    parcel.body = event.to_json(parts_.place);
  } else if (input.empty()) {
    event.source = "aws.scheduler";
    event.detail_type = "Scheduled Event";
    event.detail = R"("{}")";
    parcel.body = event.to_json(parts_.place);
  } else {
    parcel.body = input;
  }
  parcel.max_age = internal::read_max_age(*target).value_or(std::chrono::seconds(0));
  return internal::hand_over(parts_.targets, target_arn, std::move(parcel), member(*target, "DeadLetterConfig", "Arn"),
                             batch, internal::age_of(fire, parts_.loop.clock().wall()));
}

}  // namespace virga::events

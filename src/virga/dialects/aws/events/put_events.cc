#include <fmt/format.h>

#include <algorithm>
#include <expected>

#include "virga/dialects/aws/events/operations.h"
#include "virga/json/text.h"
#include "virga/json/value.h"

namespace virga::dialects::aws::event_bridge {
namespace {

constexpr std::size_t kMostEntries = 10;
constexpr std::size_t kMostBytes = 1 << 20;  // of all entries
constexpr double kLatestTime = 9223286400;   // April 2262: what is a WallTime

// What is wrong with one entry, in the form of its result.
struct EntryError {
  std::string code;
  std::string message;
};

std::expected<events::Bus::Entry, EntryError> read_entry(const Call& call, const boost::json::value& value) {
  auto invalid = [](std::string_view name) {
    return std::unexpected(EntryError{
        "InvalidArgument", fmt::format("Parameter {} is not valid. Reason: {} is a required argument.", name, name)});
  };
  if (!value.is_object()) return invalid("Entry");
  const auto& object = value.get_object();
  events::Bus::Entry entry;
  auto& event = entry.event;
  entry.bus = bus_name(object);
  event.source = text_of(object, "Source");
  event.detail_type = text_of(object, "DetailType");
  event.detail = text_of(object, "Detail");
  if (event.source.empty()) return invalid("Source");
  if (event.detail_type.empty()) return invalid("DetailType");
  if (event.detail.empty()) return invalid("Detail");
  auto detail = json::parse(event.detail);
  if (!detail || !detail->is(json::Value::Kind::Object)) {
    return std::unexpected(EntryError{"MalformedDetail", "Detail is malformed."});
  }
  event.time = call.clock.wall();
  if (const auto* time = object.if_contains("Time"); time != nullptr && time->is_number()) {
    auto seconds = time->to_number<double>();
    if (!(seconds >= 0 && seconds < kLatestTime)) {
      return std::unexpected(EntryError{"InvalidArgument", "Parameter Time is not valid."});
    }
    event.time = WallTime(std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000)));
  } else if (auto text = text_of(object, "Time"); !text.empty()) {
    auto parsed = events::parse_rfc3339(text);
    if (!parsed) return std::unexpected(EntryError{"InvalidArgument", "Parameter Time is not valid."});
    event.time = *parsed;
  }
  if (const auto* resources = object.if_contains("Resources"); resources != nullptr && resources->is_array()) {
    for (const auto& resource : resources->get_array()) {
      if (!resource.is_string())
        return std::unexpected(EntryError{"InvalidArgument", "Parameter Resources is not valid."});
      event.resources.emplace_back(resource.get_string().data(), resource.get_string().size());
    }
  }
  return entry;
}

std::size_t size_of(const events::BusEvent& event) {
  auto size = event.source.size() + event.detail_type.size() + event.detail.size() + 14;
  for (const auto& resource : event.resources) size += resource.size();
  return size;
}

}  // namespace

io::Task<Reply> put_events(Call call) {
  const auto* list = call.body.if_contains("Entries");
  auto count = list != nullptr && list->is_array() ? list->get_array().size() : 0;
  if (count == 0 || count > kMostEntries) {
    co_return std::unexpected(
        validation_exception(fmt::format("1 validation error detected: Value at 'entries' failed to satisfy "
                                         "constraint: Member must have 1 to {} elements",
                                         kMostEntries)));
  }
  std::vector<std::expected<std::string, EntryError>> results;
  std::vector<events::Bus::Entry> entries;
  std::vector<std::size_t> places;  // of the entries among the results
  std::size_t bytes = 0;
  for (const auto& value : list->get_array()) {
    auto entry = read_entry(call, value);
    if (!entry) {
      results.push_back(std::unexpected(std::move(entry).error()));
      continue;
    }
    bytes += size_of(entry->event);
    places.push_back(results.size());
    results.emplace_back();
    entries.push_back(std::move(*entry));
  }
  if (bytes > kMostBytes) {
    co_return std::unexpected(validation_exception("Total size of the entries in the request is over the limit."));
  }
  auto ids = co_await call.bus.put(std::move(entries));
  if (!ids) co_return std::unexpected(refusal_of(ids.error()));
  for (std::size_t i = 0; i < ids->size(); ++i) {
    auto& id = (*ids)[i];
    if (id) {
      results[places[i]] = std::move(*id);
    } else {
      results[places[i]] = std::unexpected(EntryError{refusal_of(id.error()).code, id.error().message()});
    }
  }
  std::string body;
  {
    json::Object object(body);
    object.add("FailedEntryCount", std::ranges::count_if(results, [](const auto& one) { return !one; }));
    json::Array answers(object.open("Entries"));
    for (const auto& result : results) {
      json::Object item(answers.open());
      if (result) {
        item.add("EventId", *result);
      } else {
        item.add("ErrorCode", result.error().code).add("ErrorMessage", result.error().message);
      }
    }
  }
  co_return body;
}

}  // namespace virga::dialects::aws::event_bridge

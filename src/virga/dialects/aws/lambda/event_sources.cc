#include <fmt/format.h>

#include "virga/dialects/aws/lambda/operations.h"
#include "virga/dialects/aws/members.h"
#include "virga/json/text.h"

// Event source mappings: queues whose messages are events of functions.
namespace virga::dialects::aws::lambda {
namespace {

namespace queue = services::queue;
using queue::Mapping;

constexpr std::int64_t kMostFilters = 10;

std::string function_arn_of(const Call& call, const Mapping& mapping) {
  return function_arn(call.account(), mapping.function, mapping.qualifier);
}

void append(json::Object& object, const Call& call, const Mapping& mapping, std::string_view state) {
  object.add("UUID", mapping.id).add("BatchSize", mapping.batch_size);
  object.add("MaximumBatchingWindowInSeconds", mapping.window.count());
  object.add("EventSourceArn", call.services().queues.arn_of(mapping.queue));
  if (!mapping.filters.empty()) {
    json::Object criteria(object.open("FilterCriteria"));
    json::Array filters(criteria.open("Filters"));
    for (const auto& pattern : mapping.filters) {
      json::Object filter(filters.open());
      filter.add("Pattern", pattern);
    }
  }
  object.add("FunctionArn", function_arn_of(call, mapping));
  object.add("LastModified", static_cast<double>(unix_milliseconds(mapping.modified)) / 1000);
  object.add("State", state).add("StateTransitionReason", "USER_INITIATED");
  object.add("LastProcessingResult", call.services().mappings.last_result(mapping.id));
  {
    json::Array types(object.open("FunctionResponseTypes"));
    if (mapping.reports_failures) types.add("ReportBatchItemFailures");
  }
  if (mapping.max_concurrency > 0) {
    json::Object scaling(object.open("ScalingConfig"));
    scaling.add("MaximumConcurrency", mapping.max_concurrency);
  }
  const auto& account = call.account();
  object.add("EventSourceMappingArn",
             fmt::format("arn:aws:lambda:{}:{}:event-source-mapping:{}", account.region, account.id, mapping.id));
}

std::string_view state_of(const Mapping& mapping) {
  return mapping.is_enabled ? "Enabled" : "Disabled";
}

http::Response answer(const Call& call, int status, const Mapping& mapping, std::string_view state) {
  std::string body;
  {
    json::Object object(body);
    append(object, call, mapping, state);
  }
  return json_response(status, std::move(body));
}

// The function that the body names, and what its settings ask of the queue.
Answer<bool> read_function(const Call& call, const std::string& text, Mapping& mapping) {
  VIRGA_OR_REFUSE(FunctionReference function, parse_function_reference(text));
  VIRGA_OR_REFUSE(catalog::Resolved resolved, resolve(call, function));
  mapping.function = function.name;
  mapping.qualifier = function.qualifier == "$LATEST" ? std::string() : function.qualifier;
  auto record = call.services().queues.describe(mapping.queue);
  if (!record) {
    return std::unexpected(invalid_parameter(
        fmt::format("Error occurred while ReceiveMessage. SQS Error Code: AWS.SimpleQueueService.NonExistentQueue. "
                    "SQS Error Message: The specified queue does not exist: {}.",
                    record.error().message())));
  }
  auto timeout = resolved.version->config.timeout;
  if (record->settings.visibility < timeout) {
    return std::unexpected(invalid_parameter(
        fmt::format("Queue visibility timeout: {} seconds is less than Function timeout: {} seconds. Set the queue's "
                    "VisibilityTimeout to at least that; six times as much is advised.",
                    record->settings.visibility.count(), timeout.count())));
  }
  return true;
}

Answer<bool> read_filters(Members& members, Violations& violations, Mapping& mapping) {
  const auto* criteria = members.object("FilterCriteria");
  if (criteria == nullptr) return true;
  mapping.filters.clear();
  const auto* filters = criteria->if_contains("Filters");
  if (filters == nullptr || filters->is_null()) return true;
  const auto* list = filters->if_array();
  if (list == nullptr || list->size() > kMostFilters) {
    return std::unexpected(invalid_parameter("FilterCriteria.Filters must be a list of up to 10 filters."));
  }
  for (const auto& element : *list) {
    const auto* object = element.if_object();
    if (object == nullptr) return std::unexpected(invalid_parameter("A filter must be an object with a Pattern."));
    Members filter(*object, violations, "filterCriteria.filters");
    mapping.filters.push_back(filter.text("Pattern", {0, 4096}).value_or("{}"));
  }
  return true;
}

// What the body sets, on top of `mapping`, whose queue is known.
Answer<Mapping> read_body(const Call& call, const boost::json::object& object, Mapping mapping) {
  Violations violations;
  Members members(object, violations);
  if (auto size = members.integer("BatchSize", {1, 10'000})) mapping.batch_size = static_cast<std::uint32_t>(*size);
  if (auto window = members.integer("MaximumBatchingWindowInSeconds", {0, 300})) {
    mapping.window = std::chrono::seconds(*window);
  }
  if (auto enabled = members.boolean("Enabled")) mapping.is_enabled = *enabled;
  if (auto types = members.texts("FunctionResponseTypes", {0, 1}, {0, 64})) {
    mapping.reports_failures = !types->empty();
    if (!types->empty() && types->front() != "ReportBatchItemFailures") {
      violations.add("functionResponseTypes", types->front(),
                     "Member must satisfy enum value set: [ReportBatchItemFailures]");
    }
  }
  if (const auto* scaling = members.object("ScalingConfig")) {
    Members config(*scaling, violations, "scalingConfig");
    mapping.max_concurrency = static_cast<std::uint32_t>(config.integer("MaximumConcurrency", {2, 1000}).value_or(0));
  }
  auto tags = members.map("Tags");
  if (tags) mapping.tags = std::move(*tags);
  auto function = members.text("FunctionName", {1, 256});
  VIRGA_OR_REFUSE([[maybe_unused]] bool filtered, read_filters(members, violations, mapping));
  if (auto refusal = violations.refusal()) return std::unexpected(*std::move(refusal));
  if (function) {
    VIRGA_OR_REFUSE([[maybe_unused]] bool found, read_function(call, *function, mapping));
  }
  bool is_fifo = mapping.queue.ends_with(queue::kFifoSuffix);
  if (is_fifo && mapping.batch_size > 10) {
    return std::unexpected(invalid_parameter("Batch size for FIFO queues can be at most 10."));
  }
  if (mapping.batch_size > 10 && mapping.window.count() == 0) {
    return std::unexpected(invalid_parameter(
        "Maximum batch window in seconds must be greater than 0 if maximum batch size is greater than 10"));
  }
  if (is_fifo && mapping.window.count() > 0) {
    return std::unexpected(invalid_parameter("Batching window is not supported for FIFO queues"));
  }
  return mapping;
}

}  // namespace

io::Task<http::Response> create_event_source_mapping(Call call) {
  VIRGA_OR_RESPOND(auto object, parse_body(call.request().body));
  Violations violations;
  Members members(object, violations);
  members.require("FunctionName");
  auto arn = members.text("EventSourceArn", {0, 10'000}).value_or("");
  if (auto refusal = violations.refusal()) co_return respond(*refusal);
  Mapping mapping;
  mapping.queue = queue::queue_of_arn(arn);
  if (mapping.queue.empty()) {
    co_return respond(invalid_parameter("Unrecognized event source: EventSourceArn '" + arn +
                                        "' is no queue's ARN, and Virga reads events from queues only so far."));
  }
  VIRGA_OR_RESPOND(mapping, read_body(call, object, std::move(mapping)));
  auto created = co_await call.services().mappings.create(std::move(mapping));
  if (!created) co_return respond(created.error());
  co_return answer(call, 202, *created, state_of(*created));
}

io::Task<http::Response> get_event_source_mapping(Call call) {
  auto mapping = call.services().mappings.find(call.segment(0));
  if (!mapping) co_return respond(mapping.error());
  co_return answer(call, 200, *mapping, state_of(*mapping));
}

io::Task<http::Response> update_event_source_mapping(Call call) {
  auto known = call.services().mappings.find(call.segment(0));
  if (!known) co_return respond(known.error());
  VIRGA_OR_RESPOND(auto object, parse_body(call.request().body));
  VIRGA_OR_RESPOND(Mapping mapping, read_body(call, object, *known));
  auto changed = co_await call.services().mappings.change(std::move(mapping));
  if (!changed) co_return respond(changed.error());
  co_return answer(call, 202, *changed, state_of(*changed));
}

io::Task<http::Response> delete_event_source_mapping(Call call) {
  auto removed = co_await call.services().mappings.remove(call.segment(0));
  if (!removed) co_return respond(removed.error());
  co_return answer(call, 202, *removed, "Deleting");
}

io::Task<http::Response> list_event_source_mappings(Call call) {
  auto query = call.query();
  VIRGA_OR_RESPOND(PageRequest page, page_request(query, 10'000));
  std::string queue_name;
  auto arn = query.find("EventSourceArn");
  if (arn) queue_name = queue::queue_of_arn(*arn);
  std::optional<FunctionReference> function;
  if (auto text = query.find("FunctionName")) {
    VIRGA_OR_RESPOND(function, parse_function_reference(*text));
  }
  std::string body;
  {
    json::Object object(body);
    std::string next;
    {
      json::Array list(object.open("EventSourceMappings"));
      std::size_t count = 0;
      std::string last;
      for (const auto& mapping : call.services().mappings.list()) {
        if (mapping.id <= page.marker || (arn && mapping.queue != queue_name)) continue;
        if (function && (mapping.function != function->name ||
                         (!function->qualifier.empty() && mapping.qualifier != function->qualifier))) {
          continue;
        }
        if (count++ == page.limit) {
          next = last;
          break;
        }
        last = mapping.id;
        json::Object item(list.open());
        append(item, call, mapping, state_of(mapping));
      }
    }
    if (!next.empty()) object.add("NextMarker", next);
  }
  co_return json_response(200, std::move(body));
}

}  // namespace virga::dialects::aws::lambda
